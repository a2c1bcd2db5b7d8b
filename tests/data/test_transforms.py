"""Augmentation: image and label alike, intensities of the image alone."""

import numpy as np
import pytest

from alcseg.data.transforms import Augmentation
from alcseg.errors import ConfigError


@pytest.fixture
def pair(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    image = rng.normal(0, 1, (2, 4, 4, 3)).astype(np.float32)
    return image, (image[0] > 0).astype(np.uint8)


def test_off_is_the_identity(pair: tuple[np.ndarray, np.ndarray], rng: np.random.Generator) -> None:
    image, label = Augmentation()(*pair, rng=rng)
    assert np.array_equal(image, pair[0])
    assert np.array_equal(label, pair[1])


def test_flips_and_turns_are_joint_and_reach_all_positions(
    pair: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> None:
    augmentation = Augmentation(flip_axes=(2,), rotate_plane=(0, 1))
    seen = set()
    for _ in range(80):
        image, label = augmentation(*pair, rng=rng)
        assert image.flags.c_contiguous
        assert np.array_equal(label, image[0] > 0)
        seen.add(image.tobytes())
    assert len(seen) == 8  # four turns times two sides


def test_intensities_change_within_their_limits(
    pair: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> None:
    augmentation = Augmentation(intensity_scale=0.2, intensity_shift=0.1)
    for _ in range(20):
        image, label = augmentation(*pair, rng=rng)
        slope, offset = np.polyfit(pair[0].ravel(), image.ravel(), 1)
        assert 0.8 <= slope <= 1.2
        assert -0.1 <= offset <= 0.1
        assert image.dtype == np.float32
        assert np.array_equal(label, pair[1])


def test_a_plane_that_is_not_square_is_refused() -> None:
    Augmentation(rotate_plane=(0, 1)).check((16, 16, 8))
    with pytest.raises(ConfigError, match=r"square in axes \[0, 2\], got \[16, 16, 8\]"):
        Augmentation(rotate_plane=(0, 2)).check((16, 16, 8))
