"""A case on a page: its largest difference, in words and marked, as the review numbers it."""

import numpy as np
import pytest

from alcseg.errors import ShapeError
from alcseg.reporting.case_panel import CasePanel, anchor_of, draw_panel, in_mm3, largest_difference
from alcseg.reporting.cases import UprightCase
from alcseg.reporting.regions import find_regions

SHAPE, SPACING = (14, 12, 10), (1.0, 1.0, 2.0)
VALUES, NAMES = (0, 5, 300), ("background", "left", "right")


def labels():
    given = np.zeros(SHAPE, np.uint16)
    given[2:6, 2:6, 2:6] = 5
    given[8:12, 2:6, 2:6] = 300
    return given, given.copy()


def panel(given, after, **options):
    names = ("given", options.get("other", "written"))
    shown = {name: label for name, label in zip(names, (given, after), strict=True) if label is not None}
    case = UprightCase(np.zeros(SHAPE), shown, None, SPACING)
    return draw_panel(CasePanel("a", words=["Before."]), case, VALUES, NAMES, **options)


def test_the_largest_change_is_told_with_its_class_size_and_slices():
    given, written = labels()
    written[2:6, 2:6, 7] = 5  # 16 voxels of 2 mm³
    written[8, 2, 2] = 0
    found = panel(given, written)
    assert found.words[0] == "Before."
    assert found.words[1].startswith("Largest change: 32 mm³ added to left (axial slice 8, ")
    assert len(found.planes) == 3
    assert all('class="added"' in plane for plane in found.planes)


@pytest.mark.parametrize(
    ("value", "words", "tint"),
    [(0, "64 mm³ taken from right", "removed"), (5, "64 mm³ changed from right to left", "changed")],
)
def test_what_was_taken_away_or_renamed_is_told_so(value, words, tint):
    given, written = labels()
    written[8:10, 2:6, 2:6] = value
    found = panel(given, written)
    assert words in found.words[-1]
    assert f'class="{tint}"' in found.planes[0]


def test_a_prediction_is_compared_and_not_called_a_change():
    given, predicted = labels()
    predicted[2:6, 2:6, 7] = 5
    told = panel(given, predicted, first="in the reference", other="predicted").words[-1]
    assert told.startswith("Largest difference: 32 mm³ of left only predicted")
    told = panel(predicted, given, first="in the reference", other="predicted").words[-1]
    assert told.startswith("Largest difference: 32 mm³ of left only in the reference")


def test_equal_labels_are_said_to_be_and_a_case_without_a_given_label_has_all_added():
    given, written = labels()
    same = panel(given, written)
    assert same.words[-1] == "The two labels are the same."
    assert 'class="given"' in same.planes[0]
    assert not any(f'class="{name}"' in same.planes[0] for name in ("written", "added"))
    assert "added to" in panel(None, written).words[-1]


def test_the_first_region_is_that_of_the_review():
    rng = np.random.default_rng(4)
    before, after = (rng.integers(0, 3, SHAPE).astype(np.uint8) for _ in range(2))
    before[:3], after[:3] = 0, 0
    region, marked = largest_difference(before, after, SPACING)
    regions, numbers = find_regions(before, after, SPACING)
    assert region == regions[0]
    assert np.array_equal(marked, numbers == 1)
    assert largest_difference(before, before, SPACING) is None


def test_a_label_on_another_grid_is_named():
    given, written = labels()
    with pytest.raises(ShapeError, match="case 'a'"):
        panel(given, written[:5])


def test_names_and_volumes_as_they_are_read():
    assert anchor_of("a b/c") == "case-a%20b%2Fc"
    assert (in_mm3(1234.5), in_mm3(0.0312)) == ("1,234 mm³", "0.031 mm³")
