import numpy as np
import pytest

from alcseg.checking.places import odd_places


def findings(cases):
    return list(odd_places(cases.sketches()))


def test_nothing_is_said_of_a_usual_set(cases):
    assert findings(cases) == []


def test_a_mirrored_label_of_two_organs_lies_in_another_order(cases):
    cases.spoil(lambda label: label[::-1])
    (found,) = findings(cases)
    assert (found.case_id, found.kind, found.grade) == ("c2", "order", "ok")
    assert "the label is mirrored left-right" in found.message


def test_two_classes_swapped(cases):
    cases.spoil(lambda label: np.where(label == 1, 5, np.where(label == 5, 1, label)))
    (found,) = findings(cases)
    assert "'liver' and 'spleen' are swapped" in found.message


@pytest.mark.parametrize(("axis", "name"), [(1, "back-front"), (2, "feet-head")])
def test_a_mirrored_label_of_one_organ_fits_its_image_when_mirrored_back(cases, axis, name):
    for number, label in enumerate(cases.labels):
        rows = [np.roll(array, 4, axis) for array in (cases.images[number], np.where(label == 5, 0, label))]
        cases.images[number], cases.labels[number] = rows
    cases.spoil(lambda label: np.flip(label, axis))
    (found,) = findings(cases)
    assert (found.case_id, found.kind) == ("c2", "mirrored")
    assert f"times as well mirrored {name}" in found.message


def test_a_shifted_label(cases):
    cases.spoil(lambda label: np.roll(label, 5, 1))
    (found,) = findings(cases)
    assert (found.case_id, found.kind) == ("c2", "position")
    assert found.number == pytest.approx(10, abs=2.1)  # 5 voxels of 2 mm, and one that cases differ by
    assert "mm further to the back" in found.message


def test_a_shift_within_what_is_natural_is_seen_in_the_image(cases):
    """Scans lie up to 18 mm apart, the label 8 mm from its organ."""
    for number in range(12):
        by = number % 4 * 3 - 4
        cases.images[number] = np.roll(cases.images[number], by, 1)
        cases.labels[number] = np.roll(cases.labels[number], by, 1)
    cases.spoil(lambda label: np.roll(label, -4, 1), number=1)
    (found,) = findings(cases)
    assert (found.case_id, found.kind) == ("c1", "position")
    assert found.number == pytest.approx(8, abs=4.1)  # a step
    assert "mm further to the front, unlike others" in found.message


def test_a_label_drawn_too_large_for_its_image(cases):
    grown = np.zeros_like(cases.labels[2])
    grown[2:17, 4:22, 1:16] = 1
    for number, label in enumerate(cases.labels):
        cases.labels[number] = np.where(label == 5, 0, label)
    cases.labels[2] = grown
    (found,) = findings(cases)
    assert (found.case_id, found.kind) == ("c2", "size")
    assert "with a third of its volume" in found.message


def test_images_that_do_not_show_the_organ_convict_nobody(cases, rng):
    for image in cases.images:
        image[...] = rng.normal(size=image.shape)
    assert findings(cases) == []


def test_few_cases_say_nothing(cases):
    cases.spoil(lambda label: label[::-1])
    assert list(odd_places(cases.sketches()[:7])) == []
