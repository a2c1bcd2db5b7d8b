import numpy as np
import pytest


def test_what_is_kept_of_a_case(cases):
    label = np.zeros_like(cases.labels[0])
    label[0:10, 6:18, 5:15] = 1
    label[20:24, 6:18, 5:15] = 5
    cases.labels[0] = label
    found = cases.sketch(0)
    assert found.volumes_ml == pytest.approx({"liver": 9.6, "spleen": 3.84})  # 1200 and 480 voxels of 8 mm3
    assert found.extent_mm == (60, 48, 40)
    # Along x 1200 voxels about 5 and 480 about 22: (1200 * 5 + 480 * 22) / 1680 of 30.
    middle = (1200 * 5 + 480 * 22) / 1680
    assert found.middle == pytest.approx((middle / 30, 0.5, 0.5))
    assert found.apart_mm["spleen"] == pytest.approx((2 * (22 - middle), 0, 0))


def test_the_order_of_voxels_in_the_file_changes_nothing(cases):
    usual = cases.sketch(0)
    for arrays in (cases.images, cases.labels):
        arrays[0] = np.ascontiguousarray(arrays[0][::-1].transpose(1, 0, 2))
    turned = np.array([[0.0, -2, 0, 58], [2, 0, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]])
    found = cases.sketch(0, turned)
    assert found.middle == pytest.approx(usual.middle)
    assert found.fit == pytest.approx(usual.fit)
    assert found.volumes_ml == usual.volumes_ml


def test_a_label_of_background_leaves_nothing(cases):
    cases.spoil(np.zeros_like)
    assert cases.sketch(2) is None


def test_a_class_that_is_thinner_than_what_is_sampled(cases, rng):
    label = np.zeros((400, 4, 4), np.uint8)
    label[3, 2, 2] = 1
    cases.images[0], cases.labels[0] = rng.normal(size=label.shape).astype(np.float32), label
    found = cases.sketch(0)
    assert found.volumes_ml["liver"] == pytest.approx(8 / 1000)
    assert found.middle[0] == pytest.approx(3.5 / 400)
    assert np.isnan(found.apart_mm["spleen"]).all()
