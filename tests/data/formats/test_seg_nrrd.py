from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alcseg.data.case import Volume
from alcseg.data.formats import read_label
from alcseg.errors import DataError

nrrd = pytest.importorskip("nrrd")

LABELS = {"background": 0, "left": 1, "right": 7}
LABEL = np.zeros((5, 4, 3), np.uint8)
LABEL[1, 1, 1], LABEL[3, 2, 1] = 1, 7
AFFINE = np.array([[0, -2, 0, 5.0], [1, 0, 0, -7], [0, 0, 3, 11], [0, 0, 0, 1]])
IMAGE = Volume(np.zeros(LABEL.shape), AFFINE, None, Path("image.nii"))


def _header(
    space: str = "left-posterior-superior", signs: tuple[int, ...] = (-1, -1, 1), **more: Any
) -> dict:
    turn = np.diag(np.array(signs, float))
    header = {
        "space": space,
        "space directions": (turn @ AFFINE[:3, :3]).T,
        "space origin": turn @ AFFINE[:3, 3],
        "Segment0_Name": "left", "Segment0_LabelValue": "1", "Segment0_Layer": "0",
        "Segment1_Name": "right", "Segment1_LabelValue": "7", "Segment1_Layer": "0",
    }  # fmt: skip
    return header | more


def _write(folder: Path, header: dict, label: np.ndarray = LABEL) -> Path:
    path = folder / "case.seg.nrrd"
    nrrd.write(str(path), label, header)
    return path


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("left-posterior-superior", (-1, -1, 1)),
        ("left-anterior-superior", (-1, 1, 1)),
        ("right-anterior-superior", (1, 1, 1)),
    ],
)
def test_a_label_lies_where_its_header_says_in_every_space(
    tmp_path: Path, space: str, signs: tuple[int, ...]
) -> None:
    found = read_label(_write(tmp_path, _header(space, signs)), LABELS, IMAGE)
    np.testing.assert_array_equal(found.array, LABEL)
    np.testing.assert_allclose(found.affine, AFFINE)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"Segment1_Layer": "5"}, "layer .* of right"),
        ({"Segment1_Layer": "-1"}, "layer .* of right"),
        ({"Segment1_LabelValue": "1.5"}, "whole value"),
        ({"Segment1_Name": "left"}, "found two of left"),
        ({"space": "scanner-xyz"}, "found space scanner-xyz"),
    ],
)
def test_a_header_that_cannot_be_meant_is_refused(tmp_path: Path, more: dict, words: str) -> None:
    path = _write(tmp_path, _header(**more))
    with pytest.raises(DataError, match=words):
        read_label(path, LABELS, IMAGE)


def test_a_label_without_a_place_or_of_fractions_is_refused(tmp_path: Path) -> None:
    bare = {key: value for key, value in _header().items() if key not in ("space directions", "space origin")}
    with pytest.raises(DataError, match="three space directions"):
        read_label(_write(tmp_path, bare), LABELS, IMAGE)
    with pytest.raises(DataError, match="found 3D of type float32"):
        read_label(_write(tmp_path, _header(), LABEL + np.float32(0.2)), LABELS, IMAGE)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda whole: b"",
        lambda whole: whole[:-30],
        lambda whole: whole[: whole.index(b"\n\n") + 2] + b"no gzip",
        lambda whole: whole.replace(b"encoding: gzip", b"encoding: gzip\ndata file: /etc/hostname"),
    ],
)
def test_a_damaged_file_or_one_that_names_another_is_refused(
    tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    path = _write(tmp_path, _header())
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError, match="cannot read it"):
        read_label(path, LABELS, IMAGE)
