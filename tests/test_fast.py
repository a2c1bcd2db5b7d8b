"""The packages of the extra [fast] are used where they are there, and change nothing but the time."""

import cc3d
import edt
import numpy as np
import pytest
from scipy import ndimage

from alcseg import fast
from alcseg.auditing.regions import find_regions
from alcseg.distances import class_distances, signed_distance

CUBES, THICK, UNEQUAL = (0.7, 0.7, 0.7), (1.25, 1.25, 8.0), (0.7, 0.8, 0.95)


@pytest.fixture
def blobs(rng):
    return ndimage.gaussian_filter(rng.normal(size=(24, 20, 13)), 1.5) > 0.02


@pytest.fixture
def plain():
    """What a call gives without the packages."""

    def call(compute, *args, **options):
        with fast.without_packages():
            return compute(*args, **options)

    return call


@pytest.fixture
def calls(monkeypatch):
    """Names of the functions that are called to measure distances and to number components."""
    seen = []

    def watch(module, name):
        original = getattr(module, name)

        def watched(*args, **options):
            seen.append(f"{module.__name__.split('.')[-1]}.{name}")
            return original(*args, **options)

        monkeypatch.setattr(module, name, watched)

    watch(edt, "edtsq")
    watch(cc3d, "connected_components")
    watch(ndimage, "distance_transform_edt")
    watch(ndimage, "label")
    return seen


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("spacing", [CUBES, THICK, UNEQUAL])
@pytest.mark.parametrize("compute", [fast.distance_within, fast.distance_to_other, signed_distance])
def test_distances_are_those_of_scipy(compute, spacing, order, blobs, plain):
    mask = np.asarray(blobs, order=order)
    np.testing.assert_allclose(compute(mask, spacing), plain(compute, mask, spacing), rtol=0, atol=1e-5)


@pytest.mark.parametrize("spacing", [CUBES, (0.7, 0.7, 2.1), (1.25, 1.25, 8.0)])
def test_thresholds_at_whole_steps_cut_the_same_voxels(spacing, blobs, plain):
    finest = np.float32(min(spacing))
    steps = np.arange(-4, 4.5, 0.5, dtype=np.float32)
    found, expected = (
        signed_distance(blobs, spacing) / finest,
        plain(signed_distance, blobs, spacing) / finest,
    )
    for step in steps:
        assert np.array_equal(found <= step, expected <= step)


def test_a_slice_of_two_axes_is_measured_too(blobs, plain):
    mask = blobs[:, :, 5]
    expected = plain(fast.distance_within, mask, (0.5, 0.75))
    np.testing.assert_allclose(fast.distance_within(mask, (0.5, 0.75)), expected, atol=1e-6)


def test_without_another_side_everything_is_infinitely_far(plain):
    full, empty = np.ones((3, 4, 5), bool), np.zeros((3, 4, 5), bool)
    for run in (plain, lambda compute, *args: compute(*args)):
        assert np.isposinf(run(fast.distance_within, full, CUBES)).all()
        assert not run(fast.distance_within, empty, CUBES).any()
        assert np.isposinf(run(fast.distance_to_other, full, CUBES)).all()
        assert np.isposinf(run(fast.distance_to_other, empty, CUBES)).all()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("corners", [False, True])
def test_components_have_the_numbers_of_scipy(corners, order, rng, plain):
    mask = np.asarray(rng.random((17, 19, 13)) < 0.3, order=order)
    found, count = fast.components(mask, corners=corners)
    expected, expected_count = plain(fast.components, mask, corners=corners)
    assert count == expected_count > 1
    assert np.array_equal(found, expected)


def test_components_of_a_slice_and_of_nothing(plain):
    diagonal = np.eye(3, dtype=bool)
    assert fast.components(diagonal)[1] == 3
    assert fast.components(diagonal, corners=True)[1] == 1
    assert fast.components(np.zeros((3, 3, 3), bool))[1] == 0
    assert fast.components(np.zeros((0, 3, 3), bool))[1] == 0


def test_one_transform_tells_both_sides_of_a_boundary(blobs, calls):
    signed_distance(blobs, CUBES)
    assert calls == ["edt.edtsq"]


def test_an_audit_numbers_regions_by_the_quick_package(blobs, calls):
    given, pred = blobs.astype(np.uint8), np.roll(blobs, 1, 0).astype(np.uint8)
    assert find_regions(given, pred, (1,), CUBES)
    assert set(calls) == {"cc3d.connected_components"}


def test_scipy_does_it_where_the_packages_are_switched_off(blobs, calls, plain):
    plain(class_distances, blobs.astype(np.uint8), 2, CUBES)
    plain(fast.components, blobs)
    assert set(calls) == {"ndimage.distance_transform_edt", "ndimage.label"}


def test_switched_off_they_come_back_after_an_error(blobs, calls):
    with pytest.raises(KeyError), fast.without_packages():
        raise KeyError
    fast.components(blobs)
    assert calls == ["cc3d.connected_components"]


def test_scipy_does_it_where_the_packages_are_missing(blobs, calls, monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(fast, "import_module", missing)
    fast._module.cache_clear()
    try:
        signed_distance(blobs, CUBES)
        fast.components(blobs)
    finally:
        fast._module.cache_clear()
    assert set(calls) == {"ndimage.distance_transform_edt", "ndimage.label"}
