"""Which corrected labels to look at first: cases ordered by the expected error of their worst class."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

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


def rank_cases(changes: Sequence[ClassChange], calibration: Calibration) -> tuple[RankingRow, ...]:
    """Order cases by the expected error of their worst class, worst first.

    With held-out HQ cases the score of a class is 1 minus the Dice that the calibration expects at its
    uncertainty. Without, it is the mean of two relative ranks in (0, 1]: of the uncertainty and of 1 minus
    the agreement; it then orders cases but is no error. A class that the given label holds and the refined
    one has lost scores 1, as do all of an undecided case; a class that is empty in both scores 0. Ties are
    broken by uncertainty, then by disagreement, then by name.

    Returns:
        A row per case and class, those of the first case first.
    """
    scored = [
        (change, *_score(change, calibration, relative))
        for change, relative in zip(changes, _relative_scores(changes), strict=True)
    ]
    worst: dict[str, tuple[float, float, float]] = {}
    for change, score, _ in scored:
        key = (score, _or_zero(change.uncertainty), _disagreement(change))
        worst[change.case_id] = max(worst.get(change.case_id, key), key)
    order = sorted(worst, key=lambda case_id: ([-part for part in worst[case_id]], case_id))
    rank = {case_id: number for number, case_id in enumerate(order, start=1)}
    rows = [
        RankingRow(
            rank=rank[change.case_id],
            case_id=change.case_id,
            class_name=change.class_name,
            uncertainty=change.uncertainty,
            agreement=None if change.agreement is None or math.isnan(change.agreement) else change.agreement,
            changed_mm3=change.added_mm3 + change.removed_mm3,
            added_mm3=change.added_mm3,
            removed_mm3=change.removed_mm3,
            shift_mm=change.shift_mm,
            score=score,
            in_sample=change.in_sample,
            reason=reason,
        )
        for change, score, reason in scored
    ]
    return tuple(sorted(rows, key=lambda row: row.rank))


def _score(change: ClassChange, calibration: Calibration, relative: float) -> tuple[float, str]:
    """Score in [0, 1] and the sentence that explains it."""
    unlabeled = "pseudo label, no label was given; " if change.agreement is None else ""
    seen = "; seen in training, so uncertainty may be too low" if change.in_sample else ""
    if change.undecided:
        return 1.0, "the given label, which was kept, has nothing to do with the prediction"
    if math.isnan(change.uncertainty):
        if change.removed_mm3 > 0 or change.agreement == 0:
            return 1.0, f"the refined label has lost this class{seen}"
        return 0.0, f"{unlabeled}empty in the given and the refined label{seen}"
    expected = expected_dice(calibration, change.class_name, change.uncertainty)
    if expected is None:
        return relative, f"{unlabeled}relative rank of uncertainty and disagreement; not calibrated{seen}"
    return 1 - expected, f"{unlabeled}expected Dice {expected:.2f} from uncertainty{seen}"


def _relative_scores(changes: Sequence[ClassChange]) -> list[float]:
    """Mean relative rank of uncertainty and of disagreement; without a given label, of uncertainty alone."""
    from scipy.stats import rankdata  # takes a second to import

    doubt = rankdata([_or_zero(change.uncertainty) for change in changes]) / max(len(changes), 1)
    disagreement = rankdata([_disagreement(change) for change in changes]) / max(len(changes), 1)
    return [
        float(a if change.agreement is None else (a + b) / 2)
        for a, b, change in zip(doubt, disagreement, changes, strict=True)
    ]


def _disagreement(change: ClassChange) -> float:
    """1 minus the agreement; 0 where there is nothing to agree on."""
    return 0.0 if change.agreement is None else _or_zero(1 - change.agreement)


def _or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value
