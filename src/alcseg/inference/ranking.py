"""Which corrected labels to look at first: one record per case and class, ordered by expected error."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.stats import rankdata

from alcseg.boxes import bounding_box
from alcseg.files import write_text
from alcseg.inference.calibration import Calibration
from alcseg.metrics.label_noise import boundary_shift
from alcseg.metrics.overlap import dice
from alcseg.types import FloatArray, LabelMap, Mask, Spacing

__all__ = ["COLUMNS", "ClassRecord", "class_uncertainty", "compare_labels", "rank_cases", "write_ranking"]

COLUMNS = (
    "rank",
    "case_id",
    "class",
    "uncertainty",
    "agreement",
    "changed_mm3",
    "added_mm3",
    "removed_mm3",
    "shift_mm",
    "score",
    "in_sample",
    "reason",
)

_MARGIN_VOXELS = 3
"""Uncertainty is averaged this near to the refined class; far background would only dilute it."""


@dataclass(frozen=True)
class ClassRecord:
    """How a class of one case changed, and how sure the passes were of it.

    Attributes:
        case_id: The case.
        class_name: Name of a foreground class in `dataset.json`.
        uncertainty: Mean u within 3 voxels of the refined class, nats; nan if the class is empty there.
        agreement: Dice of given and refined class; None where no label was given, nan if both are empty.
        added_mm3: Volume that the written label holds and the given one does not.
        removed_mm3: The reverse.
        shift_mm: Signed mean distance of the given and the refined surface, positive where the given label
            is too large; nan if either is empty.
        in_sample: Whether the run was trained on this case.
        undecided: Given and refined label of the case have nothing to do with each other, and the given one
            was written.
    """

    case_id: str
    class_name: str
    uncertainty: float
    agreement: float | None
    added_mm3: float
    removed_mm3: float
    shift_mm: float
    in_sample: bool
    undecided: bool = False

    @property
    def changed_mm3(self) -> float:
        """Volume that entered or left the class."""
        return self.added_mm3 + self.removed_mm3


def class_uncertainty(uncertainty: FloatArray, mask: Mask) -> float:
    """Mean of a voxel map within 3 voxels of `mask`; nan if `mask` is empty."""
    if not mask.any():
        return float("nan")
    # Only the box around the mask can be near it; the distance transform of a whole scan takes seconds.
    box = bounding_box(mask, _MARGIN_VOXELS)
    near = distance_transform_edt(~mask[box]) <= _MARGIN_VOXELS
    return float(uncertainty[box][near].mean(dtype=np.float64))


def compare_labels(
    case_id: str,
    given: LabelMap | None,
    refined: LabelMap,
    written: LabelMap,
    uncertainty: FloatArray,
    *,
    spacing: Spacing,
    classes: Mapping[str, int],
    in_sample: bool,
    undecided: bool = False,
) -> list[ClassRecord]:
    """One record per foreground class.

    Args:
        case_id: The case.
        given: The label as it came, `(X, Y, Z)`, or None for an unlabeled case.
        refined: What the passes say.
        written: What goes into `labelsTr`; differs from `refined` where only confident voxels are replaced.
        uncertainty: u per voxel.
        spacing: Voxel size in mm.
        classes: Name to value of the foreground classes.
        in_sample: Whether the run was trained on this case.
        undecided: Whether given and refined label have nothing to do with each other.
    """
    voxel_mm3 = float(np.prod(spacing))
    records = []
    for name, value in classes.items():
        new = refined == value
        before = np.zeros_like(new) if given is None else given == value
        after = written == value
        both = before.any() and new.any()
        records.append(
            ClassRecord(
                case_id=case_id,
                class_name=name,
                uncertainty=class_uncertainty(uncertainty, new),
                agreement=None if given is None else dice(new, before),
                added_mm3=voxel_mm3 * int((after & ~before).sum()),
                removed_mm3=voxel_mm3 * int((before & ~after).sum()),
                shift_mm=boundary_shift(before, new, spacing) if both else float("nan"),
                in_sample=in_sample,
                undecided=undecided,
            )
        )
    return records


def rank_cases(records: Sequence[ClassRecord], calibration: Calibration) -> list[dict[str, str]]:
    """Order cases by the expected error of their worst class, worst first.

    With held-out HQ cases the score of a class is 1 minus the Dice that the calibration expects at its
    uncertainty. Without, it is the mean of two relative ranks in (0, 1]: of the uncertainty and of 1 minus
    the agreement; it then orders cases but is no error. A class that the given label holds and the refined
    one has lost scores 1, as do all of an undecided case; a class that is empty in both scores 0. Ties are
    broken by uncertainty, then by disagreement, then by name.

    Returns:
        One row per case and class with exactly `COLUMNS`, as text.
    """
    relative = _relative_scores(records)
    scored = [
        (record, *_score(record, calibration, fallback))
        for record, fallback in zip(records, relative, strict=True)
    ]
    worst: dict[str, tuple[float, float, float]] = {}
    for record, score, _ in scored:
        doubt = 0.0 if np.isnan(record.uncertainty) else record.uncertainty
        disagreement = 1 - (record.agreement if record.agreement is not None else 1.0)
        key = (score, doubt, 0.0 if np.isnan(disagreement) else disagreement)
        worst[record.case_id] = max(worst.get(record.case_id, key), key)
    order = sorted(worst, key=lambda case_id: ([-part for part in worst[case_id]], case_id))
    rank = {case_id: number for number, case_id in enumerate(order, start=1)}
    rows = [
        {
            "rank": str(rank[record.case_id]),
            "case_id": record.case_id,
            "class": record.class_name,
            "uncertainty": _number(record.uncertainty, 6),
            "agreement": "" if record.agreement is None else _number(record.agreement, 4),
            "changed_mm3": _number(record.changed_mm3, 3),
            "added_mm3": _number(record.added_mm3, 3),
            "removed_mm3": _number(record.removed_mm3, 3),
            "shift_mm": _number(record.shift_mm, 4),
            "score": _number(score, 4),
            "in_sample": str(record.in_sample).lower(),
            "reason": reason,
        }
        for record, score, reason in scored
    ]
    return sorted(rows, key=lambda row: int(row["rank"]))


def write_ranking(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write `ranking.csv`."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, stream.getvalue())


def _score(record: ClassRecord, calibration: Calibration, relative: float) -> tuple[float, str]:
    """Score in [0, 1] and the sentence that explains it."""
    unlabeled = "pseudo label, no label was given; " if record.agreement is None else ""
    seen = "; seen in training, so uncertainty may be too low" if record.in_sample else ""
    if record.undecided:
        return 1.0, "the given label, which was kept, has nothing to do with the prediction"
    if np.isnan(record.uncertainty):
        if record.removed_mm3 > 0 or record.agreement == 0:
            return 1.0, f"the refined label has lost this class{seen}"
        return 0.0, f"{unlabeled}empty in the given and the refined label{seen}"
    expected = calibration.expected_dice(record.class_name, record.uncertainty)
    if expected is None:
        return relative, f"{unlabeled}relative rank of uncertainty and disagreement; not calibrated{seen}"
    return 1 - expected, f"{unlabeled}expected Dice {expected:.2f} from uncertainty{seen}"


def _relative_scores(records: Sequence[ClassRecord]) -> list[float]:
    """Mean relative rank of uncertainty and of disagreement; without a given label, of uncertainty alone."""
    if not records:
        return []
    doubt = np.nan_to_num([record.uncertainty for record in records], nan=0.0)
    agreement = [record.agreement for record in records]
    disagreement = np.nan_to_num([0.0 if value is None else 1 - value for value in agreement], nan=0.0)
    first = rankdata(doubt) / len(records)
    second = rankdata(disagreement) / len(records)
    return [
        float(a if value is None else (a + b) / 2)
        for a, b, value in zip(first, second, agreement, strict=True)
    ]


def _number(value: float, digits: int) -> str:
    """Fixed digits; nan as an empty cell."""
    return "" if np.isnan(value) else f"{value:.{digits}f}"
