from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from alcseg.errors import DataError
from alcseg.reviewing.desk import Desk, Note
from alcseg.reviewing.exchange import export_review, import_labels
from review_folder import AFFINES, SHAPE

nrrd = pytest.importorskip("nrrd")


@pytest.fixture
def exported(desk: Desk, tmp_path: Path) -> Path:
    for number in range(4):
        desk.decide(number, "anna", 1, "accept", Note(0), None)
    assert export_review(desk.subject, desk.book, tmp_path / "out").cases == tuple(sorted(AFFINES))
    return tmp_path / "out"


def test_segments_have_names_layers_and_values(exported: Path) -> None:
    data, header = nrrd.read(str(exported / "ras.seg.nrrd"))
    assert data.shape == (2, *SHAPE)
    names = [header[f"Segment{index}_Name"] for index in range(6)]
    assert names == ["left", "right", "middle", "agreement", "over", "under"]
    assert [int(header[f"Segment{index}_LabelValue"]) for index in range(6)] == [1, 7, 300, 1, 2, 3]
    assert [int(header[f"Segment{index}_Layer"]) for index in range(6)] == [0, 0, 0, 1, 1, 1]
    assert np.isnan(header["space directions"][0]).all()


def test_where_labels_agree_and_differ_is_a_layer_of_its_own(desk: Desk, exported: Path) -> None:
    data, _ = nrrd.read(str(exported / "ras.seg.nrrd"))
    given, written = desk.subject.given("ras").array > 0, desk.subject.dataset.read_label("ras").array > 0
    np.testing.assert_array_equal(data[1] == 1, given & written)
    np.testing.assert_array_equal(data[1] == 2, given & ~written)
    np.testing.assert_array_equal(data[1] == 3, ~given & written)


@pytest.mark.parametrize("case_id", AFFINES)
def test_another_reader_finds_every_voxel_where_it_was(exported: Path, desk: Desk, case_id: str) -> None:
    """By the header alone: index times directions plus origin, from LPS to RAS."""
    data, header = nrrd.read(str(exported / f"{case_id}.seg.nrrd"))
    place = np.array([3, 5, 7])
    lps = header["space directions"][1:].T @ place + header["space origin"]
    ras = AFFINES[case_id] @ [*place, 1]
    np.testing.assert_allclose(lps * [-1, -1, 1], ras[:3], atol=1e-5)
    np.testing.assert_array_equal(data[0], desk.subject.dataset.read_label(case_id).array)


def test_what_was_exported_comes_back(desk: Desk, exported: Path) -> None:
    (exported / "decisions.jsonl").unlink()
    taken = import_labels(desk.subject, desk.book, exported, "slicer")
    assert taken.failed == {}
    assert len(taken.cases) == 4
    by_reader = {key.reader: decision for key, decision in desk.book.standing("oblique").items()}
    assert by_reader["slicer"].written == by_reader["anna"].written


def test_a_crop_of_the_image_is_put_back_in_place(desk: Desk, exported: Path, tmp_path: Path) -> None:
    data, header = nrrd.read(str(exported / "oblique.seg.nrrd"))
    header["space origin"] = header["space origin"] + header["space directions"][1:].T @ [1, 2, 3]
    (tmp_path / "in").mkdir()
    nrrd.write(str(tmp_path / "in" / "oblique.seg.nrrd"), data[:, 1:18, 2:, 3:], header)
    assert import_labels(desk.subject, desk.book, tmp_path / "in", "slicer").failed == {}
    by_reader = {key.reader: decision for key, decision in desk.book.standing("oblique").items()}
    assert by_reader["slicer"].written == by_reader["anna"].written


def test_nifti_labels_are_taken_too_and_faulty_ones_named(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    label = desk.subject.given("ras").array.copy()
    label[0, 0, 0] = 7
    nib.save(nib.Nifti1Image(label, AFFINES["ras"]), folder / "ras.nii.gz")
    nib.save(
        nib.Nifti1Image(desk.subject.given("permuted").array, AFFINES["permuted"]), folder / "permuted.nii.gz"
    )
    nib.save(nib.Nifti1Image(label + 1000, AFFINES["oblique"]), folder / "oblique.nii.gz")
    nib.save(nib.Nifti1Image(label[1:], AFFINES["thick_lps"]), folder / "thick_lps.nii.gz")
    taken = import_labels(desk.subject, desk.book, folder, "slicer")
    assert taken.cases == ("permuted", "ras")
    assert set(taken.failed) == {"oblique", "thick_lps"}
    verdicts = {key.case_id: decision.verdict for key, decision in desk.book.standing().items()}
    assert verdicts == {"ras": "edit", "permuted": "keep"}


def test_segments_that_overlap_or_lack_a_class_are_refused(
    desk: Desk, exported: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    data, header = nrrd.read(str(exported / "ras.seg.nrrd"))
    two = header | {"Segment1_Layer": "1", "Segment1_LabelValue": "1"}
    nrrd.write(str(folder / "ras.seg.nrrd"), data, two)
    nrrd.write(str(folder / "oblique.seg.nrrd"), data, header | {"Segment0_Name": "Segment_1"})
    (folder / "permuted.seg.nrrd").write_bytes(b"NRRD0004\nnothing more")
    failed = import_labels(desk.subject, desk.book, folder, "slicer").failed
    assert "do not overlap" in failed["ras"]
    assert "expected segments named left" in failed["oblique"]
    assert "cannot read it" in failed["permuted"]


def test_a_folder_without_labels_of_the_dataset_is_refused(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found none"):
        import_labels(desk.subject, desk.book, tmp_path / "absent", "slicer")
    (tmp_path / "stranger.nii.gz").write_bytes(b"")
    with pytest.raises(DataError, match="stranger"):
        import_labels(desk.subject, desk.book, tmp_path, "slicer")


def test_two_files_of_one_case_are_refused(desk: Desk, exported: Path) -> None:
    (exported / "ras.nii.gz").write_bytes(b"")
    with pytest.raises(DataError, match="expected one file per case, found ras"):
        import_labels(desk.subject, desk.book, exported, "slicer")


@pytest.mark.parametrize("name", ["mgz", "bids"])
def test_decided_labels_go_out_in_another_format(desk: Desk, tmp_path: Path, name: str) -> None:
    for number in range(4):
        desk.decide(number, "anna", 1, "accept", Note(0), None)
    export_review(desk.subject, desk.book, tmp_path / "out", as_format=name)
    expected = {"mgz": "ras.mgz", "bids": "sub-ras/anat/sub-ras_desc-alc_dseg.nii.gz"}[name]
    found = nib.load(tmp_path / "out" / expected)
    np.testing.assert_array_equal(found.dataobj, desk.subject.dataset.read_label("ras").array)
