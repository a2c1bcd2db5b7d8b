"""Three planes as SVG: which way is up, what is outlined, and where the outlines lie."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from alcseg.reporting.cases import UprightCase
from alcseg.reporting.planes import planes_of

SHAPE, SPACING = (20, 24, 16), (1.0, 2.0, 3.0)


def drawn(image=None, labels=None, place=(5, 6, 4), around=None, **options):
    mask = np.zeros(SHAPE, bool)
    mask[4:7, 5:8, 3:6] = True
    case = UprightCase(np.zeros(SHAPE) if image is None else image, labels or {}, None, SPACING)
    return planes_of(case, place, mask if around is None else around, **options)


def picture(svg):
    code = re.search(r'data:image/webp;base64,([^"]*)"', svg)[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(code))).convert("L"))


def numbers(svg, name):
    return float(re.search(rf' {name}="([^"]*)"', svg)[1])


def corners(svg, name):
    """Left, top, right and bottom of the outlines of a class of paths, in mm of the window."""
    found = []
    for path in re.findall(rf'<path class="{name}" d="([^"]*)"', svg):
        for part in re.findall(r"M([^z]*)z", path):
            start, steps = part.split("l")
            moves = [np.array(pair.split(","), float) for pair in [start, *steps.split()]]
            found.append(np.cumsum(moves, axis=0))
    points = np.concatenate(found)
    return [*points.min(axis=0), *points.max(axis=0)]


def test_right_is_left_front_is_up_and_head_is_up():
    image = np.zeros(SHAPE)
    image[10:, 12:, 8:] = 1  # the patient's right, front and head
    whole = np.ones(SHAPE, bool)
    axial, coronal, sagittal = (picture(svg) > 127 for svg in drawn(image, place=(15, 18, 12), around=whole))
    assert axial[0, 0]  # the patient's front right: top left
    assert not axial[-1, 0]
    assert not axial[0, -1]
    assert coronal[0, 0]
    assert not coronal[-1, 0]
    assert sagittal[0, 0]  # front and top: top left
    assert not sagittal[-1, -1]


def test_an_outline_runs_around_its_voxels_in_the_true_proportions():
    label = np.zeros(SHAPE, np.uint8)
    label[4:7, 5:8, 3:6] = 1
    axial, coronal, _ = drawn(labels={"written": label}, around=np.ones(SHAPE, bool))
    left, top, right, bottom = corners(axial, "written")
    assert right - left == pytest.approx(3 * SPACING[0], abs=0.2)
    assert bottom - top == pytest.approx(3 * SPACING[1], abs=0.2)
    x, y = numbers(axial, "x"), numbers(axial, "y")
    columns, rows = numbers(axial, "width") / SPACING[0], numbers(axial, "height") / SPACING[1]
    assert (columns, rows) == (20, 24)  # all of the image fits
    assert left == pytest.approx(x + (20 - 7) * SPACING[0], abs=0.2)  # voxel 6 begins 13 voxels from the left
    assert top == pytest.approx(y + (24 - 8) * SPACING[1], abs=0.2)
    assert corners(coronal, "written")[3] - corners(coronal, "written")[1] == pytest.approx(9, abs=0.2)


def test_given_is_dashed_others_are_solid_and_a_tint_says_what_it_is():
    label = np.zeros(SHAPE, np.uint8)
    label[4:7, 5:8, 3:6] = 1
    label[7:9, 5:8, 3:6] = 2
    for svg in drawn(labels={"given": label, "written": label}, marked=label == 1, tint="removed")[:2]:
        assert re.findall(r'<path class="(\w+)"', svg) == ["removed", "given", "written"]
        assert svg.count("z") >= 5  # one outline of the tint, two classes of each label


def test_a_large_image_is_shown_around_what_is_to_be_seen_and_made_small():
    shape = (500, 500, 3)
    around = np.zeros(shape, bool)
    around[100:350, 300:302, 1] = True
    case = UprightCase(np.random.default_rng(0).random(shape), {}, None, (0.7, 0.7, 5.0))
    svgs = planes_of(case, (340, 301, 1), around)
    side = 250 * 0.7 + 24
    for svg in svgs:
        assert svg.startswith(f'<svg viewBox="0 0 {side:.4g} {side:.4g}"')
        assert max(picture(svg).shape) <= 256
        assert len(svg) < 60_000


def test_the_place_is_seen_even_where_what_is_to_be_seen_is_larger_than_a_plane():
    shape = (600, 8, 8)
    around = np.zeros(shape, bool)
    around[5:595] = True
    marked = np.zeros(shape, bool)
    marked[588:592, 2:5, 2:5] = True
    case = UprightCase(np.zeros(shape), {}, None, (1.0, 1.0, 1.0))
    axial = planes_of(case, (590, 3, 3), around, marked, "added")[0]
    left, _, right, _ = corners(axial, "added")
    assert 0 <= left < right <= 220


def test_values_that_are_not_finite_are_black_white_or_left_out():
    image = np.linspace(0, 1, np.prod(SHAPE)).reshape(SHAPE)
    image[0], image[1], image[2] = np.nan, np.inf, -np.inf
    axial = picture(drawn(image, around=np.ones(SHAPE, bool))[0])
    assert axial[:, -1].max() < 40  # the patient's left: not a number
    assert axial[:, -2].min() > 150
    assert picture(drawn(np.full(SHAPE, np.nan))[0]).max() < 40
