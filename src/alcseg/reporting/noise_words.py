"""How noisy the labels of a set seem to be, in words."""

from collections.abc import Mapping

import numpy as np

from alcseg.audited import Audit
from alcseg.corrected import Correction
from alcseg.records.base import by_case

__all__ = ["KIND_NAMES", "noise_of_audit", "noise_of_correction"]

KIND_NAMES = {
    "none": "right",
    "too_large": "drawn too large",
    "too_small": "drawn too small",
    "ragged": "with a ragged boundary",
    "missing": "lacking slices or a part",
    "extra": "with a region too much",
    "shifted": "beside the organ",
    "mirrored": "mirrored",
    "exchanged": "exchanged with another class",
    "other_case": "of another case",
    "empty": "forgotten",
}
"""Kind of error to words that follow "labels"."""

_LEAST = 0.02  # share of a kind that is worth a word


def noise_of_audit(audit: Audit) -> list[str]:
    """Sentences on the set as an audit sees it."""
    cases = by_case(audit.ranking).values()
    dice = [float(np.mean([row.dice for row in rows])) for rows in cases]
    surface = [float(np.mean([row.surface_mm for row in rows])) for rows in cases]
    record = audit.record
    said = [
        f"About {record.wrong / max(record.cases, 1):.0%} of the labels seem wrong: their expected Dice with "
        f"the right one is below {record.bad_below:.2f}. Half of all labels are expected at "
        f"{np.median(dice):.2f} or better, the worst tenth at {np.percentile(dice, 10):.2f} or less.",
        f"Surfaces are off by about {np.median(surface):.1f} mm in the median label, and by "
        f"{np.percentile(surface, 90):.1f} mm or more in the worst tenth.",
    ]
    if record.kinds:
        count = sum(record.kinds.values())
        said.append(
            "What seems wrong with the classes of the wrong labels, where a kind of error can be told: "
            + _listed({kind: number / count for kind, number in record.kinds.items()})
            + "."
        )
    return said


def noise_of_correction(correction: Correction) -> list[str]:
    """Sentences on the doubted labels as a correction sees them, and on what it is worth."""
    record = correction.record
    if record.poor is not None:
        return [
            "The network knows too little to judge labels: with trusted ones that it has not learned from it "
            f"reaches a mean Dice of {record.poor:.2f}. What it says of single labels is not to be believed. "
            "Train longer, or on more trusted labels."
        ]
    said = []
    errors = np.array([(row.given_error, row.written_error) for row in correction.ranking], dtype=float)
    known = errors[np.isfinite(errors).all(axis=1)] if len(errors) else errors
    if len(known):
        given, written = 1 - known.mean(axis=0)
        said.append(
            f"The doubted labels are expected at a Dice of {given:.2f} as given and {written:.2f} as written."
        )
    rehearsal = record.rehearsal
    if rehearsal is not None:
        if rehearsal.kinds:
            said.append(
                f"As far as can be told, the doubted labels are: {_listed(rehearsal.kinds)}. These are "
                "shares, not findings of single labels."
            )
        right = ""
        if rehearsal.right_given_dice is not None and rehearsal.right_written_dice is not None:
            right = (
                f" Labels that were right stayed at {rehearsal.right_written_dice:.3f} "
                f"(before: {rehearsal.right_given_dice:.3f})."
            )
        said.append(
            f"Rehearsed on {rehearsal.errors} errors simulated on {rehearsal.cases} trusted labels, each "
            f"by what the other cases taught: Dice {rehearsal.given_dice:.3f} before and "
            f"{rehearsal.written_dice:.3f} after; {rehearsal.worse_share:.1%} became worse by more than a "
            f"point.{right}"
        )
    return [*said, *(f"{sentence}." for sentence in record.offsets)]


def _listed(shares: Mapping[str, float]) -> str:
    """`35 % with a ragged boundary, 15 % of another case`, the commonest first."""
    ranked = sorted(shares.items(), key=lambda item: -item[1])
    return ", ".join(
        f"{share:.0%} {KIND_NAMES.get(kind, kind.replace('_', ' '))}"
        for kind, share in ranked
        if share >= _LEAST
    )
