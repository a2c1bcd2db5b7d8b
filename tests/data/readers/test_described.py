"""The forms of `dataset.json`, and the files that it speaks of."""

import json

import nibabel as nib
import numpy as np
import pytest

from alcseg.commands.check import check
from alcseg.commands.import_dataset import import_dataset
from alcseg.data.folder import Dataset
from alcseg.data.readers import READERS, ReaderOptions, find_reader
from alcseg.data.readers.described import described_layout
from alcseg.data.readers.inputs import find_inputs
from alcseg.errors import DataError

IMAGE = np.arange(60.0, dtype=np.float32).reshape(3, 4, 5)
LABEL = (IMAGE > 30).astype(np.uint8)
LABELS = {"background": 0, "x": 1}
MSD = {"modality": {"0": "T2", "1": "ADC"}, "labels": {"0": "background", "1": "x"}}


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.Nifti1Image(array, np.eye(4)).to_filename(path)


def describe(root, **content):
    (root / "dataset.json").write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def nnunet(tmp_path):
    root = tmp_path / "src"
    for case in ("a", "b"):
        save(root / f"imagesTr/{case}_0000.nii.gz", IMAGE)
        save(root / f"labelsTr/{case}.nii.gz", LABEL)
    describe(root, channel_names={"0": "CT"}, labels=LABELS, numTraining=2, file_ending=".nii.gz")
    return root


@pytest.fixture
def msd(tmp_path):
    """Two channels along the fourth axis of one file, as prostate and brain tumour have them."""
    root = tmp_path / "src"
    for place in ("imagesTr/a", "imagesTs/t"):
        save(root / f"{place}.nii.gz", np.stack([IMAGE, -IMAGE], axis=3))
    save(root / "labelsTr/a.nii.gz", LABEL)
    training = [{"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}]
    describe(root, **MSD, numTraining=1, training=training, test=["./imagesTs/t.nii.gz"])
    return root


@pytest.mark.parametrize(
    ("content", "images", "layout"),
    [
        ({"training": [{}]}, True, "msd"),
        ({"training": []}, False, "msd"),
        ({"training": []}, True, "nnunet"),
        ({}, True, "nnunet"),
        ({"dataset": {}}, False, "nnunet"),
        ({"Name": "BIDS"}, False, None),
        ([], False, None),
    ],
)
def test_one_place_tells_the_two_forms_apart(tmp_path, content, images, layout):
    if images:
        (tmp_path / "imagesTr").mkdir()
    (tmp_path / "dataset.json").write_text(json.dumps(content), encoding="utf-8")
    assert described_layout(tmp_path) == layout
    assert [name for name in ("msd", "nnunet") if READERS[name].detect(tmp_path)] == [layout] * bool(layout)


def test_channels_along_the_fourth_axis_become_files(msd, tmp_path):
    folder = import_dataset(msd, tmp_path / "out")
    assert folder.channel_names == {"0": "T2", "1": "ADC"}
    for case in folder:
        assert [nib.load(path).shape for path in folder.image_paths(case.case_id)] == [(3, 4, 5)] * 2
        assert np.array_equal(case.images[0], IMAGE)
        assert np.array_equal(case.images[1], -IMAGE)
    assert np.array_equal(folder["a"].label, LABEL)


def test_a_folder_of_stacked_channels_has_to_be_imported(msd):
    with pytest.raises(
        DataError, match=r"expected 2 image files a case, .* found \S*imagesTr/a\.nii\.gz, .*import"
    ):
        Dataset.open(msd)
    findings = check(msd).findings
    assert [finding.case_id for finding in findings if "one file for all channels" in finding.message] == [
        "a",
        "t",
    ]
    assert not [finding for finding in findings if "of no case" in finding.message]


@pytest.mark.parametrize(("names", "sign"), [(("T2", "ADC"), 1), (("ADC", "T2"), -1)])
def test_stacked_channels_are_predicted_by_name(msd, names, sign):
    (case,) = find_inputs([msd], channels=names)
    assert case.case_id == "t"
    assert np.array_equal(case.read().images[0].array, sign * IMAGE)
    (file,) = find_inputs([msd / "imagesTs/t.nii.gz"], channels=names)
    assert len(file.read().images) == 2


def test_more_axes_than_channels_are_refused(msd, tmp_path):
    save(msd / "imagesTr/a.nii.gz", np.stack([IMAGE] * 3, axis=3))
    with pytest.raises(DataError, match=r"case 'a': expected 2 image\(s\), one per channel, found 3"):
        import_dataset(msd, tmp_path / "out")


def test_a_table_of_cases_may_name_files_elsewhere(tmp_path):
    save(tmp_path / "elsewhere/scan.nii.gz", IMAGE)
    save(tmp_path / "elsewhere/drawn.nii.gz", LABEL)
    source = tmp_path / "Dataset001"
    source.mkdir()
    entry = {"images": ["../elsewhere/scan.nii.gz"], "label": str(tmp_path / "elsewhere/drawn.nii.gz")}
    describe(source, channel_names={"0": "CT"}, labels=LABELS, numTraining=1, dataset={"one": entry})
    folder = import_dataset(source, tmp_path / "out")
    assert [row.case_id for row in folder.rows] == ["one"]
    assert np.array_equal(folder["one"].label, LABEL)
    describe(source, channel_names={"0": "CT"}, labels=LABELS, dataset={"one": {"images": []}})
    with pytest.raises(DataError, match="'images' and 'label' for the case 'one' of 'dataset'"):
        import_dataset(source, tmp_path / "again")


@pytest.mark.parametrize(
    "other", ["labelsTr/b.mha", "imagesTr/c.nrrd", "labelsTr/c.nii.gz", "imagesTs/t.mha"]
)
def test_each_file_of_nnunet_folders_is_of_a_case(nnunet, tmp_path, other):
    (nnunet / other).parent.mkdir(exist_ok=True)
    (nnunet / other).write_bytes(b"\1\2")
    with pytest.raises(DataError, match=rf"to be of a case, .* found \S*{other}"):
        import_dataset(nnunet, tmp_path / "out")


def test_a_training_case_without_label_is_an_error(nnunet, tmp_path):
    (nnunet / "labelsTr/b.nii.gz").unlink()
    with pytest.raises(DataError, match=r"expected the label labelsTr/b\.nii\.gz, found none"):
        import_dataset(nnunet, tmp_path / "out")


@pytest.mark.parametrize("stated", [1, 3])
def test_another_number_of_cases_than_stated_is_told(nnunet, tmp_path, stated, caplog):
    describe(nnunet, channel_names={"0": "CT"}, labels=LABELS, numTraining=stated)
    assert import_dataset(nnunet, tmp_path / "out").record.num_training == 2
    assert f"numTraining says {stated} training cases, found 2" in caplog.text


def test_what_the_decathlon_does_not_list_is_named(msd, tmp_path, caplog):
    save(msd / "imagesTr/b.nii.gz", np.stack([IMAGE, -IMAGE], axis=3))
    assert len(import_dataset(msd, tmp_path / "out")) == 2
    assert "left out: " in caplog.text
    assert "imagesTr/b.nii.gz" in caplog.text


def test_regions_are_told(nnunet, tmp_path, caplog):
    labels = {"background": 0, "whole": [1, 2], "core": 2}
    describe(nnunet, channel_names={"0": "CT"}, labels=labels, regions_class_order=[1, 2], numTraining=2)
    assert import_dataset(nnunet, tmp_path / "out").labels == {"background": 0, "whole_1": 1, "core": 2}
    assert "regions (whole, core) are taken apart into one class per label value: background 0" in caplog.text


def test_a_damaged_table_is_named(tmp_path):
    (tmp_path / "dataset.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"dataset\.json"):
        find_reader(tmp_path)


def test_a_listed_file_that_is_no_image_is_told_with_its_table(tmp_path):
    entry = {"image": "/etc/passwd", "label": "./labelsTr/a.nii.gz"}
    describe(tmp_path, **MSD, training=[entry])
    with pytest.raises(DataError, match=r"dataset\.json: expected NIfTI files .*, found '/etc/passwd'"):
        READERS["msd"]().scan(tmp_path, ReaderOptions())
