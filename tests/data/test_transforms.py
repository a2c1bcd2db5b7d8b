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


def ball(
    radius: float, center: tuple[float, float, float], spacing: tuple[float, float, float]
) -> np.ndarray:
    """A ball of that radius in mm in a cube of 24 mm."""
    steps = np.stack(np.indices([int(24 / side) for side in spacing]), -1) - np.array(center)
    return np.linalg.norm(steps * spacing, axis=-1) <= radius


def test_small_turns_keep_shapes_in_mm_and_move_image_and_label_alike(rng: np.random.Generator) -> None:
    spacing = (1.0, 1.0, 2.0)
    label = ball(5, (11.5, 11.5, 5.5), spacing)
    aside = ball(2, (19, 11.5, 5.5), spacing)
    augmentation = Augmentation(rotate_degrees=40, spacing=spacing)
    places = []
    for _ in range(20):
        image, turned, known = augmentation(
            aside[None].astype(np.float32), label.astype(np.uint8), aside, rng=rng
        )
        assert turned.dtype == np.uint8
        assert known.dtype == bool
        common = (turned & label).sum()
        assert 2 * common / (turned.sum() + label.sum()) > 0.85  # a ball about the middle stays
        assert not ((image[0] > 0.9) & ~known).any()
        assert not ((image[0] < 0.1) & known).any()
        places.append(np.argwhere(known).mean(0))
    away = np.linalg.norm((np.array(places) - (11.5, 11.5, 5.5)) * spacing, axis=1)
    assert away == pytest.approx(7.5, abs=0.6)  # as far from the middle as before, in mm
    assert (np.ptp(places, 0) > 1).all()


def test_thick_axes_are_left_alone(rng: np.random.Generator) -> None:
    image = np.zeros((1, 16, 16, 5), np.float32) + np.arange(5, dtype=np.float32)
    label = np.broadcast_to(np.arange(5, dtype=np.uint8), (16, 16, 5))
    marked = np.zeros((16, 16, 5), np.uint8)
    marked[10:14, 7:9] = 1
    augmentation = Augmentation(rotate_degrees=180, zoom=0.5, spacing=(3.0, 3.0, None))
    for _ in range(5):
        turned, same, moved = augmentation(image, label, marked, rng=rng)
        assert np.allclose(turned, image, atol=1e-5)
        assert np.array_equal(same, label)
        assert not np.array_equal(moved, marked)
        assert (moved == moved[..., :1]).all()


def test_sizes_change_within_their_limits_and_distances_with_them(rng: np.random.Generator) -> None:
    label = ball(8, (11.5, 11.5, 11.5), (1, 1, 1))
    distance = np.full((1, *label.shape), 8.0, np.float16)
    augmentation = Augmentation(zoom=0.25)
    growths = []
    for _ in range(30):
        grown, nearest, mm = augmentation(label[None].astype(np.float32), label, distance, rng=rng)
        growths.append(float(mm.mean()) / 8)
        assert grown.sum() / label.sum() == pytest.approx(growths[-1] ** 3, rel=0.05)
        assert 2 * (nearest & (grown[0] > 0.5)).sum() / (nearest.sum() + (grown > 0.5).sum()) > 0.9
    assert 0.8 <= min(growths) < 0.85
    assert 1.17 < max(growths) <= 1.25
