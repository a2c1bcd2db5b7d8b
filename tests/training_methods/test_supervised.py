"""The two reference points."""

from collections.abc import Callable

import torch

from alcseg.data.sampling import Patches
from alcseg.losses import segmentation_loss
from alcseg.training_methods import METHODS, Method


def test_hl_sup_without_lq_cases_is_h_sup_step_for_step(
    make_method: Callable[..., Method], make_patches: Callable[..., Patches]
) -> None:
    # Streams are seeded by their names, so both are given the same patches.
    h_sup, hl_sup = make_method("h_sup"), make_method("hl_sup")
    for _ in range(3):
        patches = make_patches(2)
        h_sup.step({"hq": patches})
        hl_sup.step({"union": patches})
        first, second = h_sup.state_dict(), hl_sup.state_dict()
        assert all(torch.equal(first[key], second[key]) for key in first)


def test_streams_say_what_is_read() -> None:
    assert METHODS["h_sup"][0].streams == ("hq",)
    assert METHODS["hl_sup"][0].streams == ("union",)


def test_the_term_is_the_segmentation_loss(
    make_method: Callable[..., Method], make_patches: Callable[..., Patches]
) -> None:
    patches = make_patches(2, classes=3)
    for reduction in ("pooled", "per_sample"):
        method = make_method("hl_sup", classes=3, dropout=0.0, dice_reduction=reduction)
        expected = segmentation_loss(method.network(patches.image), patches.label, dice_reduction=reduction)
        assert torch.equal(method.training_terms({"union": patches})["sup"], expected)
