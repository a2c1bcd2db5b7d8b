"""Distances and components on a grid: SciPy; the extra `[fast]` does them where it is installed."""

import numpy as np
from race import Growth, Race
from scipy import ndimage
from shapes import SPACING, atrium, organ

from alcseg.distances import signed_distance
from alcseg.fast import components

THICK = (1.25, 1.25, 5.0)


def paths() -> list[Race]:
    """Signed distances to a left atrium, its pieces, and those of salt and pepper in its volume."""
    mask = atrium()
    specks = np.random.default_rng(0).random(mask.shape) < 0.25
    return [
        Race(
            "signed distance to an atrium",
            "SciPy, twice",
            lambda: signed_distance(mask, SPACING),
            lambda: _signed(mask),
            _close,
            5,
        ),
        _components("an atrium", mask),
        _components("specks in its volume", specks),
    ]


def growths() -> list[Growth]:
    """Against the volume, of cubes and of thick slices."""

    def of(spacing):
        def make(side: int):
            mask = organ((side,) * 3)
            return lambda: signed_distance(mask, spacing)

        return make

    sides = (32, 64, 128, 192)
    return [
        Growth("signed distance", "side of the volume", sides, of(SPACING), 3, 3),
        Growth("signed distance, thick slices", "side of the volume", sides, of(THICK), 4, 3),
    ]


def _components(what: str, mask: np.ndarray) -> Race:
    task = f"components of {what}"
    return Race(task, "SciPy", lambda: components(mask)[0], lambda: ndimage.label(mask)[0], _equal, 3)


def _signed(mask: np.ndarray) -> np.ndarray:
    half = SPACING[0] / 2
    outside, inside = (ndimage.distance_transform_edt(part, sampling=SPACING) for part in (~mask, mask))
    return np.where(mask, half - inside, outside - half)


def _close(ours, theirs) -> str:
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
    return "equal to 1e-5 mm"


def _equal(ours, theirs) -> str:
    np.testing.assert_array_equal(ours, theirs)
    return "the same numbers"
