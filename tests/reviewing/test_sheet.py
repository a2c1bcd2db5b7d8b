import io
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from alcseg.arrays import label_hash
from alcseg.data.nifti import read_label
from alcseg.errors import LabelError, ShapeError
from alcseg.reviewing.sheet import CaseSheet, _indices
from alcseg.reviewing.subject import Subject
from review_folder import AFFINES


@pytest.mark.parametrize("case_id", AFFINES)
def test_labels_go_to_the_page_and_back_exactly_however_they_are_stored(
    subject: Subject, case_id: str
) -> None:
    sheet = CaseSheet.of(subject, case_id)
    given = subject.given(case_id)
    np.testing.assert_array_equal(sheet.to_file(sheet.given), given.array)
    np.testing.assert_array_equal(sheet.to_file(sheet.proposed), subject.proposed(case_id, given.array))
    np.testing.assert_array_equal(sheet.to_page(given.array), sheet.given)
    assert set(np.unique(sheet.given)) == {0, 1, 2, 3}
    assert sheet.values == (0, 1, 7, 300)
    assert sheet.seen == label_hash(given.array)


@pytest.mark.parametrize("case_id", AFFINES)
def test_a_voxel_is_where_it_was_in_space(subject: Subject, case_id: str) -> None:
    """The page's image is in RAS order, and every class has its center where the file has it, in mm."""
    sheet = CaseSheet.of(subject, case_id)
    shown = nib.Nifti1Image.from_stream(io.BytesIO(sheet.image_file()))
    assert nib.aff2axcodes(shown.affine) == ("R", "A", "S")
    assert shown.shape == sheet.shape
    given = read_label(subject.given(case_id).path)
    for index, value in enumerate(sheet.values):
        there = given.affine @ [*np.argwhere(given.array == value).mean(axis=0), 1]
        here = shown.affine @ [*np.argwhere(sheet.given == index).mean(axis=0), 1]
        np.testing.assert_allclose(here, there, atol=1e-3)


def test_a_drawing_is_bytes_with_the_first_axis_fastest(subject: Subject) -> None:
    sheet = CaseSheet.of(subject, "permuted")
    drawn = np.zeros(sheet.shape, np.uint8)
    drawn[1, 2, 3] = 2
    np.testing.assert_array_equal(sheet.drawing(drawn.tobytes(order="F")), drawn)


def test_a_drawing_of_another_size_or_class_is_refused(subject: Subject) -> None:
    sheet = CaseSheet.of(subject, "ras")
    with pytest.raises(ShapeError, match="one per voxel"):
        sheet.drawing(bytes(sheet.given.size - 1))
    with pytest.raises(LabelError, match="class indices 0 to 3, got 4"):
        sheet.drawing(bytes([4]) * sheet.given.size)


def test_equal_grids_have_equal_hashes_and_others_do_not(subject: Subject) -> None:
    hashes = [CaseSheet.of(subject, case_id).grid_hash for case_id in AFFINES]
    assert len(set(hashes)) == 4
    assert hashes[0] == CaseSheet.of(subject, "ras").grid_hash


def test_uncertainty_that_is_no_number_is_shown_as_none(corrected: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(corrected, tmp_path / "blocks")
    path = folder / "uncertainty" / "ras.nii.gz"
    image = nib.load(path)
    values = np.asarray(image.dataobj).copy()
    values[0], values[1] = np.nan, np.inf
    nib.save(nib.Nifti1Image(values, image.affine), path)
    shown = CaseSheet.of(Subject.open(folder), "ras").uncertainty
    assert shown is not None
    assert not shown[:2].any()
    np.testing.assert_array_equal(shown[2:], np.rint(values[2:] * (255 / values[2:].max())))


def test_class_indices_of_large_values() -> None:
    label = np.array([[[0, 2_000_000_000, 7]]], np.int64)
    np.testing.assert_array_equal(_indices(label, (0, 7, 2_000_000_000)), [[[0, 2, 1]]])


def test_class_indices_do_not_depend_on_the_type_of_a_label() -> None:
    for kind in (np.uint8, np.int8, np.uint16, np.int64):
        np.testing.assert_array_equal(_indices(np.array([[[0, 7, 1]]], kind), (0, 1, 7, 300)), [[[0, 2, 1]]])
