"""Two rankings of cases: by how wrong given labels seem, and by how wrong written ones may still be."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from alcseg.correction.calibration import expected_dice
from alcseg.records.correction import Calibration
from alcseg.records.ranking import RankingRow

__all__ = ["ClassChange", "rank_cases"]


@dataclass(frozen=True)
class ClassChange:
    """How a class of one case changed, and how sure the passes were of it.

    Attributes:
        case_id: The case.
        class_name: Name of a foreground class in `dataset.json`.
        uncertainty: Mean u near the refined class, nats; nan if the class is empty there.
        agreement: Dice of given and refined class; None where no label was given, nan if both are empty.
        added_mm3: Volume that the written label holds and the given one does not.
        removed_mm3: The reverse.
        shift_mm: Signed mean distance of the given and the refined surface, positive where the given label
            is too large; nan if either is empty.
        in_sample: Whether the network has learned from this case.
        unsure: Whether what is predicted is unlike all other predictions.
        given_dice: Expected Dice of the given label; None if nobody can tell.
        written_dice: The same of the written label.
    """

    case_id: str
    class_name: str
    uncertainty: float
    agreement: float | None
    added_mm3: float
    removed_mm3: float
    shift_mm: float
    in_sample: bool
    unsure: bool = False
    given_dice: float | None = None
    written_dice: float | None = None


def rank_cases(changes: Sequence[ClassChange], calibration: Calibration) -> tuple[RankingRow, ...]:
    """Order cases by how wrong their given labels seem, and once more by how wrong the written ones may be.

    The error of a case is the mean over its classes. Where a referee has told the expected Dice of both,
    the errors are 1 minus these. Where none has, the given label's is its disagreement with the refined
    label, and the written one's comes from its uncertainty: by the curve of `calibration`, or for want of
    one as the relative rank of the uncertainty, which orders cases but is no error; a drawn class that the
    refined label lost has no uncertainty, and counts as wrong. A case without a given label has the place of
    what was written. Ties are broken by name.

    Returns:
        A row per case and class, the worst given label first.
    """
    doubts = _relative_doubts(changes)
    told = [_errors(change, calibration, doubt) for change, doubt in zip(changes, doubts, strict=True)]
    cases = [change.case_id for change in changes]
    given_rank = _places(cases, [given for given, _, _ in told])
    written_rank = _places(cases, [written for _, written, _ in told])
    rows = [
        RankingRow(
            rank=given_rank[change.case_id],
            written_rank=written_rank[change.case_id],
            case_id=change.case_id,
            class_name=change.class_name,
            given_error=math.nan if change.agreement is None else given,
            written_error=written,
            uncertainty=change.uncertainty,
            agreement=None if change.agreement is None or math.isnan(change.agreement) else change.agreement,
            changed_mm3=change.added_mm3 + change.removed_mm3,
            added_mm3=change.added_mm3,
            removed_mm3=change.removed_mm3,
            shift_mm=change.shift_mm,
            in_sample=change.in_sample,
            reason=reason,
        )
        for change, (given, written, reason) in zip(changes, told, strict=True)
    ]
    return tuple(sorted(rows, key=lambda row: row.rank))


def _places(cases: Sequence[str], errors: Sequence[float]) -> dict[str, int]:
    """Place of each case by the mean error of its classes, 1 is the worst."""
    of_case: dict[str, list[float]] = {}
    for case_id, error in zip(cases, errors, strict=True):
        of_case.setdefault(case_id, []).append(error)
    order = sorted(of_case, key=lambda case_id: (-fmean(of_case[case_id]), case_id))
    return {case_id: number for number, case_id in enumerate(order, start=1)}


def _errors(change: ClassChange, calibration: Calibration, doubt: float) -> tuple[float, float, str]:
    """Expected error of the given and the written label, and what they rest on."""
    seen = "; seen in training" if change.in_sample else ""
    seen += "; unlike all other predictions, either may be wrong" if change.unsure else ""
    if change.given_dice is not None and change.written_dice is not None:
        return (
            1 - change.given_dice,
            1 - change.written_dice,
            f"expected Dice {change.given_dice:.2f} given, {change.written_dice:.2f} written, by errors "
            f"simulated on trusted labels{seen}",
        )
    changed = change.added_mm3 + change.removed_mm3 > 0
    if change.agreement is None:
        words, given = "pseudo label, no label was given; ", None
    else:
        given = _or_zero(1 - change.agreement)  # where there is nothing to agree on, nothing is wrong
        words = "given label by its disagreement with the refined one; "
        if not changed:
            return given, given, f"{words}nothing was changed{seen}"
    expected = None
    if not math.isnan(change.uncertainty):
        expected = expected_dice(calibration, change.class_name, change.uncertainty)
    if expected is not None:
        written, basis = 1 - expected, f"expected Dice {expected:.2f} written, from its uncertainty"
    elif math.isnan(change.uncertainty) and change.agreement == 0:
        written, basis = 1.0, "written one as wrong: the refined label lost the class"
    else:
        written, basis = doubt, "written one by the relative rank of its uncertainty; not calibrated"
    return written if given is None else given, written, f"{words}{basis}{seen}"


def _relative_doubts(changes: Sequence[ClassChange]) -> list[float]:
    """Relative rank of the uncertainty, in (0, 1]."""
    from scipy.stats import rankdata  # takes a second to import

    doubt = rankdata([_or_zero(change.uncertainty) for change in changes]) / max(len(changes), 1)
    return [float(one) for one in doubt]


def _or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value
