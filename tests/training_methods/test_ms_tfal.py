"""Three scales of doubt, switched on one after another."""

import copy
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from alcseg.correction.affinity import patch_confidence, suspicious_voxels, volume_weights
from alcseg.data.sampling import Patches
from alcseg.errors import ConfigError
from alcseg.losses.segmentation import segmentation_loss_per_sample
from alcseg.training_methods import Method

Make = Callable[..., Method]
MakeBatch = Callable[..., dict[str, Patches]]
PLAIN = {"dropout": 0.0, "norm": False}


def features_of(method: Method, image: torch.Tensor) -> torch.Tensor:
    return method.network.body(image).relu().detach()


def confidences_of(method: Method, patches: Patches) -> list[float]:
    pairs = zip(features_of(method, patches.image), patches.label, strict=True)
    return [patch_confidence(features, label, 2).item() for features, label in pairs]


def losses_of(method: Method, patches: Patches, label: torch.Tensor | None = None) -> list[float]:
    label = patches.label if label is None else label
    return segmentation_loss_per_sample(method.network(patches.image), label).tolist()


@pytest.mark.parametrize("classes", [2, 3])
def test_the_first_stage_is_hl_sup_with_dice_per_patch(
    classes: int, make_method: Make, make_batch: MakeBatch
) -> None:
    method = make_method("ms_tfal", classes=classes, steps=100)
    hl_sup = make_method("hl_sup", classes=classes, steps=100, dice_reduction="per_sample")
    for _ in range(4):
        batch = make_batch("ms_tfal", classes=classes)
        method.step(batch)
        hl_sup.step(batch)
    for own, theirs in zip(method.network.parameters(), hl_sup.network.parameters(), strict=True):
        torch.testing.assert_close(own, theirs, rtol=1e-4, atol=1e-6)
    assert method.confidence.keys() == set(batch["union"].case_ids)


def test_weights_join_stage_by_stage(make_method: Make, make_batch: MakeBatch) -> None:
    union = make_batch("ms_tfal")["union"]
    union.label[0] = 0  # background alone: neutral
    method = make_method("ms_tfal", steps=100, **PLAIN)
    names = union.case_ids
    confidence = confidences_of(method, union)
    assert math.isnan(confidence[0])
    known = {name: value + shift for name, value, shift in zip(names, confidence, range(-3, 3), strict=True)}
    known["case_0"] = 1.0
    losses, volume = losses_of(method, union), volume_weights(known)
    mean = sum(known.values()) / len(known)
    patch = {
        name: 1.0 if math.isnan(value) else math.exp(min(max(2 * (value - mean), -1), 1))
        for name, value in zip(names, confidence, strict=True)
    }
    for done, weights in [
        (10, [1.0] * 6),
        (15, [volume[name] for name in names]),
        (25, [volume[name] * patch[name] for name in names]),
    ]:
        method.done, method.ranked, method.confidence = done, dict(known), dict(known)
        expected = np.mean([weight * loss for weight, loss in zip(weights, losses, strict=True)])
        assert method.training_terms({"union": union})["sup"].item() == pytest.approx(expected, rel=1e-4)


def test_the_least_confident_volumes_are_relabeled(make_method: Make, make_batch: MakeBatch) -> None:
    union = make_batch("ms_tfal")["union"]
    method = make_method("ms_tfal", steps=100, relabel_fraction=0.34, **PLAIN)
    method.done = 29
    method.ranked = {name: float(index) for index, name in enumerate(union.case_ids)}
    torch.nn.init.constant_(method.corrector.head.bias, -1.0)
    method.corrector.head.bias.data[1] = 50.0  # says class 1 everywhere
    label, weights = union.label.clone(), volume_weights(method.ranked)
    confidence, mean = confidences_of(method, union), 2.5  # of 0 to 5
    for index in (0, 1):  # round(0.34 * 6) = 2
        found = suspicious_voxels(features_of(method, union.image)[index], label[index], 2, 0.3)
        assert found.any()
        label[index][found] = 1
    of_patch = [0.7, 0.7] + [
        weights[name] * math.exp(min(max(2 * (value - mean), -1), 1))
        for name, value in zip(union.case_ids[2:], confidence[2:], strict=True)
    ]
    expected = np.mean([w * loss for w, loss in zip(of_patch, losses_of(method, union, label), strict=True)])
    given = union.label.clone()
    assert method.training_terms({"union": union})["sup"].item() == pytest.approx(expected, rel=1e-4)
    assert torch.equal(union.label, given)
    assert float(method.noted["relabeled"]) > 0


def test_confidences_run_and_are_ranked_now_and_then(make_method: Make, make_batch: MakeBatch) -> None:
    union = make_batch("ms_tfal")["union"]
    method = make_method("ms_tfal", steps=100, rank_every=3, **PLAIN)
    first = confidences_of(method, union)
    method.step({"union": union})
    assert list(method.confidence.values()) == pytest.approx(first, rel=1e-5)
    second = confidences_of(method, union)
    method.step({"union": union})
    expected = [0.98 * before + 0.02 * now for before, now in zip(first, second, strict=True)]
    assert list(method.confidence.values()) == pytest.approx(expected, rel=1e-5)
    assert method.ranked == {}
    method.step({"union": union})
    before = dict(method.confidence)
    method.step({"union": union})  # step 3
    assert method.ranked == before
    assert method.noted["confidence"] > 0


def test_the_corrector_follows_now_and_then(make_method: Make, make_batch: MakeBatch) -> None:
    method, batch = make_method("ms_tfal", steps=50), make_batch("ms_tfal")
    renewed = []
    for _ in range(20):
        step, current = method.done, method.network.head.weight.detach().clone()
        before = method.corrector.head.weight.clone()
        method.step(batch)
        if not torch.equal(method.corrector.head.weight, before):
            renewed.append(step)
            assert torch.equal(method.corrector.head.weight, current)
    assert renewed == [14, 16, 18]  # from 28 % of 50, every 50/25 steps
    assert not any(parameter.requires_grad for parameter in method.corrector.parameters())


def test_a_resumed_run_goes_on_as_it_would(make_method: Make, make_batch: MakeBatch) -> None:
    # The momentum of SGD starts anew in both, so that methods alone are compared.
    batch = make_batch("ms_tfal")
    method = make_method("ms_tfal", steps=50)
    for _ in range(17):
        method.step(batch)
    state = copy.deepcopy(method.state_beside_weights())
    resumed, weights = (
        make_method("ms_tfal", steps=50),
        {k: v.clone() for k, v in method.state_dict().items()},
    )
    resumed.load_state_dict(weights)
    resumed.take_up(state)
    resumed.done = method.done
    method.optimizers = method.configure_optimizers()
    for _ in range(3):
        method.step(batch)
        resumed.step(batch)
    assert method.confidence == resumed.confidence
    assert method.ranked == resumed.ranked
    first, second = method.state_dict(), resumed.state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_quality_aware_leaves_hq_cases_alone(make_method: Make, make_patches: Callable[..., Patches]) -> None:
    hq, lq = make_patches(2), make_patches(3)
    hq.case_ids = ["good_0", "good_1"]
    method = make_method("ms_tfal", steps=100, quality_aware=True, relabel_fraction=1.0, **PLAIN)
    assert method.streams == ("hq", "lq")
    method.done = 29
    method.ranked = {"good_0": -1.0, "good_1": -2.0, "case_0": 0.0, "case_1": 1.0, "case_2": 2.0}
    method.training_terms({"hq": hq, "lq": lq})
    assert method._doubted() == {"case_0", "case_1", "case_2"}
    assert method._weights(["good_0", "case_0"], [0.5, 0.5], method._doubted()) == [1.0, 0.7]


def test_hard_voxels_alone(make_method: Make) -> None:
    # 64 voxels; class 0 is right. Logit difference d gives the cross-entropy log(1 + e^-d).
    method = make_method("ms_tfal", ohem=True)
    logits = torch.zeros(2, 2, 4, 4, 4)
    logits[:, 0] = 10.0
    logits[0, 0, 0, 0, :2] = 0.0  # two voxels at log 2 > -log 0.7
    logits[1, 0, 0, 0, 0] = 2.0  # none hard enough: 1/64 of 64 voxels is the worst one
    losses = method._losses(logits, torch.zeros(2, 4, 4, 4, dtype=torch.long))
    assert losses.tolist() == pytest.approx([math.log(2), math.log(1 + math.exp(-2))], rel=1e-5)


def test_settings_out_of_range_are_refused(make_method: Make) -> None:
    with pytest.raises(ConfigError, match="rank_every: expected a whole number, at least 1, got 0"):
        make_method("ms_tfal", rank_every=0)
    with pytest.raises(ConfigError, match=r"method.voxel_fraction: expected a number, 0 to 1"):
        make_method("ms_tfal", voxel_fraction=1.5)
