"""`alcseg correct`: a run and a dataset in, a new dataset with refined LQ labels and a review list out."""

import functools
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from alcseg.commands._corrected_dataset import CorrectedDataset
from alcseg.commands._looks import Looked, Looker
from alcseg.commands._spool import Spool
from alcseg.commands.progress import track
from alcseg.corrected import Correction
from alcseg.correction.decision import Decision, Standard, decide
from alcseg.correction.description import describe_offsets
from alcseg.correction.ranking import ClassChange, rank_cases
from alcseg.data.folder import Dataset
from alcseg.errors import DataError, UsageError
from alcseg.files import output_folder, require_apart
from alcseg.inference.compare import class_changes
from alcseg.inference.device import pick_device
from alcseg.inference.load import load_networks
from alcseg.inference.predictor import Predictor
from alcseg.machine import peak_memory_mib, timestamp, versions
from alcseg.records.audit_trail import AuditLine, AuditTrail, VolumeChange
from alcseg.records.cases import CaseRow
from alcseg.records.correction import (
    CorrectionRecord,
    Mode,
    Perturbation,
    ReferenceLabels,
    Replacement,
    WantedMode,
)
from alcseg.records.offsets import OffsetRow
from alcseg.records.ranking import RankingRow
from alcseg.run import Run

__all__ = ["correct"]


def correct(
    run: str | os.PathLike[str],
    dataset: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str],
    how: WantedMode = "auto",
    replace: Replacement = "all",
    nnunet: bool = False,
    passes: int = 4,
    seed: int = 0,
    device: str = "auto",
    overwrite: bool = False,
) -> Correction:
    """Correct the label of every LQ training case by T perturbed passes; HQ, validation and test labels stay.

    The teacher answers where the run has one, else the network that predicts. `refined` takes its word for
    the new label. `aligned` moves the given label to where it sees the boundary, and weighs it with the
    prediction where it agrees less with it than clean labels do; see `alcseg.correction.alignment`. What
    clean labels do is seen on held-out HQ cases, those of split val and those that the run left out of
    training, and for want of them on the HQ cases it was trained on. Held-out HQ cases also calibrate how
    uncertainty relates to true Dice. Test cases are never used. Unlabeled training cases get the refined
    label as a pseudo label and keep their quality. A corrected dataset may be corrected again: the labels
    that came first and the audit trail stay.

    Args:
        run: Run folder of `train`.
        dataset: Dataset folder; only read.
        out: The new dataset folder.
        how: `refined`, `aligned`, or `auto`: aligned where the run has a teacher.
        replace: `all` replaces every voxel; `confident` keeps the given label where a refined voxel would
            more often be wrong than right by the calibration.
        nnunet: Number the labels consecutively; the old values are noted in `dataset.json`.
        passes: T, at least 2.
        seed: Of the perturbations.
        device: `auto`, `cpu`, `cuda` or `cuda:<i>`.
        overwrite: Replace what `out` holds.

    Raises:
        UsageError: If an option is wrong or `out` is in use, lies in the dataset or holds the run.
        DataError: If run and dataset do not fit, there is nothing to correct, every case failed, or
            `confident` has no held-out HQ case to calibrate with.
    """
    _check_options(how, replace, passes)
    folder, source = Run.open(run), Dataset.open(dataset)
    _check_folders(folder, source, Path(out))
    cases, trail = _Cases.of(folder, source), AuditTrail.read(source.root)
    if replace == "confident" and not cases.held_out:
        raise _uncalibrated(source)
    where = pick_device(device)
    begun = time.perf_counter()
    with (
        output_folder(Path(out), overwrite=overwrite, writes=CorrectionRecord.NAME) as partial,
        Spool[Looked](partial) as spool,
    ):
        networks = load_networks(folder, where)
        mode: Mode = ("aligned" if networks.teacher else "refined") if how == "auto" else how
        perturbation = Perturbation.like_method(folder.settings.method.settings, passes=passes, seed=seed)
        predictor = Predictor(networks.teacher or networks.predict, folder.plan, where)
        new = CorrectedDataset.of(partial, source, consecutive=nnunet)
        new.take_given_labels()
        new.take_over(cases.others)

        looker = Looker(source, predictor, perturbation, align=mode == "aligned")
        calibration, clean = looker.held_out(cases.held_out)
        if replace == "confident" and not calibration.curves:
            raise _uncalibrated(source)
        if mode == "aligned" and not cases.held_out:
            clean = looker.clean_labels(cases.trusted)
        drawn, failed = looker.doubted(cases.doubted, spool)

        threshold = calibration.voxel_threshold if replace == "confident" else None
        standard = Standard.of(clean, drawn, learnt=not cases.held_out, threshold=threshold)
        changes: list[ClassChange] = []
        offsets: list[OffsetRow] = []
        lines: list[AuditLine] = []
        line = functools.partial(AuditLine, run=os.fspath(folder), method=folder.method)
        for row in track(cases.doubted, "Writing labels"):
            about = functools.partial(line, time=timestamp(), case_id=row.case_id, quality=row.quality)
            if row.case_id in failed:
                new.take_over([row])
                lines.append(about(action="kept", reason=f"could not be refined: {failed[row.case_id]}"))
                continue
            looked = spool.take(row.case_id)
            look, given = looked.look, looked.given_values
            decision = decide(look, given, standard, source.labels)
            new.write_case(row.case_id, decision.written, looked.uncertainty, looked.given)
            changed = class_changes(
                look,
                given,
                decision,
                spacing=looked.uncertainty.spacing,
                classes=source.labels,
                in_sample=row.case_id in cases.trained,
            )
            changes += changed
            offsets += decision.offsets
            lines.append(about(**_what_changed(decision, changed)))

        new.finish()
        RankingRow.write(partial, rank_cases(changes, calibration))
        if mode == "aligned":
            OffsetRow.write(partial, offsets)
        trail.followed_by(lines).write(partial)
        CorrectionRecord(
            versions=versions(),
            run=os.fspath(folder),
            dataset=os.fspath(source),
            method=folder.method,
            network="predict" if networks.teacher is None else "teacher",
            perturbation=perturbation,
            mode=mode,
            clean_labels=_reference(standard, source, held_out=bool(cases.held_out)),
            set_errs_by_offsets=None if standard.clean is None else standard.tolerance > 0,
            offsets=describe_offsets(offsets),
            replace=replace,
            nnunet=nnunet,
            ranking=calibration.note,
            calibration=calibration,
            corrected=sum(one.quality == "lq" and one.action != "kept" for one in lines),
            pseudo_labeled=sum(one.action == "pseudo_labeled" for one in lines),
            in_sample=sum(row.case_id in cases.trained for row in cases.doubted),
            failed=failed,
            time_s=round(time.perf_counter() - begun, 3),
            peak_memory_mib=peak_memory_mib(),
        ).write(partial)
    return Correction.open(Path(out))


@dataclass(frozen=True)
class _Cases:
    """What each case of a dataset is there for.

    Attributes:
        doubted: LQ and unlabeled training cases, whose labels are corrected.
        others: All others.
        held_out: HQ cases that the run has not seen, but for test cases.
        trusted: HQ training cases.
        trained: Names of those that the run has seen; where it does not say, of all training cases.
    """

    doubted: tuple[CaseRow, ...]
    others: tuple[CaseRow, ...]
    held_out: tuple[CaseRow, ...]
    trusted: tuple[CaseRow, ...]
    trained: frozenset[str]

    @classmethod
    def of(cls, folder: Run, source: Dataset) -> "_Cases":
        """Sort the cases of a dataset by what a run has seen of them.

        Raises:
            DataError: If there is none to correct.
        """
        training = source.rows_where(split="train")
        doubted = tuple(row for row in training if row.quality != "hq")
        if not doubted:
            raise DataError(
                f"{source.root}: expected training cases of quality lq or unlabeled, found none. Set the "
                "quality in cases.csv."
            )
        seen = folder.record.train_cases
        trained = frozenset([row.case_id for row in training] if seen is None else seen)
        others = tuple(row for row in source.rows if row.split != "train" or row.quality == "hq")
        held_out = (row for row in others if row.split != "test" and row.case_id not in trained)
        return cls(
            doubted,
            others,
            tuple(row for row in held_out if row.quality == "hq"),
            tuple(row for row in training if row.quality == "hq"),
            trained,
        )


def _check_options(how: str, replace: str, passes: int) -> None:
    for flag, value, choices in (
        ("--how", how, get_args(WantedMode)),
        ("--replace", replace, get_args(Replacement)),
    ):
        if value not in choices:
            expected = f"{', '.join(choices[:-1])} or {choices[-1]}"
            raise UsageError(f"{flag}: expected {expected}, got '{value}'.")
    if passes < 2:
        raise UsageError(f"--passes: expected at least 2 for an uncertainty, got {passes}.")


def _check_folders(folder: Run, source: Dataset, out: Path) -> None:
    """The output has to be apart, and classes have to agree: a wrong pairing would swap organs silently."""
    require_apart(out, source.root)
    if folder.path.resolve().is_relative_to(out.resolve()):
        raise UsageError(f"{out}: expected an output folder that does not hold the run. Choose another one.")
    expected = folder.plan.labels
    if expected != source.labels:
        raise DataError(
            f"{source.root}: expected the labels {expected} that {folder.path} was trained on, found "
            f"{source.labels}. Name the dataset it was trained on, or train on this one."
        )


def _uncalibrated(source: Dataset) -> DataError:
    return DataError(
        f"{source.root}: --replace confident expects held-out HQ cases for its threshold, found none. "
        "Add clean cases of split val, or train with --val-hq 1 or more; or use --replace all."
    )


def _what_changed(decision: Decision, changes: Sequence[ClassChange]) -> dict[str, Any]:
    """Of a line in the audit trail."""
    return {
        "action": decision.action,
        "voxels_changed": decision.voxels_changed,
        "voxels_kept_as_uncertain": decision.voxels_kept,
        "classes": {
            one.class_name: VolumeChange(
                added_mm3=round(one.added_mm3, 3), removed_mm3=round(one.removed_mm3, 3)
            )
            for one in changes
        },
        "drawn_mm": {row.class_name: round(row.drawn_mm, 3) for row in decision.offsets},
        "reason": decision.reason,
    }


def _reference(standard: Standard, source: Dataset, *, held_out: bool) -> ReferenceLabels | None:
    """How clean labels were seen, by class name."""
    if standard.clean is None:
        return None
    names = source.label_names[1:]
    return ReferenceLabels(
        held_out=held_out,
        agreement=dict(zip(names, standard.clean.agreement.tolist(), strict=True)),
        blur_mm=dict(zip(names, standard.clean.blur_mm.tolist(), strict=True)),
    )
