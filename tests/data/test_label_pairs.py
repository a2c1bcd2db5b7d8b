"""Label maps of different formats are compared by the names of their classes, on one grid."""

from pathlib import Path

import numpy as np
import pytest

from alcseg.commands.evaluate import evaluate
from alcseg.data.case import Volume
from alcseg.data.formats import FORMATS
from alcseg.data.formats.seg_nrrd import Painted, write_layers
from alcseg.data.label_pairs import common_values, read_pair
from alcseg.errors import GeometryError, LabelError

pytest.importorskip("nrrd")
pytest.importorskip("SimpleITK")

AFFINE = np.array([[0, -2, 0, 5.0], [1, 0, 0, -7], [0, 0, 3, 11], [0, 0, 0, 1]])
LABEL = np.zeros((8, 7, 6), np.uint8)
LABEL[2:4, 2:5, 1:4], LABEL[4:6, 2:5, 1:4] = 1, 2
NAMES = {"background": 0, "heart": 1, "lung": 2}


def write(path: Path, array: np.ndarray = LABEL, affine: np.ndarray = AFFINE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    name = next(name for name, found in FORMATS.items() if path.name.endswith(found.endings[0]))
    FORMATS[name].write_label(path, array, Volume(array, affine, None, path), NAMES)
    return path


def paint(path: Path, array: np.ndarray, named: dict[str, int], affine: np.ndarray = AFFINE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    segments = [Painted(name, 0, value, (1.0, 0.0, 0.0)) for name, value in named.items()]
    write_layers(path, [array], segments, Volume(array, affine, None, path))
    return path


@pytest.mark.parametrize("ending", [".nrrd", ".mha", ".mgz", ".nii.gz"])
def test_predictions_and_references_may_be_of_any_two_formats(tmp_path: Path, ending: str) -> None:
    for case_id in ("a", "b"):
        write(tmp_path / "pred" / f"{case_id}{ending}", np.roll(LABEL, 1, 0))
        write(tmp_path / "truth" / f"{case_id}.nrrd")
    found = evaluate(tmp_path / "pred", tmp_path / "truth", out=tmp_path / "out")
    # of class 1 two layers of nine voxels each are moved by one
    assert found.mean("dice", "1") == found.mean("dice", "2") == pytest.approx(0.5)
    np.testing.assert_array_equal(found["b"].pred, np.roll(LABEL, 1, 0))
    np.testing.assert_array_equal(found["b"].truth, LABEL)


def test_segments_are_compared_by_name_and_crops_are_put_back(tmp_path: Path) -> None:
    crop = AFFINE.copy()
    crop[:3, 3] = AFFINE[:3] @ [1, 1, 1, 1]
    swapped = np.array([0, 2, 1])[LABEL]
    one = paint(tmp_path / "pred/a.seg.nrrd", swapped[1:7, 1:6, 1:5], {"lung": 1, "heart": 2}, crop)
    other = paint(tmp_path / "truth/a.seg.nrrd", LABEL, {"heart": 1, "lung": 2})
    for pred, truth in ((one, other), (other, one)):
        given, reference = read_pair(pred, truth, common_values([pred, truth], None))
        np.testing.assert_array_equal(given.array, reference.array)
        assert given.shape == LABEL.shape
    found = evaluate(tmp_path / "pred", tmp_path / "truth", out=tmp_path / "out")
    assert found.summary.classes == {"heart": 1, "lung": 2}
    assert found.mean("dice") == 1


def test_names_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    one = paint(tmp_path / "one.seg.nrrd", LABEL, {"Heart": 1, "lung": 2})
    with pytest.raises(LabelError, match=r"one\.seg\.nrrd: expected segments named heart, lung, found Heart"):
        common_values([one], NAMES)
    other = paint(tmp_path / "other.seg.nrrd", LABEL, {"lung": 1, "Heart": 2})
    plain = write(tmp_path / "plain.nii.gz")
    assert common_values([one, plain], None) == {"background": 0, "Heart": 1, "lung": 2}
    with pytest.raises(LabelError, match="expected one value for 'lung' in all files"):
        common_values([one, other, plain], None)
    assert common_values([plain], None) is None


def test_nifti_files_of_one_grid_may_have_their_axes_turned(tmp_path: Path) -> None:
    turned = np.array([[0, 1, 0, 0], [0, 0, -1, LABEL.shape[1] - 1], [1, 0, 0, 0], [0, 0, 0, 1]])
    pred = write(tmp_path / "pred/a.nii.gz", np.flip(LABEL.transpose(2, 0, 1), 2), AFFINE @ turned)
    truth = write(tmp_path / "truth/a.nii.gz")
    first, second = read_pair(pred, truth, None)
    assert np.array_equal(first.array, second.array)
    assert evaluate(tmp_path / "pred", tmp_path / "truth", out=tmp_path / "out").mean("dice") == 1


def test_other_grids_are_left_for_the_comparison(tmp_path: Path) -> None:
    moved = AFFINE.copy()
    moved[0, 3] += 0.5
    write(tmp_path / "pred/a.mha", LABEL, moved)
    write(tmp_path / "truth/a.nrrd")
    with pytest.raises(GeometryError, match="case 'a'"):
        evaluate(tmp_path / "pred", tmp_path / "truth", out=tmp_path / "out")
