"""Adaptive label correction: equations 1 to 11 on a batch, in every reading."""

import math
from collections.abc import Callable

import pytest
import torch

from alcseg.correction import refine
from alcseg.data.sampling import Patches
from alcseg.losses import segmentation_loss
from alcseg.training_methods import Method

Make = Callable[..., Method]
MakeBatch = Callable[..., dict[str, Patches]]

PLAIN = {"dropout": 0.0, "norm": False}
"""A network without draws and coupling between patches: each term can be computed by itself."""


@pytest.fixture
def batch(make_batch: MakeBatch) -> dict[str, Patches]:
    batch = make_batch("alc")
    batch["lq"].image.mul_(torch.tensor([0.2, 3.0, 1.0, 2.0]).reshape(4, 1, 1, 1, 1))  # unequal uncertainty
    return batch


def apart(method: Method) -> Method:
    """Move the teacher away from the student, as after some steps."""
    generator = torch.Generator().manual_seed(1)
    for parameter in method.teacher.parameters():
        parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return method


def passes_of(method: Method, patches: Patches) -> list[torch.Tensor]:
    """Equation 3 by hand: T copies with noise of their own, clipped."""
    noise = [method.input_noise(patches, f"pass-{t}", std=0.1, clip=0.2) for t in range(4)]
    return [method.teacher(patches.image + one).log_softmax(1) for one in noise]


def test_terms_are_equations_1_and_8_to_10(make_method: Make, batch: dict[str, Patches]) -> None:
    method = apart(make_method("alc", select_fraction=0.5, **PLAIN))
    hq, lq = batch["hq"], batch["lq"]
    passes = passes_of(method, lq)
    refined = refine(passes)
    order = refined.uncertainty.mean((1, 2, 3)).argsort()
    selected, rest = order[:2], order[2:]
    assert selected.tolist() != [0, 1]
    hq_logits, logits = method.student(hq.image), method.student(lq.image)
    student = logits.softmax(1)
    expected = {
        "hq": segmentation_loss(hq_logits, hq.label),
        "lq": segmentation_loss(logits[selected], refined.label[selected]),
        "noisy": segmentation_loss(logits[rest], lq.label[rest]),
        "con": torch.stack([(student - one.exp()).square().mean() for one in passes]).mean(),
    }
    terms = method.training_terms(batch)
    assert list(terms) == list(expected)
    for name, value in expected.items():
        torch.testing.assert_close(terms[name], value, rtol=1e-4, atol=1e-6, msg=name)


def test_given_labels_of_selected_patches_reach_no_loss(make_method: Make, batch: dict[str, Patches]) -> None:
    method = apart(make_method("alc", select_fraction=0.5, **PLAIN))
    order = refine(passes_of(method, batch["lq"])).uncertainty.mean((1, 2, 3)).argsort()
    before = method.training_terms(batch)
    batch["lq"].label[order[:2]] = 1
    after = method.training_terms(batch)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_without_selection_there_is_no_noisy_term(make_method: Make, batch: dict[str, Patches]) -> None:
    method = make_method("alc_wo_ls", **PLAIN)
    before = method.training_terms(batch)
    assert set(before) == {"hq", "lq", "con"}
    batch["lq"].label[:] = 1
    assert torch.equal(method.training_terms(batch)["lq"], before["lq"])
    method.step(batch)


@pytest.mark.parametrize("source", ["mean", "single", "given"])
def test_without_refinement_labels_come_from_elsewhere(
    source: str, make_method: Make, batch: dict[str, Patches]
) -> None:
    method = apart(make_method("alc_wo_lr", without_refinement=source, select_fraction=1.0, **PLAIN))
    lq = batch["lq"]
    target = {
        "mean": refine(passes_of(method, lq)).mean.argmax(1),
        "single": method.teacher(lq.image).argmax(1),
        "given": lq.label,
    }[source]
    # All patches are selected: their order by uncertainty does not matter to the pooled loss.
    expected = segmentation_loss(method.student(lq.image), target)
    torch.testing.assert_close(method.training_terms(batch)["lq"], expected, rtol=1e-4, atol=1e-6)
    assert method.teacher.training


def test_a_soft_target_is_the_fused_distribution(make_method: Make, batch: dict[str, Patches]) -> None:
    method = apart(make_method("alc", refined_target="soft", select_fraction=1.0, **PLAIN))
    fused = refine(passes_of(method, batch["lq"])).fused
    expected = segmentation_loss(method.student(batch["lq"].image), fused)
    torch.testing.assert_close(method.training_terms(batch)["lq"], expected, rtol=1e-4, atol=1e-6)


def test_norm_by_the_batch_divides_by_all_lq_patches(make_method: Make, batch: dict[str, Patches]) -> None:
    own = make_method("alc", select_fraction=0.25, **PLAIN).training_terms(batch)
    shared = make_method("alc", select_fraction=0.25, lq_norm="batch", **PLAIN).training_terms(batch)
    torch.testing.assert_close(shared["lq"], own["lq"] / 4)
    torch.testing.assert_close(shared["noisy"], own["noisy"] * 3 / 4)


@pytest.mark.parametrize("kind", ["mse", "kl"])
def test_consistency_on_all_is_the_mean_over_all_patches(
    kind: str, make_method: Make, batch: dict[str, Patches]
) -> None:
    method = apart(make_method("alc", consistency_on="all", consistency_loss=kind, **PLAIN))
    parts = []
    for patches in batch.values():
        student = method.student(patches.image).log_softmax(1)
        for one in passes_of(method, patches):
            voxels = (
                (student.exp() - one.exp()).square().mean(1)
                if kind == "mse"
                else (one.exp() * (one - student)).sum(1)
            )
            parts.append(voxels.mean((1, 2, 3)))
    torch.testing.assert_close(
        method.training_terms(batch)["con"], torch.cat(parts).mean(), rtol=1e-4, atol=1e-6
    )


START = math.exp(-5)


@pytest.mark.parametrize(
    ("total", "at_start", "at_end"),
    [
        (
            "ramp",
            {"hq": 1, "lq": 0.5 * START, "noisy": 0.1 * START, "con": 0.1 * START},
            {"hq": 1, "lq": 0.5, "noisy": 0.1, "con": 0.1},
        ),
        (
            "outside",
            {"hq": 1, "lq": 5, "noisy": 1, "con": 0.1 * START},
            {"hq": 1, "lq": 5, "noisy": 1, "con": 0.1},
        ),
        (
            "crossfade",
            {"hq": 1 - START, "lq": 5 * START, "noisy": START, "con": START},
            {"hq": 0, "lq": 5, "noisy": 1, "con": 1},
        ),
    ],
)
def test_weights_of_equation_11(
    total: str, at_start: dict[str, float], at_end: dict[str, float], make_method: Make
) -> None:
    method = make_method("alc", total=total, alpha=5.0, beta=1.0, ramp_max=0.1, steps=20)
    assert method.term_weights() == pytest.approx(at_start)
    method.done = 20
    assert method.term_weights() == pytest.approx(at_end)


def test_warm_up_keeps_lq_labels_out(make_method: Make) -> None:
    method = make_method("alc", warmup_fraction=0.5, steps=20)
    method.done = 9
    assert method.term_weights()["lq"] == method.term_weights()["noisy"] == 0
    assert method.term_weights()["con"] > 0
    method.done = 10
    assert method.term_weights()["lq"] > 0


def test_the_loss_is_the_weighted_sum(make_method: Make, batch: dict[str, Patches]) -> None:
    method = make_method("alc", **PLAIN)
    weights = method.term_weights()
    method.step(batch)
    terms = method.last_terms
    expected = sum(weights[name] * float(terms[name]) for name in method.terms)
    assert float(terms["loss"]) == pytest.approx(expected, rel=1e-5)
