"""A folder holds the same cases, by the same names, whether it is imported or predicted."""

import re
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from alcseg.commands.archive_dataset import archive_dataset
from alcseg.commands.import_dataset import import_dataset
from alcseg.data.folder import Dataset
from alcseg.data.readers.inputs import find_inputs
from alcseg.errors import AlcsegError, DataError
from alcseg.files import write_json
from alcseg.records.dataset import DatasetRecord

h5py = pytest.importorskip("h5py")
pydicom = pytest.importorskip("pydicom")

IMAGE = np.arange(60.0, dtype=np.float32).reshape(3, 4, 5)
LABEL = (IMAGE > 30).astype(np.uint8)


Writer = Callable[..., None]


def nifti(*names: str) -> Writer:
    """Write images, and labels where the name says so."""

    def write(root: Path, _: object = None) -> None:
        for name in names:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            array = LABEL if "label" in path.relative_to(root).as_posix() else IMAGE
            nib.Nifti1Image(array, np.eye(4)).to_filename(path)
        if root.name == "dataset":
            labels = {"background": 0, "x": 1}
            DatasetRecord(name="x", channel_names={"0": "MR"}, labels=labels).write(root)

    return write


def dicom(*folders: str, ending: str = "{}.dcm") -> Writer:
    """Write a series of two slices into each folder."""

    def write(root: Path, write_slice: Callable[..., None]) -> None:
        for folder in folders:
            for index in range(2):
                pixels = np.arange(12).reshape(4, 3)
                write_slice(root / folder / ending.format(index), pixels, (0, 0, index))

    return write


def h5(*names: str) -> Writer:
    """Write cases as large as those of the left atrium in one direction, by which they are known."""

    def write(root: Path, _: object = None) -> None:
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            with h5py.File(root / name, "w") as file:
                file["image"], file["label"] = (np.resize(array, (3, 4, 88)) for array in (IMAGE, LABEL))

    return write


LAYOUTS: dict[str, tuple[Writer, set[str]]] = {
    "flat": (nifti("a.nii.gz", "a_label.nii.gz", "b.nii.gz"), {"a", "b"}),
    "flat_without_labels": (nifti("a.nii.gz", "b.nii"), {"a", "b"}),
    "two_folders": (nifti("images/a.nii.gz", "images/b.nii.gz", "labels/a_seg.nii.gz"), {"a", "b"}),
    "folder_per_case": (nifti("a/image.nii.gz", "a/label.nii.gz", "b/image.nii.gz"), {"a", "b"}),
    "nnunet_names": (
        nifti("imagesTr/a_0000.nii.gz", "imagesTr/b_0000.nii.gz", "labelsTr/a.nii.gz"),
        {"a", "b"},
    ),
    "nnunet_names_flat": (nifti("a_0000.nii.gz", "b_0000.nii.gz"), {"a", "b"}),
    "two_channels": (nifti("a_0000.nii.gz", "a_0001.nii.gz", "b_0000.nii.gz", "b_0001.nii.gz"), {"a", "b"}),
    "one_labeled_case_of_two_channels": (
        nifti("images/a_0000.nii.gz", "images/a_0001.nii.gz", "labels/a.nii.gz"),
        {"a"},
    ),
    "numbered_scans": (
        nifti("a_0000.nii.gz", "a_0001.nii.gz", "a_0002.nii.gz"),
        {"a_0000", "a_0001", "a_0002"},
    ),
    "numbered_scans_with_labels": (
        nifti("images/a_0000.nii.gz", "images/b_0000.nii.gz", "labels/a_0000.nii.gz", "labels/b_0000.nii.gz"),
        {"a_0000", "b_0000"},
    ),
    "dataset": (
        nifti(
            "imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz", "imagesTs/t_0000.nii.gz", "imagesTs/u_0000.nii.gz"
        ),
        {"t", "u"},
    ),
    "one series": (dicom("."), {"one_series"}),
    "series_in_folders": (dicom("T1 map", "T2*", "12:30"), {"T1_map", "T2_", "12_30"}),
    "studies": (dicom("p1/s1/T1", "p1/s2/T1", "p2/T1"), {"p1_s1_T1", "p1_s2_T1", "p2_T1"}),
    "no_endings": (dicom("p1/T1", "p2/T1", ending="IM{:04d}"), {"p1_T1", "p2_T1"}),
    "uids_as_names": (dicom("p1/T1", "p2/T1", ending="MR.1.2.826.0.1.{}"), {"p1_T1", "p2_T1"}),
    "h5": (h5("A/mri_norm2.h5", "B/mri_norm2.h5"), {"A", "B"}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_both_verbs_find_the_same_cases(layout: str, tmp_path: Path, write_slice: Writer) -> None:
    write, expected = LAYOUTS[layout]
    write(tmp_path / layout, write_slice)
    folder = import_dataset(tmp_path / layout, tmp_path / "out")
    rows = folder.rows_where(split="test") if layout == "dataset" else folder.rows
    found = find_inputs([tmp_path / layout], channels=len(folder.channel_names))
    assert {row.case_id for row in rows} == {case.case_id for case in found} == expected
    for case in found:
        for given, imported in zip(case.read().images, folder.read(case.case_id).images, strict=True):
            assert np.array_equal(given.array, imported.array)
            assert np.allclose(given.affine, imported.affine)


def test_real_series_and_scans_have_one_name(real_data: Callable[[str], Path], tmp_path: Path) -> None:
    series = real_data("dicom_hippocampus")
    folder = import_dataset(series, tmp_path / "out")
    (case,) = find_inputs([series], channels=1)
    assert case.case_id == folder.rows[0].case_id == "Study1"
    assert find_inputs([series / "Study1"], channels=1)[0].case_id == "Study1"


@pytest.mark.parametrize(
    ("write", "first", "second"),
    [
        (nifti("images/a.nii", "images/a.nii.gz"), "images/a.nii", "images/a.nii.gz"),
        (nifti("a.nii", "a.nii.gz"), "a.nii", "a.nii.gz"),
        (nifti("a.nii", "a_0000.nii"), "a.nii", "a_0000.nii"),
        (nifti("a/image.nii", "a/image.nii.gz"), "a/image.nii", "a/image.nii.gz"),
        (dicom("a_b/c", "a/b_c"), "a/b_c", "a_b/c"),
        (h5("x/A.h5", "A/mri_norm2.h5"), "x/A.h5", "A/mri_norm2.h5"),
    ],
)
def test_two_cases_of_one_name_are_refused(
    write: Writer, first: str, second: str, tmp_path: Path, write_slice: Writer
) -> None:
    source = tmp_path / "src"
    write(source, write_slice)
    for read in (
        lambda: import_dataset(source, tmp_path / "out"),
        lambda: find_inputs([source], channels=1),
    ):
        with pytest.raises(AlcsegError) as refused:
            read()
        assert str(source / first) in str(refused.value)
        assert str(source / second) in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_two_labels_of_one_case_are_refused(tmp_path: Path) -> None:
    nifti("a.nii.gz", "a_label.nii.gz", "a_seg.nii.gz")(tmp_path / "src")
    with pytest.raises(DataError, match=r"found 'a' as .*a_label\.nii\.gz and .*a_seg\.nii\.gz"):
        import_dataset(tmp_path / "src", tmp_path / "out")


def test_a_case_of_a_dataset_both_trains_and_tests(tmp_path: Path) -> None:
    nifti("imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz", "imagesTs/a_0000.nii.gz")(tmp_path / "dataset")
    with pytest.raises(DataError, match=r"each case name once, found 'a' in imagesTr and imagesTs"):
        import_dataset(tmp_path / "dataset", tmp_path / "out")


def test_nifti_images_decide_where_other_files_lie_beside_them(tmp_path: Path, write_slice: Writer) -> None:
    nifti("images/a.nii.gz", "labels/a.nii.gz")(tmp_path / "src")
    dicom("scans/p1")(tmp_path / "src", write_slice)
    h5("cache/a.h5")(tmp_path / "src")
    assert [row.quality for row in import_dataset(tmp_path / "src", tmp_path / "out").rows] == ["hq"]
    assert [case.images[0].name for case in find_inputs([tmp_path / "src"], channels=1)] == ["a.nii.gz"]


def test_what_is_left_out_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    nifti("images/a.nii.gz", "atlas.nii.gz")(tmp_path / "src")
    assert len(import_dataset(tmp_path / "src", tmp_path / "out").rows) == 1
    assert str(tmp_path / "src/atlas.nii.gz") in caplog.text
    nifti("a/image.nii.gz", "a/ct.nii.gz", "b/t1.nii.gz")(tmp_path / "per_case")
    assert [case.case_id for case in find_inputs([tmp_path / "per_case"], channels=1)] == ["a"]
    for name in ("a/ct.nii.gz", "b/t1.nii.gz"):
        assert str(tmp_path / "per_case" / name) in caplog.text


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("images/{}.nii.gz", "labels/{}.mnc"),
        ("images/{}.nii.gz", "labels/{}.seg.gipl"),
        ("{}.nii.gz", "{}_label.img"),
        ("{}/image.nii.gz", "{}/mask.gipl"),
    ],
)
def test_labels_in_another_format_are_named(image: str, label: str, tmp_path: Path) -> None:
    nifti(image.format("a"), image.format("b"))(tmp_path / "src")
    (tmp_path / "src" / label.format("b")).parent.mkdir(exist_ok=True)
    (tmp_path / "src" / label.format("b")).touch()
    with pytest.raises(DataError, match=rf"expected labels as .*{label.format('b')}"):
        import_dataset(tmp_path / "src", tmp_path / "out")


def test_cases_of_unlike_channels_are_refused(tmp_path: Path) -> None:
    nifti("images/a_0000.nii.gz", "images/a_0001.nii.gz", "images/b_0000.nii.gz", "labels/a.nii.gz")(
        tmp_path / "src"
    )
    with pytest.raises(DataError, match=r"case 'b': expected 2 image\(s\), one per channel, found 1"):
        import_dataset(tmp_path / "src", tmp_path / "out")


def test_reports_and_leftovers_are_no_series(tmp_path: Path, write_slice: Writer) -> None:
    source = tmp_path / "src"
    dicom("P1/T1", ".trash/T1")(source, write_slice)
    report = pydicom.dcmread(source / "P1/T1/0.dcm")
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = pydicom.uid.BasicTextSRStorage
    for tag in ("PixelData", "PixelSpacing", "ImagePositionPatient", "Rows", "Columns"):
        del report[tag]
    (source / "P1/SR").mkdir()
    report.save_as(source / "P1/SR/report.dcm")
    report.save_as(source / "P1/T1/report.dcm")
    (source / "P1/T1/._0.dcm").write_bytes(b"what macOS leaves")
    (source / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    folder = import_dataset(source, tmp_path / "out")
    assert [row.case_id for row in folder.rows] == ["P1_T1"]
    assert folder.read("P1_T1").images[0].shape == (3, 4, 2)
    assert [case.case_id for case in find_inputs([source], channels=1)] == ["P1_T1"]


@pytest.mark.parametrize(("channels", "listed"), [(1, "{}"), (2, "{}"), (1, "{}_0000")])
def test_a_decathlon_table_may_list_nnunet_names(channels: int, listed: str, tmp_path: Path) -> None:
    files = [f"{case}_000{n}.nii.gz" for case in ("imagesTr/a", "imagesTs/b") for n in range(channels)]
    nifti(*files, "labelsTr/a.nii.gz")(tmp_path / "src")
    meta = {"modality": {str(n): f"T{n}" for n in range(channels)}, "labels": {"0": "background", "1": "x"}}
    pairs = [{"image": f"./imagesTr/{listed.format('a')}.nii.gz", "label": "./labelsTr/a.nii.gz"}]
    tests = [f"./imagesTs/{listed.format('b')}.nii.gz"]
    write_json(tmp_path / "src/dataset.json", {**meta, "training": pairs, "test": tests})
    folder = import_dataset(tmp_path / "src", tmp_path / "out")
    assert [(row.case_id, row.split) for row in folder.rows] == [("a", "train"), ("b", "test")]
    assert len(folder.image_paths("a")) == channels
    assert [case.case_id for case in find_inputs([tmp_path / "src"], channels=channels)] == ["b"]


def test_test_cases_are_looked_for_and_kept(tmp_path: Path) -> None:
    nifti("images/a.nii.gz")(tmp_path / "src")
    with pytest.raises(DataError, match="expected a folder of test cases, found none"):
        import_dataset(tmp_path / "src", tmp_path / "out", test_source=tmp_path / "gone")
    nifti("images/a.nii.gz")(tmp_path / "more")
    with pytest.raises(AlcsegError, match="outside of the source"):
        import_dataset(tmp_path / "src", tmp_path / "more", test_source=tmp_path / "more", overwrite=True)
    with pytest.raises(DataError) as refused:
        import_dataset(tmp_path / "src", tmp_path / "out", test_source=tmp_path / "more")
    assert str(tmp_path / "src/images/a.nii.gz") in str(refused.value)
    assert str(tmp_path / "more/images/a.nii.gz") in str(refused.value)


def test_places_may_be_text(tmp_path: Path) -> None:
    nifti("images/a.nii.gz", "labels/a.nii.gz")(tmp_path / "src")
    nifti("images/b.nii.gz", "labels/b.nii.gz")(tmp_path / "more")
    (tmp_path / "hq.txt").write_text("a\n")
    folder = import_dataset(
        str(tmp_path / "src"),
        str(tmp_path / "out"),
        test_source=str(tmp_path / "more"),
        hq_list=str(tmp_path / "hq.txt"),
    )
    assert [(row.case_id, row.quality, row.split) for row in folder.rows] == [
        ("a", "hq", "train"),
        ("b", "lq", "test"),
    ]
    archive = archive_dataset(str(tmp_path / "src"), str(tmp_path / "archive"))
    assert list(archive.cases) == ["a"]
    assert [case.case_id for case in find_inputs([str(tmp_path / "archive")], channels=1)] == ["a"]


@pytest.mark.parametrize(
    ("layout", "link"),
    [
        ("flat", "b.nii.gz"),
        ("flat", "a_label.nii.gz"),
        ("two_folders", "images/b.nii.gz"),
        ("two_folders", "labels/a_seg.nii.gz"),
        ("two_folders", "labels"),
        ("folder_per_case", "b/image.nii.gz"),
        ("folder_per_case", "b"),
        ("dataset", "imagesTs/u_0000.nii.gz"),
        ("dataset", "labelsTr/a.nii.gz"),
        ("studies", "p1/s2"),
        ("studies", "p1/s2/T1/0.dcm"),
        ("uids_as_names", "p1/T1/MR.1.2.826.0.1.0"),
        ("h5", "B/mri_norm2.h5"),
        ("h5", "A"),
    ],
)
def test_what_was_moved_away_behind_a_link_is_named(
    layout: str, link: str, tmp_path: Path, write_slice: Writer
) -> None:
    source = tmp_path / layout
    LAYOUTS[layout][0](source, write_slice)
    (source / link).rename(tmp_path / "store")
    (source / link).symlink_to(tmp_path / "store")
    import_dataset(source, tmp_path / "whole")  # a link that leads somewhere is as good as what it leads to
    (tmp_path / "store").rename(tmp_path / "moved")
    words = rf"{re.escape(str(source / link))}: expected what can be opened, found a link to .*store"
    with pytest.raises(DataError, match=words):
        import_dataset(source, tmp_path / "out")
    if "label" not in link:
        with pytest.raises(DataError, match=words):
            find_inputs([source], channels=1)


def test_channels_of_a_dataset_are_found_by_name(tmp_path: Path) -> None:
    root = tmp_path / "src"
    nifti("imagesTr/a_0000.nii", "imagesTr/a_0001.nii", "imagesTs/b_0000.nii", "imagesTs/b_0001.nii")(root)
    names = {"1": "FLAIR", "0": "T1"}
    labels = {"background": 0, "x": 1}
    write_json(root / "dataset.json", {"channel_names": names, "labels": labels, "file_ending": ".nii"})
    given = Dataset.open(root)["a"]
    for run, order in ((("T1", "FLAIR"), [0, 1]), (("FLAIR", "T1"), [1, 0])):
        for case in find_inputs([root, given], channels=run):
            assert [path.name for path in case.images] == [f"{case.case_id}_000{n}.nii" for n in order]
    for inputs in ([root], [given]):
        with pytest.raises(DataError, match=r"dataset\.json: .* trained with, T1, T2, found T1, FLAIR"):
            find_inputs(inputs, channels=("T1", "T2"))
    Dataset.open(root).require_channels(("T1", "FLAIR"), tmp_path)
    with pytest.raises(DataError, match="expected the channels in the order FLAIR, T1"):
        Dataset.open(root).require_channels(("FLAIR", "T1"), tmp_path)
