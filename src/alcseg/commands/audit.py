"""`alcseg audit`: which labels of a dataset are wrong, how, where and by how much; none has to be trusted."""

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path

from alcseg.audited import TRUSTED_LIST, Audit
from alcseg.auditing.folds import draw_folds
from alcseg.auditing.judge import averaged
from alcseg.auditing.typical import unlike_the_others
from alcseg.auditing.words import verdict
from alcseg.commands._audit_page import write_page
from alcseg.commands._audit_raters import judge_readers, sum_up_readers
from alcseg.commands._findings import BAD_BELOW, Findings, mean_dice
from alcseg.commands._judged import DRAWS, judge
from alcseg.commands._out_of_fold import ByRun, OutOfFold
from alcseg.data.fingerprint import fingerprint
from alcseg.data.folder import Dataset
from alcseg.data.groups import hint
from alcseg.errors import DataError, UsageError
from alcseg.files import atomic_path, make_folder, write_text
from alcseg.inference.device import pick_device
from alcseg.inference.pick_engine import pick_engine
from alcseg.launching import JobCount, LauncherName, make_launcher
from alcseg.launching.cores import cores_are_shared
from alcseg.launching.local import count_jobs
from alcseg.listing import has_file
from alcseg.locks import alone
from alcseg.machine import peak_memory_mib, versions
from alcseg.outputs import require_apart, require_free
from alcseg.processes import require_workers
from alcseg.records.audit import AuditRecord, AuditRound, AuditRow, RegionRow, knows_little
from alcseg.records.fingerprint import FingerprintRow
from alcseg.reporting.figures import png_bytes
from alcseg.run import Run
from alcseg.seeds import require_seed
from alcseg.training_methods import METHODS
from alcseg.types import EngineName

__all__ = ["audit"]

logger = logging.getLogger(__name__)

_HEAVILY_WRONG = 0.25  # share of wrong labels from which on a second round trains without them
_FEW_CASES = 20
_SAYS_NOTHING = 0.9  # width of an interval of Dice


def audit(
    dataset: str | PathLike[str],
    *,
    out: str | PathLike[str],
    run: str | PathLike[str] | None = None,
    folds: int | None = None,
    repeats: int | None = None,
    steps: int | None = None,
    rounds: int | None = None,
    method: str | None = None,
    set: Sequence[str] = (),
    seed: int = 0,
    device: str = "auto",
    engine: EngineName = "auto",
    workers: int = 0,
    launcher: LauncherName = "local",
    jobs: JobCount = None,
    slurm: Sequence[str] = (),
) -> Audit:
    """Judge every label by a network that never saw its case or its group; no trusted label is needed.

    Voxels that nobody labeled are not judged, nor is a class that nobody drew in a case.

    The set is dealt into folds; a short training without each gives predictions of all cases. Errors of many
    kinds are simulated on the labels that agree best, and a judge fitted on them says of every given label
    how good it is, with an interval, and what is wrong with it. Where many labels are wrong a second round
    trains without them. Called again on the same folder, finished trainings and predictions are kept.

    Args:
        dataset: Dataset folder; labels of the splits train and val are judged, whatever their quality.
        out: Folder of the audit.
        run: Judge by the network of this run instead; cases that it was trained on are marked. It trains
            nothing, so options of trainings are refused.
        folds: Parts of the set, at least 2; by default 3.
        repeats: Times that the set is dealt anew, by default 1; judgments are averaged.
        steps: Optimizer steps of each training, by default 400.
        rounds: Most rounds, 1 or 2; by default 2.
        method: Of the trainings, one that needs no trusted labels; by default `hl_sup`.
        set: `section.key=value` settings of the trainings, over those of the preset `audit`.
        seed: Of folds, trainings and simulated errors.
        device: `auto`, `cpu`, `cuda` or `cuda:<index>`.
        engine: What computes predictions, as in `predict`; they differ by rounding alone. Trainings follow in
            this process, which `openvino` may crash.
        workers: Processes that read patches.
        launcher: Where trainings run: `local`, or `slurm` through submitit; all else is done here.
        jobs: Trainings side by side; None: one per GPU, else one; a single one runs in this process; `auto`,
            which the command line takes: one per GPU, else one per core as far as there are folds and memory,
            or as many as the threads that an audit in `out` was begun with allow.
        slurm: `KEY=VALUE` options of the jobs, such as `partition=gpu`.

    Raises:
        UsageError: If an option is out of range or tells `run` how to train, `out` lies in the dataset, or
            holds something else.
        ResourceError: If submitit is needed and not installed.
        DataError: If there are too few labels to judge, or the run knows other classes.
    """
    if run is not None:
        _require_no_training(
            folds=folds is not None,
            repeats=repeats is not None,
            steps=steps is not None,
            rounds=rounds is not None,
            method=method is not None,
            set=set,
            workers=workers,
            launcher=launcher != "local",
            jobs=jobs not in (None, "auto"),
            slurm=slurm,
        )
    folds = 3 if folds is None else folds
    repeats = 1 if repeats is None else repeats
    steps = 400 if steps is None else steps
    rounds = 2 if rounds is None else rounds
    method = "hl_sup" if method is None else method
    if folds < 2 or steps < 1 or rounds not in (1, 2) or repeats < 1:
        raise UsageError(
            "expected --folds of at least 2, --steps and --repeats of at least 1 and --rounds 1 or 2, got "
            f"{folds}, {steps}, {repeats} and {rounds}."
        )
    require_seed(seed)
    require_workers(workers)
    method_class, fixed = METHODS[method]
    if "hq" in method_class(**fixed).streams:
        raise UsageError(
            f"--method: expected one that needs no trusted labels, such as hl_sup, got '{method}'."
        )
    pick_engine(engine, pick_device(device))  # before any work
    begun = time.perf_counter()
    source, target = Dataset.open(dataset), Path(out)
    require_apart(target, source.root)
    rows = [row for row in source.rows if row.split != "test" and row.quality != "unlabeled"]
    if not rows:
        raise DataError(
            f"{source.root}: expected labels of the splits train and val to judge, found none. Set split and "
            "quality in cases.csv."
        )
    groups = {row.case_id: row.group for row in rows}
    works: list[OutOfFold | ByRun]
    if not _is_begun(target):
        require_free(target)  # before logs of SLURM lie in it
    own = None if run is None else Run.open(run)
    if own is not None:
        works, rounds = [ByRun(source, rows, own, target / "by_run", device, engine)], 1
    else:
        shared = cores_are_shared(launcher, device, jobs)
        if launcher == "local" and not shared and count_jobs(device, jobs) == 1:
            jobs = 0  # here: progress is seen, and no process has to be started
        launched_by = make_launcher(launcher, target, jobs=jobs, slurm=slurm, device=device)
        works = [
            OutOfFold(
                source,
                rows,
                draw_folds(groups, folds, seed=seed + number),
                target / "folds" / (f"repeat-{number + 1}" if number else ""),
                method,
                steps,
                tuple(set),
                seed + number * folds,
                device,
                workers,
                None if shared else launched_by,
                engine,
            )
            for number in range(repeats)
        ]
    if len(rows) < _FEW_CASES:
        logger.warning("%d labels: with fewer than %d an audit is a rough guess", len(rows), _FEW_CASES)
    if said := hint(groups):
        logger.warning(said)
    with alone(target):
        prints = fingerprint(source, rows)
        _require_same_images(target, prints)
        make_folder(target)
        FingerprintRow.write(target, prints.values())
        told: list[AuditRound] = []
        left_out: frozenset[str] = frozenset()
        while True:
            looks = [work.predict(len(told) + 1, left_out) for work in works]
            found = [judge(look.seen, work.fold_of, seed) for look, work in zip(looks, works, strict=True)]
            judged = averaged([each.judgments for each in found])
            unsure = unlike_the_others(found[0].traits)
            wrong = frozenset(
                name for name, each in judged.items() if mean_dice(each) < BAD_BELOW and name not in unsure
            )
            share = len(wrong) / len(judged)
            told.append(
                AuditRound(left_out=tuple(sorted(left_out)), believed=found[0].believed, wrong_share=share)
            )
            logger.info("round %d: %d of %d labels seem wrong", len(told), len(wrong), len(judged))
            blind = sum(
                all(one.high - one.low > _SAYS_NOTHING for one in each) for each in judged.values() if each
            )
            if len(told) == rounds or share < _HEAVILY_WRONG or knows_little(blind, len(judged)):
                break  # of what networks that know nothing call wrong, another round would learn nothing
            worst = sorted(wrong, key=lambda name: mean_dice(judged[name]))
            left_out = frozenset(worst[: len(judged) // 2])  # enough has to be left to train on
        in_sample = frozenset() if own is None else own.learned_from(rows)
        last = Findings(source, looks[0].seen, judged, works[0].fold_of, unsure, in_sample)
        ranking = last.ranking(rows)
        own_labels = judge_readers(source, looks[0].seen, found[0].judge, works[0].fold_of)
        AuditRow.write(target, ranking)
        RegionRow.write(target, last.write_regions(target))
        trusted = last.trusted()
        write_text(target / TRUSTED_LIST, "".join(f"{name}\n" for name in trusted))
        duplicates = last.duplicates()
        AuditRecord(
            dataset=fspath(dataset),
            method=method if own is None else own.method,
            steps=steps if own is None else 0,
            folds=folds if own is None else 1,
            seed=seed,
            draws=DRAWS,
            cases=len(judged),
            bad_below=BAD_BELOW,
            rounds=tuple(told),
            wrong=len(wrong),
            kinds=dict(Counter(row.kind for row in ranking if row.case_id in wrong and row.kind != "none")),
            blind=blind,
            trusted=trusted,
            unsure=tuple(sorted(unsure)),
            doubted_hq=tuple(
                dict.fromkeys(row.case_id for row in ranking if row.quality == "hq" and row.case_id in wrong)
            ),
            run=None if run is None else fspath(run),
            repeats=repeats,
            duplicates=duplicates,
            raters=sum_up_readers(rows, judged, own_labels, unsure),
            foretold=found[0].foretold,
            failed=looks[0].failed,
            verdict=verdict([mean_dice(one) for one in judged.values()], len(wrong), blind=blind),
            versions=versions(),
            time_s=round(time.perf_counter() - begun, 1),
            peak_memory_mib=peak_memory_mib(),
        ).write(target)
        result = Audit.open(target)
        with atomic_path(target / "worst.png") as path:
            path.write_bytes(png_bytes(result.plot()))
        write_page(target / "report.html", result)
        return result


def _require_no_training(**options: object) -> None:
    """Refuse what only a training would listen to: nobody should believe that it was heard."""
    if stated := [f"--{name}" for name, value in options.items() if value]:
        raise UsageError(
            "--run: expected no options of trainings, since the run judges as it is and nothing is trained, "
            f"got {', '.join(stated)}. Leave out {'it' if len(stated) == 1 else 'them'}, or --run."
        )


def _is_begun(target: Path) -> bool:
    """Whether a folder holds an audit, finished or not."""
    names = (AuditRecord.NAME, FingerprintRow.NAME, "folds", "by_run")
    return any((target / name).exists() for name in names)


def _require_same_images(target: Path, prints: Mapping[str, FingerprintRow]) -> None:
    """Refuse to go on with predictions of other images that have the same names."""
    if not has_file(FingerprintRow.path(target)):
        return
    for row in FingerprintRow.read(target):
        if row.case_id in prints and prints[row.case_id].images != row.images:
            raise UsageError(
                f"{target}: expected an audit of this dataset to go on with, found one that saw another "
                f"image of case '{row.case_id}'. Choose another --out folder, or remove this one."
            )
