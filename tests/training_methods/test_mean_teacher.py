"""Supervision on HQ, consistency on LQ images, LQ labels unseen."""

from collections.abc import Callable

import pytest
import torch

from alcseg.data.sampling import Patches
from alcseg.losses import segmentation_loss
from alcseg.training_methods import Method

Make = Callable[..., Method]
MakeBatch = Callable[..., dict[str, Patches]]


def test_without_consistency_it_is_h_sup(make_method: Make, make_batch: MakeBatch) -> None:
    # BatchNorm would couple the HQ patches with the LQ ones of the same forward pass, so there is none here.
    options = {"norm": False, "dropout": 0.0}
    method = make_method("mean_teacher", ramp_max=0.0, **options)
    h_sup = make_method("h_sup", **options)
    for _ in range(3):
        batch = make_batch("mean_teacher")
        method.step(batch)
        h_sup.step({"hq": batch["hq"]})
    for own, theirs in zip(method.student.parameters(), h_sup.network.parameters(), strict=True):
        torch.testing.assert_close(own, theirs, rtol=1e-4, atol=1e-6)


def test_lq_labels_are_not_used(make_method: Make, make_batch: MakeBatch) -> None:
    batch = make_batch("mean_teacher")
    first = make_method("mean_teacher").training_terms(batch)
    batch["lq"].label[:] = 1
    torch.manual_seed(0)
    method = make_method("mean_teacher", dropout=0.0)
    with_one = method.training_terms(batch)
    batch["lq"].label[:] = 0
    without = method.training_terms(batch)
    assert set(first) == {"hq", "con"}
    assert all(torch.equal(with_one[term], without[term]) for term in with_one)


def test_naive_supervision_takes_lq_labels_as_they_came(make_method: Make, make_batch: MakeBatch) -> None:
    batch = make_batch("mean_teacher")
    method = make_method("mean_teacher", dropout=0.0, norm=False, lq_supervision="naive")
    terms = method.training_terms(batch)
    expected = segmentation_loss(method.student(batch["lq"].image), batch["lq"].label)
    torch.testing.assert_close(terms["lq"], expected, rtol=1e-4, atol=1e-6)
    assert method.term_weights().get("lq", 1.0) == 1.0


@pytest.mark.parametrize("watched", ["lq", "all"])
def test_consistency_is_with_the_teacher_on_noisy_images(
    watched: str, make_method: Make, make_batch: MakeBatch
) -> None:
    batch = make_batch("mean_teacher")
    method = make_method("mean_teacher", dropout=0.0, norm=False, consistency_on=watched)
    streams = ["hq", "lq"] if watched == "all" else ["lq"]
    noise = [
        method.input_noise(batch[stream], f"pass-{index}", std=0.1, clip=0.2)
        for index, stream in enumerate(streams)
    ]
    images = torch.cat([batch[stream].image for stream in streams])
    target = method.teacher(images + torch.cat(noise)).softmax(1)
    expected = (method.student(images).softmax(1) - target).square().mean()
    assert expected > 0
    torch.testing.assert_close(method.training_terms(batch)["con"], expected, rtol=1e-4, atol=1e-6)


def test_only_the_consistency_is_ramped(make_method: Make) -> None:
    method = make_method("mean_teacher", steps=20)
    method.done = 20
    assert method.term_weights() == {"con": pytest.approx(0.1)}


@pytest.mark.parametrize("network", ["student", "teacher"])
def test_the_evaluated_network_is_a_setting(network: str, make_method: Make) -> None:
    method = make_method("mean_teacher", eval_network=network)
    assert method.export_networks()["model"] is getattr(method, network)
    assert method.export_networks()["teacher"] is method.teacher
