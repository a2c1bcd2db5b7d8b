"""2SRnT: its folds, what a teacher hands on, and the student's loss."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from alcseg.data.sampling import Patches
from alcseg.errors import ConfigError
from alcseg.training_methods import Method, Stage
from alcseg.training_methods.two_stage_rnt import TwoStageRNT

Make = Callable[..., Method]


def coded(patches: Patches, classes: int, rng: np.random.Generator) -> tuple[Patches, np.ndarray, np.ndarray]:
    """Patches of which a fifth of the voxels is flagged; also the flags and where they move."""
    label = patches.label.numpy()
    flags = rng.random(label.shape) < 0.2
    target = (label + rng.integers(1, classes, label.shape)) % classes
    code = np.where(flags, label + classes * (1 + target), label)
    return Patches(patches.image, torch.from_numpy(code), patches.case_ids, patches.slots), flags, target


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("smoothing", [0.3, 0.8])
def test_the_student_learns_from_softened_labels(
    classes: int,
    smoothing: float,
    make_method: Make,
    make_patches: Callable[..., Patches],
    rng: np.random.Generator,
) -> None:
    given = make_patches(3, classes=classes)
    patches, flags, moved = coded(given, classes, rng)
    method = make_method("two_stage_rnt", classes=classes, dropout=0.0, smoothing=smoothing)
    loss = float(method.training_terms({"union": patches})["sup"].detach())

    logits = method.network(given.image).detach().double().numpy()
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    label = given.label.numpy()
    cross_entropy = []
    hard = np.where(flags & (smoothing > 0.5), moved, label)
    for index in np.ndindex(label.shape):
        log_p = np.log(probs[(index[0], slice(None), *index[1:])])
        share = smoothing if flags[index] else 0.0
        cross_entropy.append(-(1 - share) * log_p[label[index]] - share * log_p[moved[index]])
    dice = []
    for c in range(classes):
        p, y = probs[:, c], (hard == c).astype(float)
        dice.append(1 - (2 * (p * y).sum() + 1e-5) / ((p**2).sum() + y.sum() + 1e-5))
    assert loss == pytest.approx(0.5 * np.mean(cross_entropy) + 0.5 * np.mean(dice), rel=1e-4)
    assert float(method.noted["flagged"]) == pytest.approx(flags.mean())


def test_without_flags_the_student_is_hl_sup(make_method: Make, make_patches: Callable[..., Patches]) -> None:
    batch = {"union": make_patches(3)}
    own = make_method("two_stage_rnt", dropout=0.0).training_terms(batch)["sup"]
    plain = make_method("hl_sup", dropout=0.0).training_terms(batch)["sup"]
    torch.testing.assert_close(own, plain)


def test_every_case_is_predicted_by_a_teacher_that_has_not_seen_it(make_method: Make) -> None:
    names = [f"case_{index}" for index in range(7)]
    *teachers, student = make_method("two_stage_rnt", folds=3).plan_stages({"union": names})
    assert sorted(case for stage in teachers for case in stage.held_out) == names
    for stage in teachers:
        assert stage.cases == frozenset(names) - frozenset(stage.held_out)
        assert stage.steps == 10
    assert student == Stage("", 20, relabeled=True)
    again = make_method("two_stage_rnt", folds=3).plan_stages({"union": names[::-1]})
    assert again == [*teachers, student]


def test_a_teacher_predicts_no_patient_that_it_knows(make_method: Make) -> None:
    groups = {f"p{index // 2}_{index % 2}": f"p{index // 2}" for index in range(8)}
    streams = {"hq": ["p0_0", "p1_0"], "lq": [name for name in groups if name not in ("p0_0", "p1_0")]}
    method = make_method("two_stage_rnt", quality_aware=True)
    *teachers, _ = method.plan_stages(streams, groups)
    assert sorted(case for stage in teachers for case in stage.held_out) == sorted(streams["lq"])
    for stage in teachers:
        assert {groups[case] for case in stage.cases}.isdisjoint(groups[case] for case in stage.held_out)


def test_the_aware_form_doubts_lq_cases_only(make_method: Make) -> None:
    method = make_method("two_stage_rnt", quality_aware=True)
    assert method.streams == ("hq", "lq")
    *teachers, _ = method.plan_stages({"hq": ["good"], "lq": ["a", "b", "c"]})
    assert sorted(case for stage in teachers for case in stage.held_out) == ["a", "b", "c"]
    assert all("good" in stage.cases for stage in teachers)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_sure_teacher_finds_the_wrong_labels(
    classes: int, make_method: Make, rng: np.random.Generator
) -> None:
    held_out, truths = [], []
    for number in range(3):
        truth = rng.integers(0, classes, (6, 6, 6))
        probs = rng.uniform(0.0, 0.1, (classes, *truth.shape)).astype(np.float32)
        np.put_along_axis(probs, truth[None], 1.0, axis=0)
        wrong = rng.random(truth.shape) < 0.1
        label = np.where(wrong, (truth + 1) % classes, truth).astype(np.uint8)
        held_out.append((f"case_{number}", probs / probs.sum(0), label, None))
        truths.append(truth)
    method = make_method("two_stage_rnt", classes=classes)
    for (name, code), (case_id, _, label, _), truth in zip(
        method.hand_on(held_out), held_out, truths, strict=True
    ):
        assert name == case_id
        np.testing.assert_array_equal(code % classes, label)
        found = code >= classes
        assert not found[label == truth].any()
        assert found[label != truth].mean() > 0.9
        np.testing.assert_array_equal((code // classes - 1)[found], truth[found])


def test_clean_labels_and_a_perfect_teacher_give_no_flags(make_method: Make) -> None:
    label = np.zeros((4, 4, 4), np.uint8)
    label[1:3] = 1
    probs = np.stack([label == 0, label == 1]).astype(np.float32)
    ((_, code),) = make_method("two_stage_rnt").hand_on([("case", probs, label, None)])
    np.testing.assert_array_equal(code, label)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="folds: expected a whole number, at least 2, got 1"):
        TwoStageRNT(folds=1)
    with pytest.raises(ConfigError, match=r"smoothing: expected a number, 0 to 1, got 1\.5"):
        TwoStageRNT(smoothing=1.5)
