"""Voxels that two networks choose for a third."""

import copy
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from alcseg.data.sampling import Patches
from alcseg.errors import ConfigError
from alcseg.losses import segmentation_loss
from alcseg.networks.ensemble import SoftmaxMean
from alcseg.training_methods import Method
from alcseg.training_methods.trinet import choose_voxels

Make = Callable[..., Method]
MakeBatch = Callable[..., dict[str, Patches]]

SHAPE = (2, 3, 4, 5)  # B, X, Y, Z
PAIRS = [(1, 2), (0, 2), (0, 1)]


def reference(losses: np.ndarray, label: np.ndarray, keep: list[float], select: str) -> np.ndarray:
    """Masks `(3, ...)` of losses `(3, ...)`, voxel by voxel."""

    def smallest(value: np.ndarray) -> np.ndarray:
        mask = np.zeros(label.shape, bool)
        for place in np.ndindex(label.shape):
            mates = sorted(value[label == label[place]])
            rank = max(1, math.ceil(round(keep[label[place]] * len(mates), 6)))
            mask[place] = value[place] <= mates[rank - 1]
        return mask

    if select == "small_gap":
        return np.stack([smallest(abs(losses[i] - losses[j])) for i, j in PAIRS])
    return np.stack([smallest(losses[i]) & smallest(losses[j]) for i, j in PAIRS])


@pytest.mark.parametrize("select", ["both_small", "small_gap"])
@pytest.mark.parametrize("keep", [[0.9, 0.9, 0.9], [0.95, 0.55, 0.7], [1.0, 0.01, 1.0]])
def test_masks_equal_their_restatement(select: str, keep: list[float], rng: np.random.Generator) -> None:
    losses = rng.exponential(1, (3, *SHAPE)).astype(np.float32)
    losses[:, 0, 0] = 0.5  # ties
    label = rng.integers(0, 3, SHAPE)
    masks = choose_voxels([*torch.from_numpy(losses)], torch.from_numpy(label), keep, select)
    np.testing.assert_array_equal(torch.stack(masks).numpy(), reference(losses, label, keep, select))


@pytest.mark.parametrize("keep", [0.9, 0.6])
def test_kept_share_of_each_class_lies_between_the_bounds(keep: float, rng: np.random.Generator) -> None:
    losses = [torch.from_numpy(rng.exponential(1, (2, 8, 8, 8))) for _ in range(3)]
    label = torch.from_numpy(rng.choice(3, (2, 8, 8, 8), p=[0.9, 0.08, 0.02]))
    for mask in choose_voxels(losses, label, [keep] * 3, "both_small"):
        for c in range(3):
            count = int((label == c).sum())
            kept = int(mask[label == c].sum())
            assert (2 * keep - 1) * count <= kept <= math.ceil(keep * count)


def test_an_absent_class_and_a_plateau_are_kept_whole() -> None:
    label = torch.zeros(SHAPE, dtype=torch.long)
    label[0, 0, 0, 0] = 2  # a single voxel; class 1 is absent
    losses = [torch.full(SHAPE, 9.2)] * 3
    for mask in choose_voxels(losses, label, [0.5] * 3, "both_small"):
        assert mask.all()


def test_no_network_filters_its_own_signal(rng: np.random.Generator) -> None:
    losses = [torch.from_numpy(rng.exponential(1, SHAPE)) for _ in range(3)]
    label = torch.from_numpy(rng.integers(0, 2, SHAPE))
    for select in ("both_small", "small_gap"):
        before = choose_voxels(losses, label, [0.7, 0.7], select)
        for k in range(3):
            changed = [*losses]
            changed[k] = losses[k].flip(0)
            after = choose_voxels(changed, label, [0.7, 0.7], select)
            equal = [torch.equal(a, b) for a, b in zip(before, after, strict=True)]
            assert equal == [other == k for other in range(3)]


def test_each_loss_moves_its_own_network_alone(make_method: Make, make_batch: MakeBatch) -> None:
    method, batch = make_method("trinet"), make_batch("trinet")
    method.done = 20
    for k, term in enumerate(method.terms):
        method.zero_grad()
        method.training_terms(batch)[term].backward()
        moved = [any(p.grad is not None for p in network.parameters()) for network in method.trio.networks]
        assert moved == [other == k for other in range(3)]


def test_keeping_everything_is_three_times_hl_sup(make_method: Make, make_batch: MakeBatch) -> None:
    method = make_method("trinet", keep_ratio=1.0, dropout=0.0)
    alone = []
    for network in method.trio.networks:
        hl_sup = make_method("hl_sup", dropout=0.0)
        hl_sup.network.load_state_dict(network.state_dict())
        alone.append(hl_sup)
    first, second, third = (next(network.parameters()) for network in method.trio.networks)
    assert not torch.equal(first, second)
    assert not torch.equal(second, third)
    for _ in range(3):
        batch = make_batch("trinet")
        for each in (method, *alone):
            each.step(copy.copy(batch))
    for network, hl_sup in zip(method.trio.networks, alone, strict=True):
        for own, theirs in zip(network.parameters(), hl_sup.network.parameters(), strict=True):
            torch.testing.assert_close(own, theirs, rtol=1e-4, atol=1e-6)
    assert float(method.last_terms["kept"]) == 1
    assert float(method.last_terms["overlap"]) == 1


def test_the_kept_share_falls_between_the_ends_of_the_ramp(make_method: Make) -> None:
    # 20 steps: full until 2, 0.9 from 16, halfway at 9.
    method = make_method("trinet", steps=20)
    for done, share in ((0, 1.0), (2, 1.0), (9, 0.95), (16, 0.9), (20, 0.9)):
        method.done = done
        assert method._keep() == [pytest.approx(share)] * 2


@pytest.mark.parametrize("classes", [2, 3])
def test_the_term_is_the_masked_loss(classes: int, make_method: Make, make_batch: MakeBatch) -> None:
    ratios = (0.9, 0.6, 0.7)[:classes]
    method = make_method(
        "trinet", classes=classes, dropout=0.0, keep_ratio=ratios, ce_weight=1.0, dice_weight=0.0
    )
    method.done = 20
    (patches,) = make_batch("trinet", classes=classes).values()
    probs = [n(patches.image).softmax(1).detach().numpy() for n in method.trio.networks]
    label = patches.label.numpy()
    losses = np.stack([-np.log(np.take_along_axis(p, label[:, None], 1)[:, 0]) for p in probs])
    masks = reference(losses, label, [*ratios], "both_small")
    terms = method.training_terms({"union": patches})
    for k, term in enumerate(method.terms):
        assert float(terms[term].detach()) == pytest.approx(losses[k][masks[k]].mean(), rel=1e-4)
    assert float(method.noted["kept"]) == pytest.approx(masks.mean())
    assert float(method.noted["kept_foreground"]) == pytest.approx(masks[:, label > 0].mean())
    jaccard = [(masks[i] & masks[j]).sum() / (masks[i] | masks[j]).sum() for i, j in PAIRS]
    assert float(method.noted["overlap"]) == pytest.approx(np.mean(jaccard))


def test_known_quality_spares_hq_voxels(make_method: Make, make_patches: Callable[..., Patches]) -> None:
    batch = {"hq": make_patches(2), "lq": make_patches(4)}
    method = make_method("trinet", quality_aware=True, dropout=0.0, norm=False, keep_ratio=0.7)
    assert method.streams == ("hq", "lq")
    method.done = 20
    terms = method.training_terms(batch)
    pooled = make_method("trinet", dropout=0.0, norm=False, keep_ratio=0.7)
    pooled.done = 20
    on_lq = pooled.training_terms({"union": batch["lq"]})
    for term, network in zip(method.terms, method.trio.networks, strict=True):
        on_hq = segmentation_loss(network(batch["hq"].image), batch["hq"].label)
        torch.testing.assert_close(terms[term], on_hq + on_lq[term], rtol=1e-4, atol=1e-6)


def test_the_mean_of_three_predicts(make_method: Make, make_batch: MakeBatch) -> None:
    method, batch = make_method("trinet", classes=3).eval(), make_batch("trinet", classes=3)
    image = batch["union"].image
    model = method.export_networks()["model"]
    expected = sum(network(image).softmax(1) for network in method.trio.networks) / 3
    torch.testing.assert_close(model(image).softmax(1), expected)
    first = make_method("trinet", eval_network="first")
    assert first.export_networks() == {"model": first.trio.networks[0]}


def test_the_mean_of_sure_networks_is_finite() -> None:
    sure = torch.nn.Conv3d(1, 2, 1)
    with torch.no_grad():
        sure.weight[:] = torch.tensor([500.0, -500.0]).reshape(2, 1, 1, 1, 1)
        sure.bias.zero_()
        logits = SoftmaxMean(sure, sure)(torch.ones(1, 1, 2, 2, 2))
    assert torch.isfinite(logits).all()
    assert (logits.argmax(1) == 0).all()


@pytest.mark.parametrize("answers", ["mean", "first"])
def test_as_many_networks_are_built_as_answer(answers: str, make_method: Make) -> None:
    method = make_method("trinet", eval_network=answers)
    exported = method.export_networks()["model"].state_dict()
    assert method.build_exported("model").state_dict().keys() == exported.keys()


def test_settings_out_of_range_are_named(make_method: Make) -> None:
    with pytest.raises(ConfigError, match=r"method\.keep_ratio: .* got 1\.2"):
        make_method("trinet", keep_ratio=1.2)
    with pytest.raises(ConfigError, match=r"method\.keep_ratio: .* 2 classes, got 3"):
        make_method("trinet", keep_ratio=(0.9, 0.8, 0.7))
    with pytest.raises(ConfigError, match=r"method\.ramp_end_fraction: .* got 0\.05"):
        make_method("trinet", ramp_end_fraction=0.05)
    with pytest.raises(ConfigError, match=r"method\.select: .* got 'both'"):
        make_method("trinet", select="both")
