"""`alcseg correct`: a run and a dataset in, a new dataset with refined LQ labels and a review list out."""

import dataclasses
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from alcseg.commands._corrected_dataset import CorrectedDataset
from alcseg.commands._known_labels import calibrate_on, see_labels
from alcseg.commands.progress import track
from alcseg.correction.alignment import TOLERANCE, CleanLabels, set_tolerance
from alcseg.data.folder import DatasetFolder
from alcseg.data.writer import write_map
from alcseg.errors import DataError, UsageError
from alcseg.files import output_folder, require_apart, write_json, write_text
from alcseg.inference.aligned import (
    ClassOffset,
    align_label,
    describe_offsets,
    write_offsets,
)
from alcseg.inference.calibration import Calibration
from alcseg.inference.device import pick_device
from alcseg.inference.load import load_networks
from alcseg.inference.predictor import Perturbation, Predictor
from alcseg.inference.ranking import ClassRecord, compare_labels, rank_cases, write_ranking
from alcseg.machine import peak_memory_mib, timestamp, versions
from alcseg.records.cases import CaseRow
from alcseg.run import Run

__all__ = ["CorrectResult", "correct"]

logger = logging.getLogger(__name__)

_REASONS = {
    "moved": "the label was moved to where the network sees the boundary",
    "posterior": "the label errs in its shape: it was weighed with the prediction",
    "given": "the label stays: the network agrees with it as with clean ones",
    "undecided": "the label stays: it has nothing to do with the prediction, and a person has to look",
    "refined": "fused passes replace the label",
}
"""By what was written."""


@dataclass
class CorrectResult:
    """What was corrected.

    Attributes:
        out: The new dataset folder.
        corrected: LQ cases whose label was refined.
        pseudo_labeled: Unlabeled cases that got a label.
        failed: Message of each case that could not be refined; its label stays as it came.
        how: `refined` or `aligned`.
        offsets: How each class of each LQ case was drawn, where labels were aligned.
        calibration: How uncertainty relates to true Dice, or why that is unknown.
        record: The content of `correct.json`.
    """

    out: Path
    corrected: list[str] = field(default_factory=list)
    pseudo_labeled: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    how: str = "refined"
    offsets: list[ClassOffset] = field(default_factory=list)
    calibration: Calibration | None = None
    record: dict[str, Any] = field(default_factory=dict)


def correct(
    run: Path,
    dataset: Path,
    *,
    out: Path,
    how: str = "auto",
    replace: str = "all",
    nnunet: bool = False,
    passes: int = 4,
    seed: int = 0,
    device: str = "auto",
    overwrite: bool = False,
) -> CorrectResult:
    """Correct the label of every LQ training case by T perturbed passes; HQ, validation and test labels stay.

    The teacher answers where the run has one, else the network that predicts. `refined` takes its word for
    the new label. `aligned` moves the given label to where it sees the boundary, and weighs it with the
    prediction where it agrees less with it than clean labels do; see `alcseg.correction.alignment`. What
    clean labels do is seen on held-out HQ cases, those of split val and those that the run left out of
    training, and for want of them on the HQ cases it was trained on. Held-out HQ cases also calibrate how
    uncertainty relates to true Dice. Test cases are never used. Unlabeled training cases get the refined
    label as a pseudo label and keep their quality.

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
        UsageError: If an option is wrong or `out` is in use or lies in the dataset.
        DataError: If run and dataset do not fit, there is nothing to correct, every case failed, or
            `confident` has no held-out HQ case to calibrate with.
    """
    if how not in ("auto", "refined", "aligned"):
        raise UsageError(f"--how: expected auto, refined or aligned, got '{how}'.")
    if replace not in ("all", "confident"):
        raise UsageError(f"--replace: expected all or confident, got '{replace}'.")
    if passes < 2:
        raise UsageError(f"--passes: expected at least 2 for an uncertainty, got {passes}.")
    source = DatasetFolder.open(dataset)
    require_apart(out, source.root)
    folder = Run.open(run)
    _check_labels(folder, source)
    rows = [row for row in source.select(split="train") if row.quality != "hq"]
    if not rows:
        raise DataError(
            f"{dataset}: expected training cases of quality lq or unlabeled, found none. Set the quality in "
            f"cases.csv."
        )
    where = pick_device(device)
    networks = load_networks(folder, where, needed=())
    predictor = Predictor(networks.teacher or networks.predict, folder.plan, where)
    perturbation = Perturbation.like_method(folder.settings.method.settings, passes=passes, seed=seed)
    if how == "auto":
        how = "refined" if networks.teacher is None else "aligned"
    trained = _trained_cases(folder, source)
    begun = time.perf_counter()
    with output_folder(out, overwrite=overwrite) as partial:
        result = CorrectResult(out, how=how)
        held_out = [
            row
            for row in source.rows
            if row.quality == "hq" and row.split in ("train", "val") and row.case_id not in trained
        ]
        calibration = calibrate_on(predictor, source, held_out, perturbation)
        result.calibration = calibration
        clean, tolerance = None, TOLERANCE
        if how == "aligned":
            hq = [row for row in source.select(split="train") if row.quality == "hq"]
            seen = see_labels(predictor, source, held_out or hq, "Looking at clean labels")
            clean = CleanLabels.of(seen) if seen else None
            if clean and (given := see_labels(predictor, source, rows, "Looking at given labels")):
                tolerance = set_tolerance(given, clean, learnt=not held_out)
        if replace == "confident" and not calibration.usable:
            raise DataError(
                f"{dataset}: --replace confident expects held-out HQ cases for its threshold, found none. "
                f"Add clean cases "
                "of split val, or train with --val-hq 1 or more; or use --replace all."
            )
        target = CorrectedDataset.of(partial, source, consecutive=nnunet)
        threshold = calibration.threshold if replace == "confident" else float("inf")
        job = _Job(predictor, source, target, perturbation, how, clean, tolerance, threshold, trained)
        records, audit = _refine_cases(job, rows, result, run=str(run), method=folder.method)
        for row in source.rows:
            if row.case_id not in result.corrected and row.case_id not in result.pseudo_labeled:
                target.take_label(row.case_id, into="labelsTs" if row.split == "test" else "labelsTr")
            target.take_images(row.case_id)
        target.finish()
        write_ranking(partial / "ranking.csv", rank_cases(records, calibration))
        if how != "refined":
            write_offsets(partial / "offsets.csv", result.offsets)
        write_text(partial / "audit.jsonl", "".join(json.dumps(line) + "\n" for line in audit))
        result.record = {
            "versions": versions(),
            "run": str(run),
            "dataset": str(dataset),
            "method": folder.method,
            "network": "teacher" if networks.teacher is not None else "predict",
            "perturbation": dataclasses.asdict(perturbation),
            "how": how,
            "clean_labels": None
            if clean is None
            else {
                "held_out": bool(held_out),
                "agreement": dict(zip(folder.plan.label_names[1:], clean.agreement.tolist(), strict=True)),
                "blur_mm": dict(zip(folder.plan.label_names[1:], clean.blur_mm.tolist(), strict=True)),
            },
            "set_errs_by_offsets": None if clean is None else tolerance > 0,
            "offsets": describe_offsets(result.offsets),
            "replace": replace,
            "nnunet": nnunet,
            "ranking": calibration.note,
            "calibration": calibration.to_dict(),
            "corrected": len(result.corrected),
            "pseudo_labeled": len(result.pseudo_labeled),
            "in_sample": sum(row.case_id in trained for row in rows),
            "failed": result.failed,
            "time_s": round(time.perf_counter() - begun, 3),
            "peak_memory_mib": peak_memory_mib(),
        }
        write_json(partial / "correct.json", result.record)
    return result


@dataclass(frozen=True, eq=False)
class _Job:
    """What is the same for all cases."""

    predictor: Predictor
    source: DatasetFolder
    target: CorrectedDataset
    perturbation: Perturbation
    how: str
    clean: CleanLabels | None
    tolerance: float
    threshold: float
    trained: frozenset[str]


def _refine_cases(
    job: _Job, rows: Sequence[CaseRow], result: CorrectResult, *, run: str, method: str
) -> tuple[list[ClassRecord], list[dict[str, Any]]]:
    """Refine and write every case; one that fails is noted and keeps its label."""
    records: list[ClassRecord] = []
    audit = []
    errors = []
    for row in track(rows, "Correcting cases"):
        line: dict[str, Any] = {
            "time": timestamp(),
            "run": run,
            "method": method,
            "case_id": row.case_id,
            "quality": row.quality,
        }
        try:
            found, offsets, entry = _correct_case(job, row)
            records += found
            result.offsets += offsets
            line |= entry
            (result.corrected if row.quality == "lq" else result.pseudo_labeled).append(row.case_id)
        except DataError as error:
            logger.warning("case '%s' failed: %s", row.case_id, error)
            errors.append(error)
            result.failed[row.case_id] = str(error)
            line |= {"action": "kept", "reason": f"could not be refined: {error}"}
        audit.append(line)
    if len(errors) == len(rows):
        raise type(errors[0])(f"none of {len(rows)} case(s) could be refined; the first: {errors[0]}")
    return records, audit


def _correct_case(job: _Job, row: CaseRow) -> tuple[list[ClassRecord], Sequence[ClassOffset], dict[str, Any]]:
    """Write labels and uncertainty map of one case; what was found, and its line in the audit trail."""
    case = job.source.read(row.case_id)
    refined = job.predictor.refine(case.images, row.case_id, job.perturbation)
    given = None if case.label is None else case.label.array
    seen = corrected = refined.label
    offsets: Sequence[ClassOffset] = ()
    how = "refined"
    if job.how == "aligned" and case.label is not None:
        prediction = job.predictor.predict(case.images)
        aligned = align_label(
            prediction, case.label, job.predictor.plan, row.case_id, job.clean, tolerance=job.tolerance
        )
        corrected, offsets = aligned.label, aligned.offsets
        seen = refined.label if aligned.undecided else corrected
        how = "undecided" if aligned.undecided else offsets[0].label
    written = corrected
    kept = 0
    if given is not None and np.isfinite(job.threshold):
        doubtful = refined.uncertainty > job.threshold
        written = np.where(doubtful, given, corrected)
        kept = int((doubtful & (given != corrected)).sum())
    records = compare_labels(
        row.case_id,
        given,
        seen,
        written,
        refined.uncertainty,
        spacing=case.images[0].spacing,
        classes=dict(list(job.source.labels.items())[1:]),
        in_sample=row.case_id in job.trained,
        undecided=how == "undecided",
    )
    job.target.write_label("labelsTr", row.case_id, written, case.label or case.images[0])
    if case.label is not None:
        job.target.take_label(row.case_id, into="labelsGiven")
    write_map(job.target.root / "uncertainty" / f"{row.case_id}.nii.gz", refined.uncertainty, case.images[0])
    reason = "no label was given: pseudo label from the fused passes" if given is None else _REASONS[how]
    if np.isfinite(job.threshold) and given is not None:
        reason += f" where u <= {job.threshold:.3g}"
    return (
        records,
        offsets,
        {
            "action": "pseudo_labeled" if given is None else how,
            "voxels_changed": int(
                (written != (job.source.label_values[0] if given is None else given)).sum()
            ),
            "voxels_kept_as_uncertain": kept,
            "classes": {
                record.class_name: {
                    "added_mm3": round(record.added_mm3, 3),
                    "removed_mm3": round(record.removed_mm3, 3),
                }
                for record in records
            },
            "drawn_mm": {one.class_name: round(one.drawn_mm, 3) for one in offsets},
            "reason": reason,
        },
    )


def _trained_cases(folder: Run, source: DatasetFolder) -> frozenset[str]:
    """Cases the run has seen; where it does not say, every training case counts as seen."""
    seen = folder.record.train_cases
    return (
        frozenset(seen)
        if seen is not None
        else frozenset(row.case_id for row in source.select(split="train"))
    )


def _check_labels(folder: Run, source: DatasetFolder) -> None:
    """The classes of run and dataset have to be the same: a wrong pairing would swap organs silently."""
    expected = dict(zip(folder.plan.label_names, folder.plan.label_values, strict=True))
    if expected != source.labels:
        raise DataError(
            f"{source.root}: expected the labels {expected} that {folder.path} was trained on, found "
            f"{source.labels}. "
            "Name the dataset it was trained on, or train on this one."
        )
