"""Images and labels of other formats than NIfTI, through the reader of plain files."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from alcseg.commands.import_dataset import import_dataset
from alcseg.data.case import Volume
from alcseg.data.folder import Dataset
from alcseg.data.formats import FORMATS
from alcseg.data.formats.seg_nrrd import Painted, write_layers
from alcseg.data.readers import ReaderOptions, find_reader
from alcseg.data.readers.inputs import find_inputs
from alcseg.errors import DataError, LabelError, UsageError

pytest.importorskip("nrrd")
sitk = pytest.importorskip("SimpleITK")

AFFINE = np.array([[0, -2, 0, 5.0], [1, 0, 0, -7], [0, 0, 3, 11], [0, 0, 0, 1]])
IMAGE = np.random.default_rng(0).integers(0, 1000, (6, 5, 4)).astype(np.int16)
LABEL = np.zeros(IMAGE.shape, np.uint8)
LABEL[1:3, 1:4, 1:3], LABEL[3:5, 2:4, 1:2] = 1, 2
RED = (1.0, 0.0, 0.0)


def _volume(array: np.ndarray, affine: np.ndarray = AFFINE) -> Volume:
    return Volume(array, affine, None, Path("made"))


def _write(path: Path, array: np.ndarray) -> None:
    """Any array; an image is a label map with many values to the writers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = next(name for name, found in FORMATS.items() if path.name.endswith(found.endings[0]))
    FORMATS[name].write_label(path, array, _volume(array), {"background": 0})


def _segment(path: Path, array: np.ndarray, named: dict[str, int], affine: np.ndarray = AFFINE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    painted = [Painted(name, 0, value, RED) for name, value in named.items()]
    write_layers(path, [array], painted, _volume(array, affine))


@pytest.mark.parametrize("ending", [".nrrd", ".mha", ".mgz"])
def test_images_and_labels_become_a_dataset_voxel_for_voxel(tmp_path: Path, ending: str) -> None:
    for case_id in ("a", "b"):
        _write(tmp_path / "in" / "images" / f"{case_id}{ending}", IMAGE)
        _write(tmp_path / "in" / "labels" / f"{case_id}{ending}", LABEL)
    found = import_dataset(tmp_path / "in", tmp_path / "out")
    assert found.labels == {"background": 0, "class_1": 1, "class_2": 2}
    case = found["b"]
    np.testing.assert_array_equal(case.image, IMAGE)
    np.testing.assert_array_equal(case.label, LABEL)
    np.testing.assert_allclose(case.affine, AFFINE, atol=1e-5)


@pytest.mark.parametrize("ending", [".nrrd", ".mha", ".mgz"])
def test_nnunet_datasets_of_other_formats_become_datasets(tmp_path: Path, ending: str) -> None:
    source = tmp_path / "in"
    for number in range(2):
        for case_id in ("a", "b_0001"):
            _write(source / "imagesTr" / f"{case_id}_{number:04d}{ending}", IMAGE + number)
        _write(source / "imagesTs" / f"c_{number:04d}{ending}", IMAGE + number)
    for case_id in ("a", "b_0001"):
        _write(source / "labelsTr" / f"{case_id}{ending}", LABEL)
    content = {"channel_names": {"0": "T1", "1": "T2"}, "labels": {"background": 0, "x": 1, "y": 2}}
    (source / "dataset.json").write_text(json.dumps(content | {"numTraining": 2, "file_ending": ending}))
    found = import_dataset(source, tmp_path / "out")
    assert found.labels == {"background": 0, "x": 1, "y": 2}
    assert {row.case_id: (row.split, row.quality) for row in found.rows} == {
        "a": ("train", "hq"), "b_0001": ("train", "hq"), "c": ("test", "unlabeled"),
    }  # fmt: skip
    np.testing.assert_array_equal(found["b_0001"].images[1], IMAGE + 1)
    np.testing.assert_array_equal(found["a"].label, LABEL)
    with pytest.raises(DataError, match=f"found '{ending}'. Convert the files: `alcseg import SRC DST`"):
        Dataset.open(source)
    (source / "imagesTr" / f"a_0001{ending}").unlink()
    with pytest.raises(DataError, match=r"expected 2 image file\(s\) of case 'a', one per channel, found no"):
        import_dataset(source, tmp_path / "again")


def test_classes_are_told_by_their_names_and_crops_are_put_back(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    _write(folder / "a.mha", IMAGE)
    _segment(folder / "a.seg.nrrd", LABEL, {"heart": 1, "lung": 2})
    nib.save(nib.Nifti1Image(IMAGE, AFFINE), folder / "b.nii.gz")
    crop = AFFINE.copy()
    crop[:3, 3] = AFFINE[:3] @ [1, 1, 1, 1]
    # In this file the same classes have the numbers of others.
    _segment(folder / "b.seg.nrrd", np.array([0, 2, 1])[LABEL[1:, 1:, 1:]], {"lung": 1, "heart": 2}, crop)
    found = import_dataset(folder, tmp_path / "out")
    assert found.labels == {"background": 0, "heart": 1, "lung": 2}
    for case_id in ("a", "b"):
        np.testing.assert_array_equal(found[case_id].label, LABEL)


def test_segments_upon_one_another_are_refused_or_split(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    _write(folder / "a.nrrd", IMAGE)
    wall = np.zeros_like(LABEL)
    wall[2:4, 1:3, 1] = 1  # of which [2, 1:3, 1] is heart as well
    heart = (LABEL == 1).astype(np.uint8)
    write_layers(
        folder / "a.seg.nrrd", [heart, wall], [Painted("heart", 0, 1, RED), Painted("wall", 1, 1, RED)],
        _volume(LABEL),
    )  # fmt: skip
    with pytest.raises(LabelError, match="'wall' does with 'heart' in 2 voxels"):
        import_dataset(folder, tmp_path / "out")
    with pytest.raises(UsageError, match=r"names of classes \(background, heart, wall\), got Wall"):
        import_dataset(folder, tmp_path / "out", priority=["Wall", "heart"])  # heart would win
    sizes = {}
    for first in ("heart", "wall"):
        found = import_dataset(folder, tmp_path / first, priority=[first])
        sizes[first] = np.bincount(found["a"].label.ravel())[1:].tolist()
    assert list(found.labels) == ["background", "heart", "wall"]
    assert sizes == {"heart": [12, 2], "wall": [10, 4]}


def test_voxels_beside_a_header_belong_to_its_case(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    image = sitk.GetImageFromArray(IMAGE.T)
    sitk.WriteImage(image, str(folder / "a.mhd"))
    _write(tmp_path / "labels" / "a.nrrd", LABEL)
    assert (folder / "a.raw").exists()
    found = find_reader(tmp_path).scan(tmp_path, ReaderOptions())
    assert [case.case_id for case in found.cases] == ["a"]
    np.testing.assert_array_equal(found.cases[0].read().images[0].array, IMAGE)


def test_they_can_be_predicted_by_name_pattern_and_folder(tmp_path: Path) -> None:
    for name in ("a.mha", "b.nrrd", "c.mgz"):
        _write(tmp_path / name, IMAGE)
    for inputs in (
        [tmp_path],
        [str(tmp_path / "*")],
        [tmp_path / "a.mha", tmp_path / "b.nrrd", tmp_path / "c.mgz"],
    ):
        cases = find_inputs(inputs, channels=1)
        assert [case.case_id for case in cases] == ["a", "b", "c"]
    np.testing.assert_array_equal(cases[2].read().images[0].array, IMAGE)


def test_a_segmentation_is_no_image(tmp_path: Path) -> None:
    _segment(tmp_path / "a.seg.nrrd", LABEL, {"heart": 1})
    with pytest.raises(DataError, match="expected an image, found segments"):
        find_inputs([tmp_path / "a.seg.nrrd"], channels=1)[0].read()
