"""`alcseg correct`: a run and a dataset in, a new dataset with mended LQ labels and a review list out."""

import functools
import logging
import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from alcseg.auditing.lessons import FEWEST_CASES
from alcseg.auditing.referee import Referee, Verdict
from alcseg.auditing.typical import unlike_the_others
from alcseg.commands._answers import Answers, answers_of_audit, answers_of_run
from alcseg.commands._correct_page import write_page
from alcseg.commands._corrected_dataset import CorrectedDataset
from alcseg.commands._looks import POOR, Looked, Looker, Trusted
from alcseg.commands._spool import Spool
from alcseg.commands.progress import track
from alcseg.corrected import Correction
from alcseg.correction.alignment import CleanLabels
from alcseg.correction.decision import Decision, decide, offset_rows, pseudo_label
from alcseg.correction.decision import add_undrawn as add_classes
from alcseg.correction.description import describe_offsets
from alcseg.correction.ranking import ClassChange, rank_cases
from alcseg.data.folder import Dataset
from alcseg.data.formats.output import LabelOutput
from alcseg.errors import UsageError
from alcseg.inference.compare import class_changes
from alcseg.inference.device import pick_device
from alcseg.inference.pick_engine import pick_engine
from alcseg.machine import peak_memory_mib, timestamp, versions
from alcseg.outputs import output_folder, require_apart
from alcseg.records.audit_trail import AuditLine, AuditTrail, Proposal, VolumeChange
from alcseg.records.correction import CorrectionRecord, How, ReferenceLabels, Rehearsal
from alcseg.records.offsets import OffsetRow
from alcseg.records.ranking import RankingRow
from alcseg.seeds import require_seed
from alcseg.types import EngineName
from alcseg.words import shorten

__all__ = ["correct"]

EXPORTED = "exported"
"""Folder of the labels in the format of `--as`."""

logger = logging.getLogger(__name__)

_LOST = "the label stays: what is predicted here is unlike all other predictions, and a person has to look"
_HARDLY = 0.002  # of Dice; a rehearsal that gains less shows a network that cannot judge


def correct(
    run: str | os.PathLike[str],
    dataset: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str],
    oof: bool = False,
    how: How = "auto",
    risk: float = 0.05,
    nnunet: bool = False,
    add_undrawn: bool = False,
    as_format: str | None = None,
    series: str | os.PathLike[str] | None = None,
    labelmap: bool = False,
    passes: int = 4,
    seed: int = 0,
    device: str = "auto",
    engine: EngineName = "auto",
    overwrite: bool = False,
) -> Correction:
    """Mend the label of every LQ training case where that is likely to help; all other labels stay.

    A network looks at each case, and four changes are proposed for its label: `patched` replaces what is
    plainly wrong, `moved` moves its boundaries, `posterior` weighs it with the prediction, `refined` replaces
    it by T fused passes. Errors are simulated on trusted labels that the network has not learned from (HQ
    cases of split val and those that the run left out of training), and a referee learns from them what each
    change gains and how often it does harm. The change that promises most is written; where none promises
    anything at a harm of at most `risk`, the given label stays. Without two such trusted labels nothing is
    changed. A class that no trusted label holds stays as it was given. Test cases are never used. Unlabeled
    training cases get the refined label as a pseudo label and keep their quality. A corrected dataset may be
    corrected again: the labels that came first and the audit trail stay. Voxels that nobody labeled stay so,
    and a class that nobody drew in a case is neither missed nor added there, unless that is asked for.

    Args:
        run: Run folder of `train`; with `oof` the folder of an `audit` of this dataset.
        dataset: Dataset folder; only read.
        out: The new dataset folder.
        oof: Let the networks of an audit answer, each for the cases that it never saw; the labels that the
            audit trusts teach the referee and stay. Where no label is LQ, all others are corrected.
        how: Which change may be made, `auto` for any.
        risk: Largest share of simulated errors, of those that promised as much, that a change made worse; 1
            with a certain change makes it everywhere, whatever comes of it.
        nnunet: Number the labels consecutively; the old values are noted in `dataset.json`.
        add_undrawn: Where nobody drew a class in a doubted label, and background is written, draw it as the
            fused passes see it, if a trusted label holds it. Nothing tells what that is worth.
        as_format: Write the labels of the new dataset into its folder `exported`, too, in this format of
            `alcseg.data.formats.output.OUTPUTS`.
        series: With `dicom-seg`, folder with the DICOM series of each case, called like it.
        labelmap: With `dicom-seg`, write the type LABELMAP instead of BINARY.
        passes: T, at least 2.
        seed: Of the perturbations and the simulated errors.
        device: `auto`, `cpu`, `cuda` or `cuda:<i>`.
        engine: What computes predictions: `auto`, `fastest`, `torch`, `folded` or `openvino`; labels differ
            by rounding alone. On a CPU `fastest` is OpenVINO where it is installed, and no training should
            follow that in one process: it can crash the interpreter.
        overwrite: Replace what `out` holds.

    Raises:
        UsageError: If an option is wrong or `out` is in use, lies in the dataset or holds the run.
        DataError: If run and dataset do not fit, there is nothing to correct, or every case failed.
    """
    _check_options(how, risk, passes)
    require_seed(seed)
    source = Dataset.open(dataset)
    exported = _label_output(source, as_format, series, labelmap=labelmap)
    where = pick_device(device)
    computed_by = pick_engine(engine, where)
    answers = (answers_of_audit if oof else answers_of_run)(
        run, source, where, engine=engine, passes=passes, seed=seed
    )
    _check_folders(answers, source, Path(out))
    trail = AuditTrail.read(source.root)
    begun = time.perf_counter()
    among: tuple[Proposal, ...] = get_args(Proposal) if how == "auto" else (how,)
    with (
        output_folder(Path(out), overwrite=overwrite, writes=CorrectionRecord.NAME) as partial,
        Spool[Looked](partial) as spool,
    ):
        new = CorrectedDataset.of(
            partial, source, consecutive=nnunet, doubted={row.case_id for row in answers.doubted}
        )
        new.take_given_labels()
        new.take_over(answers.others)

        network, predictor_of = answers.pick_network(source)
        looker = Looker(source, predictor_of, answers.perturbation, partial)
        trusted = looker.trusted(answers.trusted, spool)
        lessons = trusted.lessons(spool, seed)
        always = how if how != "auto" and risk == 1 else None
        doubted = looker.doubted(answers.doubted, trusted, lessons, spool)
        lost = unlike_the_others(trusted.traits | doubted.traits)
        referee = rehearsal = None
        if lessons is not None:
            usual = {name: rows for name, rows in doubted.rows.items() if name not in lost}
            referee = Referee(lessons, usual, seed=seed)
            rehearsal = referee.rehearse(risk, among, always)
        _tell(rehearsal, always, trusted)
        unknown = answers.unknown_classes(source, trusted.values)
        if unknown:
            logger.warning(
                "no trusted label holds %s: it stays as it was given in every label", shorten(unknown)
            )

        changes: list[ClassChange] = []
        offsets: list[OffsetRow] = []
        lines: list[AuditLine] = []
        line = functools.partial(AuditLine, run=os.fspath(answers.path), method=answers.method)
        for row in track(answers.doubted, "Writing labels"):
            about = functools.partial(line, time=timestamp(), case_id=row.case_id, quality=row.quality)
            if row.case_id in doubted.failed:
                new.take_over([row])
                reason = f"could not be refined: {doubted.failed[row.case_id]}"
                lines.append(about(action="kept", reason=reason))
                continue
            looked = spool.take(row.case_id)
            look, found, expected, drawn = looked.look, looked.found, None, []
            if looked.given is None or found is None:
                decision = pseudo_label(look, source.label_values[0])
            else:
                undrawn = source.undrawn(row.case_id)
                verdict = referee.judge(row.case_id, found.rows, undrawn) if referee else None
                changing = found.changing(among)
                chosen, reason = _choose(verdict, always, risk, changing, lost=row.case_id in lost)
                untouched = unknown.values()
                decision = decide(
                    look, looked.given.array, found.labels, chosen, reason, untouched, looked.given.known
                )
                if add_undrawn and row.case_id not in lost:
                    names = {source.label_values[index]: source.label_names[index] for index in undrawn}
                    names = {value: name for value, name in names.items() if name not in unknown}
                    decision, new.added[row.case_id] = add_classes(
                        decision, look, names, source.label_values[0]
                    )
                if verdict is not None:
                    expected = list(zip(verdict.given_dice, verdict.dice(chosen), strict=True))
                drawn = offset_rows(look, found.offsets, trusted.blur_mm, chosen, source.label_names[1:])
            new.write_case(row.case_id, decision.written, looked.uncertainty, looked.given)
            changed = class_changes(
                look,
                None if looked.given is None else looked.given.array,
                decision,
                spacing=looked.uncertainty.spacing,
                classes=source.labels,
                in_sample=row.case_id in answers.trained,
                unsure=row.case_id in lost,
                expected=expected,
            )
            changes += changed
            offsets += drawn
            lines.append(about(**_what_changed(decision, changed, drawn)))

        new.finish()
        if exported is not None:
            exported.write_dataset(Dataset.open(partial), partial / EXPORTED)
        RankingRow.write(partial, rank_cases(changes, trusted.calibration))
        OffsetRow.write(partial, offsets)
        trail.followed_by(lines).write(partial)
        CorrectionRecord(
            versions=versions(),
            run=os.fspath(answers.path),
            dataset=os.fspath(source),
            method=answers.method,
            network=network,
            engine=computed_by,
            perturbation=answers.perturbation,
            out_of_fold=oof,
            how=how,
            risk=risk,
            rehearsal=rehearsal,
            poor=trusted.reached if trusted.poor else None,
            written=dict(Counter(one.action for one in lines if one.action in get_args(Proposal))),
            untouched=tuple(unknown),
            clean_labels=_reference(trusted.clean, source),
            offsets=() if trusted.poor else describe_offsets(offsets),
            added_undrawn={name: classes for name, classes in new.added.items() if classes},
            nnunet=nnunet,
            ranking=trusted.calibration.note,
            calibration=trusted.calibration,
            corrected=sum(one.quality != "unlabeled" and one.action != "kept" for one in lines),
            pseudo_labeled=sum(one.action == "pseudo_labeled" for one in lines),
            in_sample=sum(row.case_id in answers.trained for row in answers.doubted),
            failed=doubted.failed,
            time_s=round(time.perf_counter() - begun, 3),
            peak_memory_mib=peak_memory_mib(),
        ).write(partial)
        write_page(Correction.open(partial), Path(out))
    return Correction.open(Path(out))


def _label_output(
    source: Dataset, name: str | None, series: str | os.PathLike[str] | None, *, labelmap: bool
) -> LabelOutput | None:
    """How labels are written for other programs, too; None if they are not."""
    if name is None and (series is not None or labelmap):
        raise UsageError("--series and --labelmap: expected --as dicom-seg beside them. Leave them out.")
    if name is None:
        return None
    images = {row.case_id: source.image_paths(row.case_id)[0] for row in source.rows if row.split != "test"}
    place = None if series is None else Path(series)
    return LabelOutput.of(name, source.labels, images, series=place, labelmap=labelmap)


def _check_options(how: str, risk: float, passes: int) -> None:
    if how not in get_args(How):
        *first, last = get_args(How)
        raise UsageError(f"--how: expected {', '.join(first)} or {last}, got '{how}'.")
    if not 0 <= risk <= 1:
        raise UsageError(f"--risk: expected a share from 0 to 1, got {risk}.")
    if passes < 2:
        raise UsageError(f"--passes: expected at least 2 for an uncertainty, got {passes}.")


def _check_folders(answers: Answers, source: Dataset, out: Path) -> None:
    """The output has to be apart, and classes have to agree: a wrong pairing would swap organs silently."""
    require_apart(out, source.root)
    if answers.path.resolve().is_relative_to(out.resolve()):
        raise UsageError(f"{out}: expected an output folder that does not hold the run. Choose another one.")
    source.require_labels(answers.labels, answers.path)


def _tell(rehearsal: Rehearsal | None, always: Proposal | None, trusted: Trusted) -> None:
    """Warn where nothing, or something reckless, will be done."""
    if always is not None:
        logger.warning("every label is %s, whatever comes of it: --risk 1 was asked for", always)
    elif trusted.poor:
        logger.warning(
            "no label is changed: on %d trusted labels that it has not learned from this network reaches a "
            "mean Dice of %.2f, and one below %.1f judges no label. Train longer, or on more trusted labels",
            len(trusted.cases),
            trusted.reached,
            POOR,
        )
    elif rehearsal is None:
        logger.warning(
            "no label is changed: that takes %d trusted labels that the network has not learned from. Hold "
            "some out (alcseg train --val-hq 2, or split val in cases.csv), or correct by an audit (--oof)",
            FEWEST_CASES,
        )
    elif rehearsal.written_dice - rehearsal.given_dice < _HARDLY:
        logger.warning(
            "this network cannot judge labels: of %d errors simulated on %d trusted labels it mends hardly "
            "any (Dice %.3f -> %.3f), and hardly any label is changed. Train longer, or on more trusted ones",
            rehearsal.errors,
            rehearsal.cases,
            rehearsal.given_dice,
            rehearsal.written_dice,
        )


def _choose(
    verdict: Verdict | None,
    always: Proposal | None,
    risk: float,
    among: Sequence[Proposal],
    *,
    lost: bool,
) -> tuple[Proposal, str]:
    """What to write, and why."""
    if always is not None:
        return always, f"{always}, whatever comes of it"
    if lost:
        return "given", _LOST
    if verdict is None:
        return "given", "the label stays: nothing tells what a change of it is worth"
    chosen = verdict.choose(risk, among)
    return chosen, verdict.in_words(chosen, among)


def _what_changed(
    decision: Decision, changes: Sequence[ClassChange], drawn: Sequence[OffsetRow]
) -> dict[str, Any]:
    """Of a line in the audit trail."""
    return {
        "action": decision.action,
        "voxels_changed": decision.voxels_changed,
        "classes": {
            one.class_name: VolumeChange(
                added_mm3=round(one.added_mm3, 3), removed_mm3=round(one.removed_mm3, 3)
            )
            for one in changes
        },
        "drawn_mm": {row.class_name: round(row.drawn_mm, 3) for row in drawn},
        "reason": decision.reason,
    }


def _reference(clean: CleanLabels | None, source: Dataset) -> ReferenceLabels | None:
    """How trusted labels were seen, by class name."""
    if clean is None:
        return None
    names = source.label_names[1:]
    return ReferenceLabels(
        agreement=dict(zip(names, clean.agreement.tolist(), strict=True)),
        blur_mm=dict(zip(names, clean.blur_mm.tolist(), strict=True)),
    )
