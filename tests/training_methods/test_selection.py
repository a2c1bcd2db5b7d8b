"""Which LQ patches learn from refined labels."""

import pytest
import torch

from alcseg.correction.refine import Refined
from alcseg.training_methods._selection import least_uncertain, patch_uncertainty


def refined_of(uncertainty: torch.Tensor, label: torch.Tensor) -> Refined:
    empty = torch.empty(0)
    return Refined(mean=empty, fused=empty, label=label, uncertainty=uncertainty)


@pytest.mark.parametrize(
    ("count", "fraction", "selected"),
    [(20, 0.5, 10), (4, 0.5, 2), (4, 0.1, 1), (4, 0.0, 1), (4, 1.0, 4), (1, 0.5, 1)],
)
def test_at_least_one_patch_is_selected(count: int, fraction: float, selected: int) -> None:
    chosen, rest = least_uncertain(torch.arange(count).flip(0).float(), fraction)
    assert chosen.tolist() == list(range(count - 1, count - 1 - selected, -1))  # the last is the surest
    assert sorted([*chosen.tolist(), *rest.tolist()]) == list(range(count))


def test_ties_keep_the_order_of_the_batch() -> None:
    chosen, rest = least_uncertain(torch.zeros(4), 0.5)
    assert chosen.tolist() == [0, 1]
    assert rest.tolist() == [2, 3]


def test_uncertainty_of_a_patch_is_the_mean_over_its_region() -> None:
    # One foreground voxel at x = 0 of a 12 x 1 x 1 patch; its margin of 3 reaches x = 3.
    label = torch.zeros(2, 12, 1, 1, dtype=torch.long)
    label[0, 0] = 1
    uncertainty = torch.arange(12.0).reshape(1, 12, 1, 1).repeat(2, 1, 1, 1)
    refined = refined_of(uncertainty, label)
    assert patch_uncertainty(refined).tolist() == [5.5, 5.5]
    near = patch_uncertainty(refined, region="foreground")
    assert float(near[0]) == (0 + 1 + 2 + 3) / 4
    assert float(near[1]) == torch.inf  # without foreground never selected before one that has some
