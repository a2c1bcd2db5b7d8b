"""From volumes to the arrays a network sees."""

from pathlib import Path

import numpy as np
import pytest

from alcseg.data.case import Volume
from alcseg.data.geometry import ModelGrid
from alcseg.data.preprocess import preprocess_images, preprocess_label
from alcseg.errors import DataError, LabelError
from alcseg.records.plan import Plan

PLAN = Plan(
    spacing=(1.0, 1.0, 1.0),
    patch=(16, 16, 16),
    normalization="zscore",
    clip=None,
    label_values=(0, 9, 5),  # classes in the order of the table, not of the values
    label_names=("background", "left", "right"),
    channel_names=("MRI",),
)


def planned(**changes: object) -> Plan:
    return PLAN.model_copy(update=changes)


def volume(array: np.ndarray, affine: np.ndarray | None = None) -> Volume:
    return Volume(array, np.eye(4) if affine is None else affine, None, Path("case.nii.gz"))


def test_each_channel_is_normalized_by_itself(rng: np.random.Generator) -> None:
    plan = planned(channel_names=("T1", "T2"))
    channels = tuple(volume(rng.normal(mean, 7, (6, 5, 4)).astype(np.float32)) for mean in (100, -300))
    image, _ = preprocess_images(channels, plan)
    assert image.shape == (2, 6, 5, 4)
    assert image.dtype == np.float32
    np.testing.assert_allclose(image.mean((1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(image.std((1, 2, 3)), 1, atol=1e-5)


def test_ct_is_clipped_before_it_is_normalized(rng: np.random.Generator) -> None:
    array = rng.uniform(-1000, 1000, (6, 5, 4)).astype(np.float32)
    image, _ = preprocess_images((volume(array),), planned(normalization="ct", clip=(-100.0, 300.0)))
    clipped = np.clip(array, -100, 300)
    np.testing.assert_allclose(image[0], (clipped - clipped.mean()) / clipped.std(), atol=1e-4)


def test_stored_values_are_kept_on_request(rng: np.random.Generator) -> None:
    array = rng.normal(5, 2, (6, 5, 4)).astype(np.float32)
    image, _ = preprocess_images((volume(array),), planned(normalization="none"))
    assert np.array_equal(image[0], array)


def test_spacing_of_the_plan_is_reached_and_header_rounding_ignored(rng: np.random.Generator) -> None:
    array = rng.normal(0, 1, (6, 5, 4)).astype(np.float32)
    image, grid = preprocess_images((volume(array, np.diag([2.0, 1.004, 3.0, 1.0])),), PLAN)
    assert image.shape == (1, 12, 5, 12)
    assert grid.spacing == pytest.approx((1.0, 1.004, 1.0))
    own, _ = preprocess_images(
        (volume(array, np.diag([2.0, 1.0, 3.0, 1.0])),),
        planned(spacing=(None, 1.0, None)),
    )
    assert own.shape == (1, 6, 5, 4)


def test_label_values_become_classes_in_the_plan_order() -> None:
    array = np.zeros((4, 3, 2), np.int16)
    array[0], array[1] = 9, 5
    grid = ModelGrid.between(array.shape, np.eye(4))
    classes = preprocess_label(volume(array), PLAN, grid)
    assert classes.dtype == np.uint8
    assert classes[:, 0, 0].tolist() == [1, 2, 0, 0]


def test_more_than_256_classes_stay_apart() -> None:
    values = tuple(range(0, 3000, 10))
    names = tuple(f"parcel_{value}" for value in values)
    array = np.array(values, np.int16).reshape(10, 6, 5)
    grid = ModelGrid.between(array.shape, np.eye(4))
    classes = preprocess_label(volume(array), planned(label_values=values, label_names=names), grid)
    assert classes.dtype == np.uint16
    assert classes.ravel().tolist() == list(range(300))
    probs = (np.arange(300)[:, None, None, None] == classes).astype(np.float32)
    assert np.array_equal(grid.labels_from_probabilities(probs), classes)


def test_what_cannot_be_used_is_named(rng: np.random.Generator) -> None:
    array = rng.normal(0, 1, (4, 3, 2)).astype(np.float32)
    with pytest.raises(DataError, match=r"expected 1 channel\(s\) \(MRI\), got 2"):
        preprocess_images((volume(array), volume(array)), PLAN)
    with pytest.raises(DataError, match=r"within 50\.\.60, found a constant image"):
        preprocess_images((volume(array),), planned(normalization="ct", clip=(50.0, 60.0)))
    label = np.zeros((4, 3, 2), np.int16)
    label[0, 0, 0] = 255
    grid = ModelGrid.between(label.shape, np.eye(4))
    with pytest.raises(LabelError, match=r"expected label values \[0, 9, 5\], found \[255\]"):
        preprocess_label(volume(label), PLAN, grid)


def test_a_scan_that_no_memory_holds_on_the_grid_of_the_plan_is_told_with_its_voxels(
    rng: np.random.Generator,
) -> None:
    array = rng.normal(0, 1, (60, 50, 40)).astype(np.float32)  # meters where millimetres were meant
    with pytest.raises(
        DataError, match=r"case.nii.gz: .* 60 x 50 x 40 voxels of 2000 x 2000 x 1000 mm, which are 120000 x"
    ):
        preprocess_images((volume(array, np.diag([2000.0, 2000.0, 1000.0, 1.0])),), PLAN)
