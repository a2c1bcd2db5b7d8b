"""Whole cases through a network that is known: orientation, label values, and the perturbed passes."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from alcseg.correction.refine import refine
from alcseg.data.case import Volume
from alcseg.errors import DataError
from alcseg.inference import predictor as predictor_module
from alcseg.inference.perturbed import perturbed_log_probabilities
from alcseg.inference.predictor import Predictor, PreparedCase, to_label
from alcseg.records.correction import Perturbation
from alcseg.records.plan import Plan

# Axis 0 runs towards posterior, axis 1 towards left, axis 2 towards superior: flipped and permuted.
TURNED = np.array([[0.0, -1, 0, 5], [-1, 0, 0, 7], [0, 0, 2, 1], [0, 0, 0, 1]])


class Nearest(nn.Module):
    """Class k where the intensity is nearest to k; how sure it is grows with `scale`."""

    def __init__(self, scale: float = 30.0) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, image: Tensor) -> Tensor:
        return -self.scale * (image - torch.arange(3.0).reshape(1, 3, 1, 1, 1)) ** 2


def plan(**changes: object) -> Plan:
    settings: dict[str, object] = {
        "spacing": (None, None, None),
        "patch": (8, 8, 8),
        "normalization": "none",
        "clip": None,
        "label_values": (0, 5, 9),
        "label_names": ("background", "left", "right"),
        "channel_names": ("MRI",),
    }
    return Plan(**(settings | changes))


def predictor(**changes: object) -> Predictor:
    return Predictor(Nearest(), plan(**changes), torch.device("cpu"))


@pytest.fixture
def truth(rng) -> np.ndarray:
    classes = np.zeros((12, 10, 9), np.uint8)
    classes[2:7, 3:8, 1:6] = 1
    classes[7:10, 3:8, 2:9] = 2
    return classes


def prepared(array: np.ndarray, **changes: object) -> PreparedCase:
    return predictor(**changes).prepare((volume(array),))


def volume(array: np.ndarray, affine: np.ndarray = TURNED) -> Volume:
    return Volume(array.astype(np.float32), affine, None, Path("made.nii.gz"))


def test_labels_come_back_on_the_source_grid_in_the_datasets_values(truth):
    prediction = predictor().predict(prepared(truth))
    assert np.array_equal(prediction.label(), np.array([0, 5, 9])[truth])
    probs = prediction.source_probabilities()
    assert probs.shape == (3, *truth.shape)
    assert probs.dtype == np.float32
    assert np.allclose(probs.sum(0), 1, atol=1e-6)
    assert np.array_equal(probs.argmax(0), truth)


def test_another_model_spacing_still_ends_on_the_source_grid(truth):
    prediction = predictor().predict(prepared(truth, spacing=(1.0, 1.0, 1.0)))
    # On the model grid the third axis has twice the voxels, and the axes are those of RAS.
    assert prediction.probs.shape == (3, 10, 12, 18)
    label = prediction.label()
    assert label.shape == truth.shape
    assert (label == np.array([0, 5, 9])[truth]).mean() > 0.95


def test_passes_refine_and_doubt_where_the_image_is_between_two_classes(truth):
    image = truth.astype(np.float32)
    image[2:7, 3:8, 1:6] = 1.45  # nearly halfway to class 2
    how = Perturbation(passes=4, noise_std=0.2, noise_clip=0.4)
    refined = predictor().refine(prepared(image), "case", how)
    assert refined.label.shape == refined.uncertainty.shape == truth.shape
    assert set(np.unique(refined.label)) <= {0, 5, 9}
    assert np.array_equal(refined.label[truth == 0], np.zeros((truth == 0).sum()))
    assert refined.uncertainty.min() >= 0
    assert refined.uncertainty[truth == 1].mean() > 5 * refined.uncertainty[truth == 0].mean()


def test_passes_depend_on_seed_and_case_alone(truth):
    image = prepared(truth + 0.4)
    first, again, other_case, other_seed = (
        predictor().refine(image, case_id, Perturbation(passes=2, seed=seed)).uncertainty
        for case_id, seed in (("a", 0), ("a", 0), ("b", 0), ("a", 1))
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other_case)
    assert not np.array_equal(first, other_seed)


@pytest.mark.parametrize("weighting", ["inverse", "exponential"])
@pytest.mark.parametrize("spacing", [(None, None, None), (1.0, 1.0, 1.0)], ids=["exact", "resampled"])
def test_passes_fused_in_slabs_are_those_fused_at_once(weighting, spacing, truth, monkeypatch, tmp_path):
    case = prepared(truth + 0.4, spacing=spacing)
    how = Perturbation(passes=3, noise_std=0.2, noise_clip=0.4, weighting=weighting)
    asked = predictor(spacing=spacing)
    passes = perturbed_log_probabilities(asked.engine, case.image, "a", how, patch=(8, 8, 8))
    whole = refine([one[None] for one in passes], weighting=weighting)
    monkeypatch.setattr("alcseg.inference.shelf._SLAB_VALUES", 4000)
    found = asked.refine(case, "a", how, tmp_path)
    doubt = case.grid.map_to_source(whole.uncertainty[0].numpy())
    assert np.array_equal(found.classes, whole.label[0].numpy())
    assert np.array_equal(found.label, to_label(whole.fused[0].numpy(), case.grid, (0, 5, 9)))
    assert np.allclose(found.uncertainty, doubt, rtol=1e-5, atol=1e-7)
    assert np.array_equal(asked.uncertainty(case, "a", how), found.uncertainty)


def test_passes_are_never_in_memory_together(monkeypatch):
    # Twelve classes in 64 x 48 x 48 voxels: the probabilities of one pass take 6.75 MiB.
    many = Plan(**(plan().model_dump() | {
        "patch": (64, 48, 48), "label_values": tuple(range(12)), "label_names": tuple("abcdefghijkl"),
    }))  # fmt: skip

    class Many(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return -((image - torch.arange(12.0).reshape(1, 12, 1, 1, 1)) ** 2)

    asked = Predictor(Many(), many, torch.device("cpu"))
    case = asked.prepare((volume(np.arange(64 * 48 * 48).reshape(64, 48, 48) % 12),))
    one_pass = 12 * case.image.numel() * 4
    monkeypatch.setattr("alcseg.inference.shelf._SLAB_VALUES", 2**16)
    seen: list[int] = []
    original = predictor_module.refine

    def weigh(passes, **how):
        seen.append(sum(part.nbytes for part in passes))
        return original(passes, **how)

    monkeypatch.setattr(predictor_module, "refine", weigh)
    tracemalloc.start()
    asked.refine(case, "a", Perturbation(passes=8))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * one_pass  # of what numpy holds
    assert max(seen) < one_pass  # of what torch holds


def test_no_perturbation_means_no_uncertainty(truth):
    how = Perturbation(passes=3, noise_std=0.0)
    refined = predictor().refine(prepared(truth), "case", how)
    assert np.allclose(refined.uncertainty, 0, atol=1e-6)
    assert np.array_equal(refined.label, predictor().predict(prepared(truth)).label())


def test_wrong_number_of_channels_and_constant_images_are_refused(truth):
    with pytest.raises(DataError, match=r"expected 1 channel\(s\) \(MRI\), got 2"):
        predictor().prepare((volume(truth), volume(truth)))
    flat = volume(np.ones((8, 8, 8)))
    with pytest.raises(DataError, match="found a constant image"):
        predictor(normalization="zscore").prepare((flat,))


class Sure(Nearest):
    """States an uncertainty of its own."""

    def uncertainty(self, output: Tensor) -> Tensor:
        return 1 - output.softmax(1).amax(1)


def test_a_network_that_states_its_uncertainty_is_asked_for_it(truth):
    # Voxel by voxel and equal in every window, so the average over windows is the value itself.
    network = Sure(scale=1.0)
    asked = Predictor(network, plan(), torch.device("cpu"))
    doubt = asked.uncertainty(prepared(truth), "a", Perturbation())
    assert doubt.dtype == np.float32
    assert doubt.shape == truth.shape
    values = network.uncertainty(network(torch.arange(3.0).reshape(1, 1, 3, 1, 1))).flatten().numpy()
    assert np.allclose(doubt, values[truth], atol=1e-6)


def test_any_other_network_is_perturbed(truth):
    case, how = prepared(truth), Perturbation(passes=2)
    expected = predictor().refine(case, "a", how).uncertainty
    assert np.array_equal(predictor().uncertainty(case, "a", how), expected)
