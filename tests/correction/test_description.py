"""What offsets say of a set of labels, in words."""

import math

from alcseg.correction.description import describe_offsets
from alcseg.records.offsets import OffsetRow


def offset(case_id: str, drawn_mm: float, shape_mm: float = 1.0, name: str = "atrium") -> OffsetRow:
    return OffsetRow(
        case_id=case_id,
        class_name=name,
        drawn_mm=drawn_mm,
        shape_mm=shape_mm,
        agreement=0.8,
        agreement_as_given=0.6,
        label="moved" if shape_mm == 1.0 else "posterior",
    )


def test_a_set_is_described_in_one_sentence_per_class() -> None:
    found = [
        offset("a", 1.0),
        offset("b", 3.0, 2.0),
        offset("c", -1.5, 4.0),
        offset("d", 0.0),
        offset("e", math.nan, math.nan),
        offset("a", 0.0, name="wall"),
    ]
    # Medians: of 1 and 3 mm, and of the shapes 2 and 4 mm of those that were weighed.
    assert describe_offsets(found) == (
        "atrium: drawn 2.0 mm too large in 2, 1.5 mm too small in 1, within a voxel in 1, "
        "elsewhere or not at all in 1 of 5 cases; in 2 the shape is off, too, by 3.0 mm",
        "wall: drawn within a voxel in 1 of 1 cases",
    )


def test_a_set_of_which_nothing_can_be_told_is_described_all_the_same() -> None:
    assert describe_offsets([offset("a", math.nan, math.nan)]) == (
        "atrium: drawn elsewhere or not at all in 1 of 1 cases",
    )
    assert describe_offsets([]) == ()
