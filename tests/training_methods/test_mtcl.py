"""Mean-teacher-assisted confident learning: what is flagged, how far it moves, and what learns from it."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from cleanlab.filter import find_label_issues
from torch.nn import functional

from alcseg.data.sampling import Patches
from alcseg.errors import ConfigError
from alcseg.losses import dice_loss, segmentation_loss
from alcseg.training_methods import Method

Make = Callable[..., Method]
MakeBatch = Callable[..., dict[str, Patches]]

PLAIN = {"dropout": 0.0, "norm": False}
"""A network without draws and coupling between patches: each term can be computed by itself."""


def apart(method: Method, scale: float = 1.0) -> Method:
    """Move the teacher away from the student, as after some steps."""
    generator = torch.Generator().manual_seed(1)
    for parameter in method.teacher.parameters():
        parameter.add_(scale * torch.randn(parameter.shape, generator=generator))
    return method


def balanced(method: Method, image: torch.Tensor) -> Method:
    """Let the teacher predict each class somewhere."""
    with torch.no_grad():
        method.teacher.head.bias -= method.teacher(image).mean((0, 2, 3, 4))
    return method


def reference_target(method: Method, lq: Patches, classes: int) -> np.ndarray:
    """Sections 3 and 4 of the paper's procedure, voxel by voxel, with cleanlab's flags; `(B, K, X, Y, Z)`."""

    def teacher(image: torch.Tensor) -> np.ndarray:
        return method.teacher(image).softmax(1).movedim(1, -1).reshape(-1, classes).double().numpy()

    probs, label = teacher(lq.image), lq.label.flatten().numpy()
    flags = find_label_issues(label, probs, filter_by="both", n_jobs=1)
    noise = [method.input_noise(lq, f"uncertainty-{t}", std=0.1, clip=0.2) for t in range(6)]
    mean = np.mean([teacher(lq.image + one) for one in noise], 0)
    target = np.zeros_like(probs)
    for i, given in enumerate(label):
        entropy = -(mean[i] * np.log(mean[i] + 1e-6)).sum() / math.log(classes)
        share = {"hard": 1.0, "fixed": 0.8, "uncertainty": 1 - entropy}[method.settings.smoothing]
        share = share if flags[i] else 0.0
        others = [k for k in range(classes) if k != given]
        target[i, given] += 1 - share
        target[i, max(others, key=lambda k: probs[i, k])] += share
    assert 0 < flags.mean() < 1
    return target.reshape(*lq.label.shape, classes).transpose(0, 4, 1, 2, 3)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", ["mtcl_fs", "mtcl_hard", "mtcl_uds"])
def test_lq_labels_are_corrected_as_the_paper_says(
    name: str, classes: int, make_method: Make, make_batch: MakeBatch
) -> None:
    batch = make_batch(name, classes=classes)
    method = apart(make_method(name, classes=classes, **PLAIN))
    target = torch.from_numpy(reference_target(method, batch["lq"], classes)).float()
    logits = method.student(batch["lq"].image)
    probs = logits.softmax(1)
    overlap = (probs * target).sum((0, 2, 3, 4))
    size = (probs**2 + target**2).sum((0, 2, 3, 4))
    dice = (1 - (2 * overlap + 1e-5) / (size + 1e-5)).mean()
    expected = (dice - (target * logits.log_softmax(1)).sum(1).mean()) / 2
    torch.testing.assert_close(method.training_terms(batch)["lq"], expected, rtol=1e-4, atol=1e-6)


def test_the_consistency_is_with_the_teacher_on_noisy_lq_images(
    make_method: Make, make_batch: MakeBatch
) -> None:
    batch = make_batch("mtcl_hard")
    method = apart(make_method("mtcl_hard", **PLAIN))
    lq = batch["lq"].image
    noise = method.input_noise(batch["lq"], "pass-0", std=0.1, clip=0.2)
    expected = (method.student(lq).softmax(1) - method.teacher(lq + noise).softmax(1)).square().mean()
    terms = method.training_terms(batch)
    torch.testing.assert_close(terms["con"], expected, rtol=1e-4, atol=1e-6)
    supervised = segmentation_loss(method.student(batch["hq"].image), batch["hq"].label)
    torch.testing.assert_close(terms["hq"], supervised, rtol=1e-4, atol=1e-6)


def test_smoothing_by_one_is_hard(make_method: Make, make_batch: MakeBatch) -> None:
    batch = make_batch("mtcl_fs")
    hard = apart(make_method("mtcl_hard", **PLAIN)).training_terms(batch)
    full = apart(make_method("mtcl_fs", smoothing_share=1.0, **PLAIN)).training_terms(batch)
    none = apart(make_method("mtcl_fs", smoothing_share=0.0, **PLAIN)).training_terms(batch)
    assert all(torch.equal(hard[name], full[name]) for name in hard)
    assert not torch.equal(hard["lq"], none["lq"])


@pytest.mark.parametrize(("uncertainty", "like"), [(0.0, "hard"), (1.0, "given")])
def test_uncertainty_decides_how_far_labels_move(
    uncertainty: float,
    like: str,
    make_method: Make,
    make_batch: MakeBatch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch = make_batch("mtcl_uds")
    method = apart(make_method("mtcl_uds", **PLAIN))
    monkeypatch.setattr(method, "_uncertainty", lambda patches: torch.full(patches.label.shape, uncertainty))
    expected = {
        "hard": apart(make_method("mtcl_hard", **PLAIN)).training_terms(batch)["lq"],
        "given": segmentation_loss(method.student(batch["lq"].image), batch["lq"].label),
    }
    torch.testing.assert_close(method.training_terms(batch)["lq"], expected[like], rtol=1e-4, atol=1e-6)


def test_a_teacher_that_agrees_flags_nothing(make_method: Make, make_batch: MakeBatch) -> None:
    batch = make_batch("mtcl_hard")
    method = balanced(apart(make_method("mtcl_hard", **PLAIN)), batch["lq"].image)
    batch["lq"].label = method.teacher(batch["lq"].image).argmax(1)
    assert 0 < batch["lq"].label.float().mean() < 1
    method.step(batch)
    assert float(method.last_terms["flagged"]) == 0
    batch["lq"].label[:] = 0  # one class only
    method.step(batch)
    assert float(method.last_terms["flagged"]) == 0


def test_truncated_targets_erase_flagged_foreground(make_method: Make, make_batch: MakeBatch) -> None:
    # The released code: 0.8 and 0.2 both become 0.
    batch = make_batch("mtcl_fs")
    method = balanced(apart(make_method("mtcl_fs", truncate_soft=True, **PLAIN)), batch["lq"].image)
    soft = reference_target(method, batch["lq"], 2)
    label = torch.from_numpy(soft[:, 1].astype(np.int64))
    assert ((soft[:, 1] > 0) & (soft[:, 1] < 0.5)).any()
    assert 0 < label.sum() < batch["lq"].label.sum()
    expected = segmentation_loss(method.student(batch["lq"].image), label)
    torch.testing.assert_close(method.training_terms(batch)["lq"], expected, rtol=1e-4, atol=1e-6)


def test_dropout_of_the_judging_pass_is_a_setting(make_method: Make, make_batch: MakeBatch) -> None:
    batch = make_batch("mtcl_hard")
    lq = batch["lq"]
    method = apart(make_method("mtcl_hard", dropout=0.5, norm=False, cl_dropout=False))
    with torch.no_grad():
        first, second = method._teacher_probs(lq, None), method._teacher_probs(lq, None)
        noisy = method._teacher_probs(lq, "pass-0"), method._teacher_probs(lq, "pass-0")
    assert torch.equal(first, second)
    assert not torch.equal(*noisy)
    assert all(module.training for module in method.teacher.modules())


def test_without_quality_given_labels_give_way_to_corrected_ones(
    make_method: Make, make_patches: Callable[..., Patches]
) -> None:
    batch = {"union": make_patches(6)}
    method = apart(make_method("mtcl_hard", quality_aware=False, steps=20, **PLAIN))
    assert method.streams == ("union",)
    start = math.exp(-5)
    assert method.term_weights() == pytest.approx({"noisy": 1 - start, "con": 0.1 * start, "lq": start})
    terms = method.training_terms(batch)
    logits = method.student(batch["union"].image)
    target = torch.from_numpy(reference_target(method, batch["union"], 2)).float()
    torch.testing.assert_close(terms["noisy"], segmentation_loss(logits, batch["union"].label))
    torch.testing.assert_close(terms["lq"], segmentation_loss(logits, target), rtol=1e-4, atol=1e-6)
    method.done = 15  # three quarters
    assert method.term_weights() == pytest.approx({"noisy": 0, "con": 0.1, "lq": 1})


def test_the_ramp_scales_both_lq_terms(make_method: Make) -> None:
    method = make_method("mtcl_hard", steps=20)
    assert method.term_weights() == pytest.approx({"con": 0.1 * math.exp(-5), "lq": 0.5 * math.exp(-5)})
    method.done = 15
    assert method.term_weights() == pytest.approx({"con": 0.1, "lq": 0.5})


def test_soft_dice_is_zero_where_both_agree() -> None:
    probs = functional.softmax(torch.randn(2, 3, 4, 4, 4, generator=torch.Generator().manual_seed(0)), 1)
    assert float(dice_loss(probs, probs)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("settings", [{"passes": 0}, {"smoothing_share": 1.2}, {"prune": "all"}])
def test_settings_are_checked(settings: dict[str, object], make_method: Make) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        make_method("mtcl_hard", **settings)
