"""Opening dataset folders of every origin, and reading their cases."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from alcseg.data.folder import Dataset
from alcseg.data.layout import label_files
from alcseg.errors import DataError, GeometryError, LabelError
from alcseg.records.cases import CaseRow
from alcseg.records.dataset import DatasetRecord

IMAGE = np.arange(27.0).reshape(3, 3, 3)
LABEL = np.zeros((3, 3, 3), np.uint8)
LABEL[1] = 1


def save(path, array, affine=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.Nifti1Image(array, np.eye(4) if affine is None else affine).to_filename(path)


@pytest.fixture
def root(tmp_path):
    for case_id in ("a", "b"):
        save(tmp_path / f"imagesTr/{case_id}_0000.nii.gz", IMAGE)
        save(tmp_path / f"labelsTr/{case_id}.nii.gz", LABEL)
    save(tmp_path / "imagesTs/t_0000.nii.gz", IMAGE)
    save(tmp_path / "labelsTs/t.nii.gz", LABEL)
    save(tmp_path / "imagesUn/u_0000.nii.gz", IMAGE)
    labels = {"background": 0, "organ": 1}
    DatasetRecord(name="Two", channel_names={"0": "CT"}, labels=labels, num_training=2).write(tmp_path)
    return tmp_path


def test_without_a_table_folders_tell_the_split(root):
    folder = Dataset.open(root)
    found = [(row.case_id, row.quality, row.split) for row in folder.rows]
    expected = [("a", "hq", "train"), ("b", "hq", "train"), ("u", "unlabeled", "train"), ("t", "hq", "test")]
    assert found == expected
    assert folder.label_values == (0, 1)
    assert folder.label_names == ("background", "organ")
    assert folder.channel_names == {"0": "CT"}
    assert folder.read("t").label.array.sum() == 9
    assert folder.read("u").label is None
    assert folder.label_path("u") is None
    assert folder.read("a", with_label=False).label is None


def test_the_table_comes_back_as_written(root):
    rows = (
        CaseRow(case_id="b", quality="lq", split="train", group="p1", source="x/b.nii"),
        CaseRow(case_id="a", quality="hq", split="val", group="p2", source=""),
        CaseRow(case_id="t", quality="hq", split="test", group="p3", source=""),
    )
    CaseRow.write(root, rows)
    folder = Dataset.open(root)
    assert folder.rows == rows
    assert folder.rows_where(split="val") == rows[1:2]
    assert folder.rows_where(quality="hq") == rows[1:]
    assert folder.row("b").group == "p1"
    with pytest.raises(DataError, match="found no 'z'"):
        folder.row("z")


def test_an_open_folder_is_not_read_again(root):
    folder = Dataset.open(str(root))
    assert Dataset.open(folder) is folder
    assert Path(folder) == root
    (root / "imagesTr/a_0000.nii.gz").unlink()
    loose = Dataset.open(folder, require_images=False)
    assert loose is folder
    with pytest.raises(DataError, match="found none for a"):
        Dataset.open(loose)


def test_decathlon_folder_opens_as_it_is(tmp_path):
    save(tmp_path / "imagesTr/x.nii.gz", IMAGE)
    save(tmp_path / "labelsTr/x.nii.gz", LABEL)
    meta = {"modality": {"0": "MRI"}, "labels": {"0": "background", "2": "tail", "1": "head"}, "training": []}
    (tmp_path / "dataset.json").write_text(json.dumps(meta))
    folder = Dataset.open(tmp_path)
    assert folder.labels == {"background": 0, "head": 1, "tail": 2}
    assert list(folder.labels) == ["background", "head", "tail"]
    assert folder.channel_names == {"0": "MRI"}
    assert folder.read("x").label.shape == (3, 3, 3)


def test_any_integers_are_label_values(root):
    meta = json.loads((root / "dataset.json").read_text())
    meta["labels"] = {"b": 200, "background": 0, "a": 100}
    (root / "dataset.json").write_text(json.dumps(meta))
    assert Dataset.open(root).label_values == (0, 100, 200)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"background": 0, "whole": [0, 2]}, "above 0 for the region 'whole', found 0, 2"),
        ({"background": 0, "organ": 2, "ignore": 1}, r"for 'ignore'.* above all classes \(2\), found 1"),
        ({"organ": 1, "other": 2}, "expected 'background'"),
        ({"background": 0, "organ": 1, "other": 1}, "found one twice"),
    ],
)
def test_unusable_label_tables_are_refused(root, labels, message):
    meta = json.loads((root / "dataset.json").read_text()) | {"labels": labels}
    (root / "dataset.json").write_text(json.dumps(meta))
    with pytest.raises(DataError, match=message):
        Dataset.open(root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "case_id,quality\na,good\n",
            r"line 2: expected a case_id, a quality of hq\|lq\|unlabeled.* found 'a', 'good'",
        ),
        (
            "case_id,split\na,train\na,test\n",
            r"line 3: expected each case once, found 'a' again \(split train and test\)",
        ),
        ("name\na\n", "the column case_id"),
        ("case_id\n", "expected at least one case"),
        ("case_id\na\ngone\n", "expected image files for all 2 cases, found none for gone"),
    ],
)
def test_faulty_tables_are_refused(root, text, message):
    (root / "cases.csv").write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        Dataset.open(root)
    assert "cases.csv" in str(caught.value)


def test_folder_without_description_points_to_import(tmp_path):
    with pytest.raises(
        DataError,
        match=r"expected a dataset folder with dataset\.json, found none\. Make one with `alcseg import",
    ):
        Dataset.open(tmp_path)


def test_missing_label_must_be_declared(root):
    (root / "labelsTr/a.nii.gz").unlink()
    with pytest.raises(
        DataError, match=r"expected the label labelsTr/a.nii.gz, found none\. Add it, or set the quality"
    ):
        Dataset.open(root).read("a")
    (root / "cases.csv").write_text("case_id,quality\na,unlabeled\n")
    assert Dataset.open(root).read("a").label is None


def test_unnamed_value_names_the_flag(root):
    save(root / "labelsTr/a.nii.gz", LABEL * 255)
    with pytest.raises(LabelError, match=r"found 255 in 9 voxels\. Import with --label-map 255=1"):
        Dataset.open(root).read("a")


def test_other_grid_is_refused(root):
    save(root / "labelsTr/a.nii.gz", LABEL, np.diag([1, 1, 2, 1]))
    with pytest.raises(GeometryError, match=r"case 'a'.*--fix"):
        Dataset.open(root).read("a")


def test_channels_must_be_complete_and_agree(root):
    meta = json.loads((root / "dataset.json").read_text()) | {"channel_names": {"0": "T1", "1": "T2"}}
    (root / "dataset.json").write_text(json.dumps(meta))
    (root / "cases.csv").write_text("case_id\na\n")
    with pytest.raises(DataError, match="found none for a"):
        Dataset.open(root)
    save(root / "imagesTr/a_0001.nii.gz", np.arange(36.0).reshape(3, 3, 4))
    with pytest.raises(GeometryError, match=r"shape \(3, 3, 4\)"):
        Dataset.open(root).read("a")
    save(root / "imagesTr/a_0001.nii.gz", IMAGE + 1)
    assert len(Dataset.open(root).read("a").images) == 2


def test_label_maps_of_one_name_are_refused(tmp_path):
    for name in ("a.nii", "a.nii.gz", "b.nii", ".hidden.nii", "notes.txt"):
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"found 'a' as .*a\.nii and .*a\.nii\.gz"):
        label_files(tmp_path)
    (tmp_path / "a.nii").unlink()
    assert {name: path.name for name, path in label_files(tmp_path).items()} == {
        "a": "a.nii.gz",
        "b": "b.nii",
    }
    (tmp_path / "=1+1.nii").touch()
    with pytest.raises(DataError, match="spreadsheet takes for a formula"):
        label_files(tmp_path)


@pytest.mark.parametrize("ending", ["/../../x.nii.gz", ".mha", "", 5])
def test_a_file_ending_is_one_that_is_read(tmp_path, ending):
    content = {"labels": {"background": 0, "x": 1}, "file_ending": ending}
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"expected the file_ending \.nii\.gz or \.nii, found"):
        DatasetRecord.read(tmp_path)
