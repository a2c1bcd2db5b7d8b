"""Sums over classes against all pairwise cosines, one by one."""

import numpy as np
import pytest
import torch

from alcseg.correction.affinity import patch_confidence, suspicious_voxels, volume_weights, voxel_affinity

SHAPE = (3, 4, 5)


def brute_force(features: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """S+ and S- as means of cosines over the voxels of the next slice; nan where there are none."""
    same, other = np.full(label.shape, np.nan), np.full(label.shape, np.nan)
    unit = features / np.linalg.norm(features, axis=0)
    for x, y, z in np.ndindex(label.shape):
        near = z - 1 if z else 1
        pairs: dict[bool, list[float]] = {True: [], False: []}
        for i, j in np.ndindex(label.shape[:2]):
            cosine = float(unit[:, x, y, z] @ unit[:, i, j, near])
            pairs[bool(label[i, j, near] == label[x, y, z])].append(cosine)
        same[x, y, z] = np.mean(pairs[True]) if pairs[True] else np.nan
        other[x, y, z] = np.mean(pairs[False]) if pairs[False] else np.nan
    return same, other


def reference_confidence(features: np.ndarray, label: np.ndarray, *, balanced: bool) -> float:
    same, other = brute_force(features, label)
    values = []
    for z in range(label.shape[2]):
        foreground = label[..., [z, z - 1 if z else 1]].any()
        if not foreground or np.isnan(same[..., z]).all() or np.isnan(other[..., z]).all():
            continue
        means = []
        for side in (same[..., z], other[..., z]):
            classes = [side[label[..., z] == c] for c in np.unique(label)] if balanced else [side.ravel()]
            known = [part[~np.isnan(part)] for part in classes]
            means.append(np.mean([part.mean() for part in known if len(part)]))
        values.append(means[0] + 1 - means[1])
    return float(np.mean(values)) if values else float("nan")


def draw(classes: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Features and a label with a slice of background alone and one without its last class."""
    label = rng.integers(0, classes, SHAPE)
    label[..., 4] = 0
    label[..., 2][label[..., 2] == classes - 1] = 0
    return rng.normal(0.3, 1, (6, *SHAPE)), label


@pytest.mark.parametrize("classes", [2, 3])
def test_affinities_equal_the_means_of_all_cosines(classes: int, rng: np.random.Generator) -> None:
    features, label = draw(classes, rng)
    actual = voxel_affinity(torch.from_numpy(features), torch.from_numpy(label), classes)
    for own, expected in zip(actual, brute_force(features, label), strict=True):
        assert np.allclose(own.numpy(), np.nan_to_num(expected), atol=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("balanced", [True, False])
def test_confidence_equals_its_restatement(classes: int, balanced: bool, rng: np.random.Generator) -> None:
    for _ in range(3):
        features, label = draw(classes, rng)
        expected = reference_confidence(features, label, balanced=balanced)
        actual = patch_confidence(
            torch.from_numpy(features), torch.from_numpy(label), classes, balanced=balanced
        )
        assert float(actual) == pytest.approx(expected, abs=1e-5)


def separated(label: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Orthogonal features per class, a little noisy, never negative."""
    features = torch.nn.functional.one_hot(label, 2).movedim(-1, 0).double()
    return features + torch.from_numpy(rng.uniform(0, 0.1, features.shape))


def test_a_wrong_block_lowers_confidence_and_is_found(rng: np.random.Generator) -> None:
    truth = torch.zeros(10, 10, 6, dtype=torch.long)
    truth[2:8, 2:8] = 1
    features = separated(truth, rng)
    given = truth.clone()
    given[2:4, 2:8, 3] = 0  # 12 of 100 voxels of one slice
    clean = patch_confidence(features, truth, 2)
    # Cosines are close to 1 within a class and to 0 across.
    assert float(clean) == pytest.approx(2, abs=0.2)
    assert patch_confidence(features, given, 2) < clean - 0.01
    found = suspicious_voxels(features, given, 2, 0.12)
    assert found[2:4, 2:8, 3].all()
    assert int(found[..., 3].sum()) == 12


def test_a_patch_of_background_has_no_confidence_and_no_suspects(rng: np.random.Generator) -> None:
    label = torch.zeros(SHAPE, dtype=torch.long)
    features = torch.from_numpy(rng.normal(0, 1, (6, *SHAPE)))
    assert torch.isnan(patch_confidence(features, label, 2))
    assert not suspicious_voxels(features, label, 2, 0.3).any()


def test_features_of_zero_and_a_single_slice_give_numbers() -> None:
    label = torch.tensor([0, 1]).reshape(2, 1, 1)
    features = torch.zeros(3, 2, 1, 1)
    assert float(patch_confidence(features, label, 2)) == 1  # compared with itself: 0 + 1 - 0
    assert not suspicious_voxels(features, label, 2, 0.0).any()


def test_half_precision_is_left_for_the_sums(rng: np.random.Generator) -> None:
    features, label = (torch.from_numpy(part) for part in draw(2, rng))
    plain = patch_confidence(features, label, 2)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(patch_confidence(features, label, 2), plain)


def test_volume_weights_of_15_are_the_published_table() -> None:
    confidence = {f"case_{index:02d}": 1.0 - index for index in range(15)}  # the last is the lowest
    weights = volume_weights(confidence)
    assert list(weights)[:2] == ["case_14", "case_13"]
    expected = [0.4] * 5 + [0.5, 0.6, 0.7, 0.8, 0.9] + [1.0] * 5
    assert list(weights.values()) == pytest.approx(expected)
    assert volume_weights({}) == {}
    assert list(volume_weights({"b": 1.0, "a": 1.0})) == ["a", "b"]


def test_slices_that_have_nothing_to_compare_with_do_not_count(rng: np.random.Generator) -> None:
    features = torch.from_numpy(rng.normal(0, 1, (6, *SHAPE)))
    alternating = torch.zeros(SHAPE, dtype=torch.long)
    alternating[..., ::2] = 1  # no voxel has one of its own class in the next slice
    assert torch.isnan(patch_confidence(features, alternating, 2))
    full = torch.ones(SHAPE, dtype=torch.long)  # and here none of another class
    assert torch.isnan(patch_confidence(features, full, 2))
    single = torch.zeros(SHAPE, dtype=torch.long)
    single[1, 1, 2] = 1  # a voxel of foreground is enough, in the slice or in its neighbor
    expected = reference_confidence(features.numpy(), single.numpy(), balanced=True)
    assert float(patch_confidence(features, single, 2)) == pytest.approx(expected, abs=1e-5)
    # One slice alone of either kind leaves the mean to the others.
    mixed = full.clone()
    mixed[:2, :, :3] = 0
    expected = reference_confidence(features.numpy(), mixed.numpy(), balanced=True)
    assert float(patch_confidence(features, mixed, 2)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_suspects_are_at_both_ends_of_their_slice(share: float, rng: np.random.Generator) -> None:
    label = torch.from_numpy(rng.integers(0, 2, (5, 6, 4)))
    features = torch.from_numpy(rng.normal(0, 1, (6, 5, 6, 4)))
    same, other = voxel_affinity(features, label, 2)
    found = suspicious_voxels(features, label, 2, share)
    rank = round(share * 30)
    for z in range(4):
        lowest = same[..., z].flatten().sort().values[rank - 1]
        highest = other[..., z].flatten().sort(descending=True).values[rank - 1]
        assert torch.equal(found[..., z], (same[..., z] <= lowest) & (other[..., z] >= highest))
