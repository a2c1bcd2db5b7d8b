"""The pancreas archive, a look-alike: labels whose headers say nothing, slices in either order."""

import logging

import nibabel as nib
import numpy as np
import pytest

from alcseg.commands.import_dataset import import_dataset
from alcseg.data.geometry import ModelGrid
from alcseg.data.readers import ReaderOptions, find_reader
from alcseg.errors import DataError, GeometryError

pydicom = pytest.importorskip("pydicom")

COLUMNS, ROWS, SLICES = 6, 5, 4
# From a corner two voxels to the left, one behind and one up: columns, rows, slices from below.
ORGAN = [(1, 1, 1), (2, 1, 1), (3, 1, 1), (1, 2, 1), (1, 1, 2)]


def write_patient(source, number, *, head_first=False, label=True, mislaid=False):
    """One patient; `head_first` numbers slices from the head down, as the label then stores them."""
    body = np.full((COLUMNS, ROWS, SLICES), -800)
    body[tuple(np.transpose(ORGAN))] = 100
    series = source / f"manifest/Pancreas-CT/PANCREAS_{number:04d}/11-24-2015-{number}/Pancreas-18957"
    series.mkdir(parents=True)
    for height in range(SLICES):
        instance = SLICES - height if head_first else height + 1
        meta = pydicom.dataset.FileMetaDataset()
        meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
        meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        one = pydicom.Dataset()
        one.file_meta, one.SeriesInstanceUID, one.InstanceNumber = meta, f"1.2.{number}", instance
        one.SOPClassUID, one.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        one.ImagePositionPatient = [-10.0, -20.0, 1.5 * height]
        one.ImageOrientationPatient = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
        one.PixelSpacing, one.Rows, one.Columns = [0.75, 0.75], ROWS, COLUMNS
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 1
        one.RescaleSlope, one.RescaleIntercept = "1", "-1024"
        one.PixelData = (body[:, :, height].T + 1024).astype("<i2").tobytes()
        one.save_as(series / f"{(instance * 7) % 5:06d}.dcm", enforce_file_format=True)
    if label:
        stored = (body > 0).astype(np.uint8)
        stored = stored[:, :, ::-1] if head_first != mislaid else stored
        folder = source / "TCIA_pancreas_labels-02-05-2017"
        folder.mkdir(exist_ok=True)
        # The header claims RAS axes at the origin, with slices of 1 mm: nothing of it holds.
        nib.Nifti1Image(stored, np.diag([0.75, 0.75, 1.0, 1.0])).to_filename(
            folder / f"label{number:04d}.nii.gz"
        )


@pytest.mark.parametrize("head_first", [False, True])
def test_organ_lands_where_it_is(tmp_path, caplog, head_first):
    write_patient(tmp_path / "src", 1, head_first=head_first)
    folder = import_dataset(tmp_path / "src", tmp_path / "out")
    case = folder.read("PANCREAS_0001")
    image, label = case.images[0], case.label
    assert np.array_equal(label.array > 0, image.array == 100)
    # Column c, row r, height h lie at LPS (-10 + 0.75 c, -20 + 0.75 r, 1.5 h), so x and y change sign in RAS.
    places = {tuple((label.affine @ [*index, 1])[:3].tolist()) for index in np.argwhere(label.array)}
    assert places == {(10 - 0.75 * c, 20 - 0.75 * r, 1.5 * h) for c, r, h in ORGAN}
    turned = ModelGrid.between(label.shape, label.affine).label_to_model(label.array)
    assert turned[COLUMNS - 1 - 3, ROWS - 1 - 1, 1] == 1  # the tip to the left, in RAS voxel order
    assert set(np.unique(image.array)) == {-800.0, 100.0}
    assert folder.channel_names == {"0": "CT"}
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


def test_label_that_fits_better_flipped_is_reported(tmp_path, caplog):
    write_patient(tmp_path / "src", 1, mislaid=True)
    import_dataset(tmp_path / "src", tmp_path / "out")
    assert "100 % would with slices flipped" in caplog.text


def test_first_62_train_and_lists_replace_that(tmp_path):
    source = tmp_path / "src"
    write_patient(source, 1)
    write_patient(source, 2, label=False)
    (source / "manifest/Pancreas-CT/PANCREAS_0025").mkdir()  # empty, as the archive leaves it
    write_patient(source, 70)
    found = find_reader(source).scan(source, ReaderOptions())
    assert [(c.case_id, c.quality, c.split, c.group) for c in found.cases] == [
        ("PANCREAS_0001", None, None, "PANCREAS_0001"),
        ("PANCREAS_0002", "unlabeled", None, "PANCREAS_0002"),
        ("PANCREAS_0070", None, None, "PANCREAS_0002"),
    ]
    (source / "train.list").write_text("image0070\nimage0002\n")
    (source / "test.list").write_text("image0001\n")
    found = find_reader(source).scan(source, ReaderOptions())
    assert [(c.case_id[-4:], c.split) for c in found.cases] == [
        ("0070", None),
        ("0002", None),
        ("0001", "test"),
    ]


def test_split_of_a_whole_archive(tmp_path, monkeypatch):
    monkeypatch.setattr("alcseg.data.readers.nih_pancreas._series", lambda patient: patient)
    for number in range(1, 83):
        (tmp_path / f"Pancreas-CT/PANCREAS_{number:04d}").mkdir(parents=True)
        (tmp_path / f"label{number:04d}.nii.gz").touch()
    cases = find_reader(tmp_path, "nih-pancreas").scan(tmp_path, ReaderOptions()).cases
    assert [case.split for case in cases] == [None] * 62 + ["test"] * 20


def test_faults_are_named(tmp_path):
    source = tmp_path / "src"
    write_patient(source, 1)
    label = source / "TCIA_pancreas_labels-02-05-2017/label0001.nii.gz"
    nib.Nifti1Image(np.zeros((6, 5, 3), np.uint8), np.eye(4)).to_filename(label)
    with pytest.raises(GeometryError, match=r"label0001.*expected the shape \(6, 5, 4\)"):
        import_dataset(source, tmp_path / "out")
    study = next((source / "manifest/Pancreas-CT/PANCREAS_0001").iterdir())
    (study / "Pancreas-18957").rename(study / "one")
    (study / "two").mkdir()
    (study / "two/a.dcm").write_bytes((study / "one/000002.dcm").read_bytes())
    with pytest.raises(DataError, match="expected one series, found 2"):
        import_dataset(source, tmp_path / "out")


def test_a_label_in_another_format_is_an_error(tmp_path):
    write_patient(tmp_path, 1)
    write_patient(tmp_path, 2, label=False)
    (tmp_path / "TCIA_pancreas_labels-02-05-2017/label0002.mha").touch()
    with pytest.raises(DataError, match=r"expected labels as label0001\.nii\.gz, .* found \S*label0002\.mha"):
        import_dataset(tmp_path, tmp_path.with_name("out"))
