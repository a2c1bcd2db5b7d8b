import numpy as np
import pytest
from scipy import ndimage

from alcseg.checking.volumes import odd_volumes, volume_deviations


def test_nothing_is_said_of_a_usual_set(cases):
    assert list(odd_volumes(cases.sketches())) == []


def test_a_volume_three_times_as_large(cases):
    cases.spoil(
        lambda label: np.where((label == 0) & ndimage.binary_dilation(label == 5, iterations=2), 5, label)
    )
    (found,) = odd_volumes(cases.sketches())
    usual = 5 * 6 * 5 * 8 / 1000
    assert (found.case_id, found.kind) == ("c2", "volume")
    assert found.number > 2.5 * usual
    assert f"the median of {usual:.3g} mL" in found.message


def test_few_cases_say_nothing(cases):
    cases.spoil(lambda label: np.where(label == 5, 0, 1))
    assert list(odd_volumes(cases.sketches()[:7])) == []


def test_absent_classes_deviate_from_nothing(cases):
    cases.spoil(lambda label: np.where(label == 5, 0, label))
    assert volume_deviations(cases.sketches())[2] == pytest.approx([0, 0])
