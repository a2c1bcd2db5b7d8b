import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from alcseg.data.cache import CachedCase
from alcseg.data.sampling import StepDataset
from alcseg.data.transforms import Augmentation
from alcseg.errors import DataError, ShapeError, UsageError
from alcseg.inference.sliding_window import _overlaps, sliding_window_average, sliding_window_probabilities


def pointwise_network(seed: int = 0, channels: int = 1, classes: int = 3) -> nn.Module:
    network = nn.Conv3d(channels, classes, kernel_size=1)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        network.weight.copy_(torch.randn(network.weight.shape, generator=generator))
        network.bias.copy_(torch.randn(network.bias.shape, generator=generator))
    return network.eval()


def random_image(shape: tuple[int, ...], seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("window", ["gaussian", "lineage"])
@pytest.mark.parametrize("shape", [(9, 11, 7), (8, 8, 8), (3, 20, 5)])
@pytest.mark.parametrize("patch", [(8, 6, 4), (8, 6, 1)])
def test_a_pointwise_network_gives_the_same_as_one_direct_pass(
    window: str, shape: tuple[int, ...], patch: tuple[int, ...]
) -> None:
    network, image = pointwise_network(channels=2), random_image((2, *shape))
    with torch.no_grad():
        direct = network(image[None]).softmax(dim=1)[0]
    probs = sliding_window_probabilities(network, image, patch=patch, window=window)
    assert probs.shape == (3, *shape)
    assert probs.dtype == torch.float32
    assert torch.allclose(probs, direct, atol=1e-6)


def test_probabilities_are_averaged_and_not_logits() -> None:
    def sure_at_the_left(windows: Tensor) -> Tensor:
        # The logit is 20 in a window whose first voxel is 0 (the left one), else -1.
        logit = torch.where(windows[:, :, :1, :1, :1] == 0, 20.0, -1.0).expand_as(windows)
        return torch.cat([torch.zeros_like(logit), logit], dim=1)

    image = torch.arange(6.0).reshape(1, 6, 1, 1).expand(1, 6, 4, 4)
    probs = sliding_window_probabilities(sure_at_the_left, image, patch=(4, 4, 4), window="lineage")
    # Windows start at 0 and 2; voxels 2 and 3 are seen by both: (sigmoid(20) + sigmoid(-1)) / 2 = 0.6345.
    assert probs[1, :, 0, 0].tolist() == pytest.approx([1, 1, 0.6345, 0.6345, 0.2689, 0.2689], abs=1e-4)


def test_the_lineage_steps_and_ends_flush_with_the_border() -> None:
    starts = []

    def note_starts(windows: Tensor) -> Tensor:
        starts.extend(windows[:, 0, 0, 0, 0].tolist())
        return torch.cat([windows, -windows], dim=1)

    image = torch.arange(75.0).reshape(1, 75, 1, 1).expand(1, 75, 2, 2)
    sliding_window_probabilities(note_starts, image, patch=(40, 2, 2), window="lineage")
    # ceil((75 - 40) / 18) + 1 = 3 windows at min(18 k, 75 - 40).
    assert starts == [0, 18, 35]


def test_a_small_volume_is_seen_as_it_was_trained_on(tmp_path: Path) -> None:
    image = np.random.default_rng(3).normal(size=(2, 5, 9, 4)).astype(np.float16)
    np.save(tmp_path / "a.image.npy", image)
    np.save(tmp_path / "a.label.npy", np.zeros(image.shape[1:], np.uint8))
    case = CachedCase("a", "hq", tmp_path / "a", "hash")
    trained = StepDataset({"hq": [case]}, {"hq": 1}, (8, 9, 7), Augmentation(), seed=0)[0]["hq"].image
    seen: list[Tensor] = []

    def note(windows: Tensor) -> Tensor:
        seen.append(windows.clone())
        return windows

    answer = sliding_window_average(note, torch.from_numpy(image.astype(np.float32)), patch=(8, 9, 7))
    (window,) = seen
    assert torch.equal(window, trained)
    assert torch.allclose(answer, torch.from_numpy(image.astype(np.float32)))


def lineage_scores(network: nn.Module, image: np.ndarray, patch: tuple[int, int, int]) -> np.ndarray:
    """What the test code of UA-MT does to one image `(X, Y, Z)`, said again with counts and loops."""
    strides = (18, 18, 4)
    short = [max(0, size - have) for size, have in zip(patch, image.shape, strict=True)]
    padded = np.pad(image, [(few // 2, few - few // 2) for few in short])
    total, seen = np.zeros((2, *padded.shape)), np.zeros(padded.shape)
    starts = [
        [min(step * k, have - size) for k in range(math.ceil((have - size) / step) + 1)]
        for step, have, size in zip(strides, padded.shape, patch, strict=True)
    ]
    for corner in product(*starts):
        box = tuple(slice(start, start + size) for start, size in zip(corner, patch, strict=True))
        with torch.no_grad():
            logits = network(torch.from_numpy(padded[box])[None, None])[0].numpy()
        total[(slice(None), *box)] += np.exp(logits) / np.exp(logits).sum(0)
        seen[box] += 1
    inner = tuple(slice(few // 2, few // 2 + have) for few, have in zip(short, image.shape, strict=True))
    return (total / seen)[(slice(None), *inner)]


@pytest.mark.parametrize("shape", [(59, 64, 19), (30, 61, 7), (38, 40, 10)])
def test_the_lineage_window_is_that_of_its_test_code(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    network = nn.Conv3d(1, 2, kernel_size=5, padding=2).eval()  # sees the rim of its window
    image = random_image((1, *shape))
    probs = sliding_window_probabilities(network, image, patch=(38, 40, 10), window="lineage")
    expected = lineage_scores(network, image[0].numpy(), (38, 40, 10))
    assert np.abs(probs.numpy() - expected).max() < 1e-5


def test_every_stride_survives_the_way_through_a_share() -> None:
    for size in range(2, 160):
        for step in range(1, size):
            assert int(size * (1 - _overlaps([step], [size])[0])) == step


@pytest.mark.parametrize(("window", "border"), [("gaussian", -3.0), ("lineage", 0.0)])
def test_a_small_volume_is_padded_with_air(window: str, border: float) -> None:
    seen = []

    def keep(windows: Tensor) -> Tensor:
        seen.append(windows)
        return torch.cat([windows, -windows], dim=1)

    image = torch.full((1, 2, 4, 4), 5.0)
    image[0, 0, 0, 0] = -3.0
    probs = sliding_window_probabilities(keep, image, patch=(4, 4, 4), window=window)
    assert probs.shape == (2, 2, 4, 4)
    assert seen[0][0, 0, 0].unique().tolist() == [border]
    assert seen[0][0, 0, 3].unique().tolist() == [border]
    assert torch.equal(seen[0][0, 0, 1:3], image[0])


def test_gaussian_windows_step_by_half_of_the_patch_and_weigh_their_center_more() -> None:
    starts = []

    def left_or_right(windows: Tensor) -> Tensor:
        starts.extend(windows[:, 0, 0, 0, 0].tolist())
        sure = torch.where(windows[:, :, :1, :1, :1] == 0, 20.0, -20.0).expand_as(windows)
        return torch.cat([-sure, sure], dim=1)

    image = torch.arange(12.0).reshape(1, 12, 1, 1).expand(1, 12, 2, 2)
    probs = sliding_window_probabilities(left_or_right, image, patch=(8, 2, 2), window="gaussian")
    assert starts == [0, 4]
    # Of the voxels that both see, 4 to 7, the left window has a greater say the nearer its center is.
    share = probs[1, 4:8, 0, 0].tolist()
    assert 1 > share[0] > share[1] > 0.5 > share[2] > share[3] > 0
    assert probs[1, :, 0, 0].tolist() == pytest.approx([1] * 4 + share + [0] * 4)


def test_the_mode_and_the_gradients_are_left_alone() -> None:
    network = pointwise_network().train()
    probs = sliding_window_probabilities(network, random_image((1, 4, 4, 4)), patch=(4, 4, 4))
    assert network.training
    assert not probs.requires_grad


def test_a_network_with_several_outputs_is_named() -> None:
    with pytest.raises(ShapeError, match="expected one tensor of logits, got tuple"):
        sliding_window_average(
            lambda windows: (windows, windows), random_image((1, 4, 4, 4)), patch=(4, 4, 4)
        )


def test_the_number_of_windows_per_pass_changes_nothing() -> None:
    network = nn.Conv3d(1, 2, kernel_size=3, padding=1).eval()
    image = random_image((1, 13, 9, 8))
    one = sliding_window_probabilities(network, image, patch=(6, 6, 6), batch=1)
    many = sliding_window_probabilities(network, image, patch=(6, 6, 6), batch=7)
    assert torch.allclose(one, many, atol=1e-5)


def test_bad_arguments_are_named() -> None:
    network, image = pointwise_network(), random_image((1, 4, 4, 4))
    with pytest.raises(UsageError, match="expected one of gaussian, lineage, got 'hann'"):
        sliding_window_probabilities(network, image, patch=(4, 4, 4), window="hann")
    for patch in ((4, 4), (4, 4, 0), (4, 4, 2.5)):
        with pytest.raises(ShapeError, match="patch: expected three positive"):
            sliding_window_probabilities(network, image, patch=patch)
    with pytest.raises(ShapeError, match=r"expected shape \(C, X, Y, Z\)"):
        sliding_window_probabilities(network, image[0], patch=(4, 4, 4))


def test_an_answer_that_is_not_finite_is_no_label() -> None:
    def broken(windows: Tensor) -> Tensor:
        logits = torch.zeros(len(windows), 2, *windows.shape[2:])
        logits[0, 0, 0, 0, 0] = torch.nan
        return logits

    with pytest.raises(
        DataError, match="expected finite answers of the network, got nan or infinity in 2 of"
    ):
        sliding_window_probabilities(broken, torch.randn(1, 8, 8, 8), patch=(8, 8, 8))
