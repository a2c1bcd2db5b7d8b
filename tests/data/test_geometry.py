"""The way to the model grid and back, over all ways a volume can lie in space."""

from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alcseg.data.geometry import ModelGrid
from alcseg.errors import GeometryError, ShapeError

ORIENTATIONS = [
    (order, signs) for order in permutations(range(3)) for signs in product((1.0, -1.0), repeat=3)
]


def make_affine(order: tuple[int, ...], signs: tuple[float, ...], spacing: tuple[float, ...]) -> np.ndarray:
    """Array axis k runs along world axis `order[k]`, in the direction of `signs[k]`."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis in range(3):
        affine[order[axis], axis] = signs[axis] * spacing[axis]
    affine[:3, 3] = 10, -20, 30
    return affine


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_all_48_orientations_come_back_bit_for_bit(order, signs, rng):
    affine = make_affine(order, signs, (1.0, 2.0, 3.0))
    image = rng.normal(size=(4, 5, 6)).astype(np.float32)
    grid = ModelGrid.between(image.shape, affine)
    model = grid.image_to_model(image)
    canonical = nib.as_closest_canonical(nib.Nifti1Image(image, affine))
    assert np.array_equal(model, canonical.get_fdata(dtype=np.float32))
    assert np.allclose(grid.affine, canonical.affine)
    assert not grid.resamples
    assert np.array_equal(grid.map_to_source(model), image)
    label = rng.integers(0, 3, image.shape)
    onehot = np.stack([grid.label_to_model(label) == value for value in range(3)]).astype(np.float32)
    assert np.array_equal(grid.labels_from_probabilities(onehot), label)


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS[::5])
def test_resampled_label_comes_back_to_its_place(order, signs):
    # A box of 12x12x12 mm in the middle of 24x24x24 mm; the model grid has twice or half the voxels per axis.
    spacing = (1.0, 2.0, 3.0)
    label = np.zeros((24, 12, 8), np.uint8)
    label[6:18, 3:9, 2:6] = 1
    grid = ModelGrid.between(label.shape, make_affine(order, signs, spacing), (1.5, 1.5, 1.5))
    model = grid.label_to_model(label)
    assert model.shape == grid.shape == (16, 16, 16)
    assert model.dtype == np.uint8
    probs = np.stack([model == 0, model == 1]).astype(np.float32)
    assert np.array_equal(grid.labels_from_probabilities(probs), label)


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    spacing=st.tuples(*[st.floats(0.3, 5)] * 3),
    wanted=st.tuples(*[st.floats(0.3, 5)] * 3),
    orientation=st.sampled_from(ORIENTATIONS),
)
def test_any_grid_comes_back_to_its_shape(shape, spacing, wanted, orientation):
    grid = ModelGrid.between(shape, make_affine(*orientation, spacing), wanted)
    rng = np.random.default_rng(0)
    probs = rng.random((3, *grid.shape))
    probs /= probs.sum(axis=0)
    back = grid.probabilities_to_source(probs)
    assert back.shape == (3, *shape)
    assert np.allclose(back.sum(axis=0), 1, atol=1e-5)
    assert back.min() >= 0
    assert np.array_equal(grid.labels_from_probabilities(probs), back.argmax(axis=0))
    # Both grids cover the same field of view: the outer corner of the first voxel is the same point.
    corner = np.full(4, -0.5)
    corner[3] = 1
    start = ModelGrid.between(shape, make_affine(*orientation, spacing))
    assert np.allclose(grid.affine @ corner, start.affine @ corner)
    assert np.allclose(np.multiply(grid.shape, grid.spacing), np.multiply(start.shape, start.spacing))


def test_linear_ramp_stays_linear_when_upsampled():
    # Voxel centers 0..3 mm; at half the spacing the centers lie at -0.25, 0.25, ..., and the ends are held.
    ramp = np.broadcast_to(np.arange(4.0)[:, None, None], (4, 3, 3))
    grid = ModelGrid.between((4, 3, 3), np.eye(4), (0.5, 1.0, 1.0))
    assert np.allclose(grid.image_to_model(ramp)[:, 0, 0], [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3])


def test_downsampling_averages_instead_of_picking():
    # Alternating 0 and 1 at a quarter of the resolution: a mean near one half, not either value.
    stripes = np.broadcast_to((np.arange(32) % 2.0)[:, None, None], (32, 2, 2))
    model = ModelGrid.between((32, 2, 2), np.eye(4), (4.0, 1.0, 1.0)).image_to_model(stripes)
    assert np.allclose(model, 0.5, atol=0.05)


def test_model_affine_points_at_the_same_place():
    affine = nib.affines.from_matvec(
        nib.eulerangles.euler2mat(0.2, 0.1, -0.15) @ np.diag([1, 1, 3]), [5, 6, 7]
    )
    grid = ModelGrid.between((20, 20, 10), affine, (2.0, 2.0, 2.0))
    # The center of the field of view in both grids.
    middle = [*((np.array(grid.shape) - 1) / 2), 1]
    assert np.allclose(grid.affine @ middle, affine @ [9.5, 9.5, 4.5, 1])


def test_wrong_arrays_and_spacings_are_refused():
    grid = ModelGrid.between((2, 3, 4), np.eye(4))
    with pytest.raises(
        ShapeError, match=r"expected an array of shape \(2, 3, 4\) on the source grid, found \(4, 3, 2\)"
    ):
        grid.image_to_model(np.zeros((4, 3, 2)))
    with pytest.raises(ShapeError, match="on the model grid"):
        grid.map_to_source(np.zeros((4, 3, 2)))
    with pytest.raises(GeometryError, match="three positive spacings"):
        ModelGrid.between((2, 3, 4), np.eye(4), (1.0, 0.0, 1.0))
    with pytest.raises(GeometryError, match="three independent axes"):
        ModelGrid.between((2, 3, 4), np.diag([1.0, 0.0, 1.0, 1.0]))


def test_probabilities_are_not_written_to() -> None:
    grid = ModelGrid.between((3, 4, 5), np.eye(4))
    probs = np.random.default_rng(0).random((2, 3, 4, 5)).astype(np.float32)
    before = probs.copy()
    grid.labels_from_probabilities(probs)
    assert np.array_equal(probs, before)


def test_directions_that_cases_share_are_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    original = nib.orientations.io_orientation
    monkeypatch.setattr(
        nib.orientations, "io_orientation", lambda affine: asked.append(1) or original(affine)
    )
    turned = np.array([[0, -0.123, 0, 7], [0.7, 0, 0, 8], [0, 0, 2.5, 9], [0, 0, 0, 1.0]])
    elsewhere = turned.copy()
    elsewhere[:3, 3] = 1, 2, 3
    grids = [ModelGrid.between((4, 5, 6), affine) for affine in (turned, elsewhere, turned)]
    assert len(asked) == 1
    assert all(grid.permutation == (1, 0, 2) for grid in grids)
    assert not np.array_equal(grids[0].affine, grids[1].affine)
