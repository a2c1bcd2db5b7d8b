"""Evidence, its loss terms, and what the exported network says."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.special import digamma

from alcseg.data.sampling import Patches
from alcseg.errors import ConfigError
from alcseg.training_methods import Method

Make = Callable[..., Method]
MakeBatch = Callable[..., dict[str, Patches]]


@pytest.mark.parametrize("classes", [2, 3])
def test_terms_equal_a_numpy_restatement(classes: int, make_method: Make, make_batch: MakeBatch) -> None:
    batch = make_batch("tbrats", classes=classes)
    method = make_method("tbrats", classes=classes, dropout=0.0, norm=False)
    union = batch["union"]
    logits = method.network.network(union.image).detach().double().numpy()
    alpha = np.log1p(np.exp(logits)) + 1
    onehot = np.moveaxis(np.eye(classes)[union.label.numpy()], -1, 1)
    total = alpha.sum(1)
    terms = {name: term.detach() for name, term in method.training_terms(batch).items()}
    assert list(terms) == ["ice", "kl", "dice"]
    ice = (digamma(total) - digamma((alpha * onehot).sum(1))).mean()
    assert float(terms["ice"]) == pytest.approx(ice, rel=1e-4)
    probs = alpha / total[:, None]
    overlap = (probs * onehot).sum((0, 2, 3, 4))
    size = (probs**2).sum((0, 2, 3, 4)) + onehot.sum((0, 2, 3, 4))
    dice = np.mean(1 - (2 * overlap + 1e-5) / (size + 1e-5))
    assert float(terms["dice"]) == pytest.approx(dice, rel=1e-4)
    if classes == 2:
        wrong = ((alpha - 1) * (1 - onehot)).sum(1)
        assert float(terms["kl"]) == pytest.approx((np.log1p(wrong) - wrong / (1 + wrong)).mean(), rel=1e-4)
    assert float(method.noted["uncertainty"]) == pytest.approx((classes / total).mean(), rel=1e-4)


def test_weight_of_wrong_evidence_rises_over_a_quarter(make_method: Make) -> None:
    method = make_method("tbrats", steps=20, kl_max=0.4)
    weights = []
    for method.done in (0, 2, 5, 20):
        weights.append(method.term_weights()["kl"])
    assert weights == pytest.approx([0, 0.16, 0.4, 0.4])
    assert make_method("tbrats", anneal_fraction=0.0).term_weights() == {"kl": 1, "dice": 1}


def test_dice_of_alpha_is_a_setting(make_method: Make, make_batch: MakeBatch) -> None:
    batch = make_batch("tbrats")
    values = [
        make_method("tbrats", dropout=0.0, dice_on=on).training_terms(batch)["dice"].item()
        for on in ("probs", "alpha")
    ]
    assert values[0] != pytest.approx(values[1])


def test_quality_aware_asks_lq_labels_for_no_divergence(
    make_method: Make, make_patches: Callable[..., Patches]
) -> None:
    batch = {"hq": make_patches(2), "lq": make_patches(3)}
    method = make_method("tbrats", quality_aware=True, dropout=0.0, norm=False)
    assert method.streams == ("hq", "lq")
    first = method.training_terms(batch)
    batch["lq"].label = 1 - batch["lq"].label
    second = method.training_terms(batch)
    assert torch.equal(first["kl"], second["kl"])
    assert not torch.equal(first["ice"], second["ice"])


def test_the_exported_network_predicts_expected_probabilities(
    make_method: Make, make_batch: MakeBatch
) -> None:
    batch = make_batch("tbrats", classes=3)
    method = make_method("tbrats", classes=3).eval()
    model = method.export_networks()["model"]
    output = model(batch["union"].image)
    alpha = torch.nn.functional.softplus(model.network(batch["union"].image)) + 1
    torch.testing.assert_close(output.softmax(1), alpha / alpha.sum(1, keepdim=True))
    torch.testing.assert_close(model.uncertainty(output), 3 / alpha.sum(1))


def test_negative_weights_are_refused(make_method: Make) -> None:
    with pytest.raises(ConfigError, match=r"method.kl_max: expected a number, at least 0, got -1"):
        make_method("tbrats", kl_max=-1.0)
