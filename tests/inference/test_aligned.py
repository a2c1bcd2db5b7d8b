"""What offsets say of a set of labels, in words and as a table; when a label counts as clean."""

import math
from pathlib import Path

import torch

from alcseg.correction.alignment import AlignedCase
from alcseg.correction.offsets import Offsets
from alcseg.inference.aligned import ClassOffset, CleanReference, describe_offsets, write_offsets


def offset(case_id: str, drawn_mm: float, shape_mm: float = 1.0) -> ClassOffset:
    return ClassOffset(case_id, "atrium", drawn_mm, shape_mm, 0.8, 0.6, "aligned")


def test_a_set_is_described_in_one_sentence_per_class() -> None:
    found = [
        offset("a", 1.0),
        offset("b", 3.0, 2.0),
        offset("c", -1.5),
        offset("d", 0.0),
        offset("e", math.nan, math.nan),
    ]
    # Medians: of 1 and 3 mm, and of the shapes 1, 2, 1, 1 mm.
    assert describe_offsets(found) == [
        "atrium: drawn 2.0 mm too large in 2, 1.5 mm too small in 1, within a voxel in 1, "
        "elsewhere or not at all in 1 of 5 cases; beside that the shape is off by 1.0 mm"
    ]


def test_the_table_leaves_unknown_values_empty(tmp_path: Path) -> None:
    write_offsets(tmp_path / "offsets.csv", [offset("a", math.nan, math.nan)])
    assert (tmp_path / "offsets.csv").read_text() == (
        "case_id,class,drawn_mm,shape_mm,agreement,agreement_as_given,label\na,atrium,,,0.8000,0.6000,aligned\n"
    )


def test_clean_labels_give_mean_blur_and_least_agreement() -> None:
    def case(given: float, width: float) -> AlignedCase:
        values = (torch.tensor([[value]]) for value in (0.0, given, given, width))
        return AlignedCase(torch.zeros(2, 1, 1, 1), Offsets(*values))

    reference = CleanReference.of([case(0.7, 2.0), case(0.9, 4.0)], 1)
    assert reference.blur_mm == (3.0,)
    assert reference.agreement[0] == torch.tensor(0.7)
    assert CleanReference.of([], 2) == CleanReference((0.0, 0.0), (math.inf, math.inf))
