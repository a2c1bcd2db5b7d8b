"""Each label quality has its branch; the trunk hears both."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from alcseg.data.sampling import Patches
from alcseg.errors import ConfigError
from alcseg.losses import segmentation_loss
from alcseg.training_methods import Method

Make = Callable[..., Method]
MakeBatch = Callable[..., dict[str, Patches]]


def gradients(part: nn.Module) -> list[torch.Tensor | None]:
    return [parameter.grad for parameter in part.parameters()]


@pytest.mark.parametrize(("term", "silent", "taught"), [("lq", "upper", "lower"), ("hq", "lower", "upper")])
def test_a_term_teaches_its_branch_and_the_trunk_alone(
    term: str, silent: str, taught: str, make_method: Make, make_batch: MakeBatch
) -> None:
    method = make_method("decoupled")
    method.training_terms(make_batch("decoupled"))[term].backward()
    assert all(
        gradient is None or not gradient.any() for gradient in gradients(getattr(method.network, silent))
    )
    for part in (getattr(method.network, taught), method.network.trunk):
        assert all(gradient is not None and gradient.any() for gradient in gradients(part)[:1])


def test_lq_labels_do_not_reach_the_strong_branch(make_method: Make, make_batch: MakeBatch) -> None:
    batch = make_batch("decoupled")
    found = []
    for _ in range(2):
        method = make_method("decoupled", dropout=0.0)
        torch.stack(list(method.training_terms(batch).values())).sum().backward()
        found.append([gradients(method.network.upper), gradients(method.network.trunk)])
        batch["lq"].label = batch["lq"].label[[1, 2, 3, 0]]
    (strong, trunk), (strong_after, trunk_after) = found
    assert all(torch.equal(a, b) for a, b in zip(strong, strong_after, strict=True))
    assert not torch.equal(trunk[0], trunk_after[0])


@pytest.mark.parametrize("classes", [2, 3])
def test_terms_are_the_segmentation_losses_of_both_paths(
    classes: int, make_method: Make, make_batch: MakeBatch
) -> None:
    method = make_method("decoupled", classes=classes, dropout=0.0, norm=False)
    batch = make_batch("decoupled", classes=classes)
    terms = method.training_terms(batch)
    for stream, branch in (("hq", "upper"), ("lq", "lower")):
        logits = method.network.path(branch)(batch[stream].image).detach().numpy()
        label = batch[stream].label.numpy()
        torch.testing.assert_close(
            terms[stream].item(), slow_segmentation(logits, label), rtol=1e-4, atol=1e-6
        )


def slow_segmentation(logits: np.ndarray, label: np.ndarray) -> float:
    """Half cross-entropy, half Dice over all classes, voxel sums over the whole stream."""
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    classes = range(probs.shape[1])
    entropies, dices = [], []
    for c in classes:
        mask = label == c
        entropies += list(-np.log(probs[:, c][mask]))
        overlap, size = probs[:, c][mask].sum(), (probs[:, c] ** 2).sum() + mask.sum()
        dices.append((2 * overlap + 1e-5) / (size + 1e-5))
    return float(0.5 * np.mean(entropies) + 0.5 * (1 - np.mean(dices)))


def test_with_tied_branches_it_is_one_network_on_both_streams(
    make_method: Make, make_batch: MakeBatch
) -> None:
    options = {"norm": False, "dropout": 0.0}
    method, single = make_method("decoupled", **options), make_method("hl_sup", **options)
    method.network.lower = method.network.upper
    batch = make_batch("decoupled")
    torch.stack(list(method.training_terms(batch).values())).sum().backward()
    for patches in batch.values():
        segmentation_loss(single.network(patches.image), patches.label).backward()
    for own, theirs in zip(method.network.parameters(), single.network.parameters(), strict=True):
        torch.testing.assert_close(own, theirs)
        torch.testing.assert_close(own.grad, theirs.grad, rtol=1e-4, atol=1e-6)


def test_without_the_weak_term_it_is_h_sup(make_method: Make, make_batch: MakeBatch) -> None:
    options = {"norm": False, "dropout": 0.0}
    method, h_sup = make_method("decoupled", beta=0.0, **options), make_method("h_sup", **options)
    for _ in range(3):
        batch = make_batch("decoupled")
        method.step(batch)
        h_sup.step({"hq": batch["hq"]})
    strong = method.export_networks()["model"]
    for own, theirs in zip(strong.parameters(), h_sup.network.parameters(), strict=True):
        torch.testing.assert_close(own, theirs, rtol=1e-4, atol=1e-6)


def test_the_strong_branch_predicts(make_method: Make, make_batch: MakeBatch) -> None:
    method = make_method("decoupled").eval()
    networks = method.export_networks()
    image = make_batch("decoupled")["hq"].image
    assert set(networks) == {"model"}
    with torch.no_grad():
        strong, _ = method.network(image, image)
        assert torch.equal(networks["model"].eval()(image), strong)


def test_beta_is_the_weight_of_the_weak_term(make_method: Make) -> None:
    assert make_method("decoupled").term_weights() == {"lq": 1.0}
    assert make_method("decoupled", beta=0.5).term_weights() == {"lq": 0.5}
    with pytest.raises(ConfigError, match=r"method\.beta: expected a number, at least 0, got -1"):
        make_method("decoupled", beta=-1.0)
    with pytest.raises(ConfigError, match=r"method\.split_at: expected one of bottleneck"):
        make_method("decoupled", split_at="neck")
