"""What to know about a header that can be used."""

import nibabel as nib
import numpy as np
import pytest

from alcseg.data.header_notes import header_notes
from alcseg.data.nifti import read_image

AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


@pytest.fixture
def notes(tmp_path, rng):
    def notes(affine=AFFINE, *, qform=None, codes=(1, 1), unit="mm", pixdim=None):
        nifti = nib.Nifti1Image(rng.normal(size=(4, 4, 4)).astype(np.float32), affine)
        nifti.set_sform(affine, codes[0])
        nifti.set_qform(affine if qform is None else qform, codes[1], strip_shears=True)
        nifti.header.set_xyzt_units(unit)
        if pixdim is not None:
            nifti.header["pixdim"][1:4] = pixdim
        nifti.to_filename(tmp_path / "a.nii.gz")
        return " ".join(header_notes(read_image(tmp_path / "a.nii.gz")))

    return notes


def moved(mm):
    affine = AFFINE.copy()
    affine[0, 3] = mm
    return affine


@pytest.mark.parametrize("codes", [(1, 1), (2, 1), (1, 0), (0, 1), (4, 4)])
@pytest.mark.parametrize("unit", ["mm", "micron"])
def test_a_plain_header_needs_no_words(notes, codes, unit):
    assert notes(codes=codes, unit=unit) == ""


def test_two_places_are_named_in_mm_where_itk_takes_the_other(notes):
    found = notes(qform=moved(7), codes=(2, 1))
    assert "sform (code 2), which is used, puts the first voxel at (0, 0, 0) mm" in found
    assert "at (7, 0, 0) mm; the two are up to 7 mm apart" in found
    assert "up to 0.007 mm apart" in notes(qform=moved(7), codes=(2, 1), unit="micron")
    assert notes(qform=moved(7), codes=(1, 1)) == ""  # ITK takes the sform of code 1


def test_a_qform_that_holds_no_rotation_is_told(tmp_path, rng):
    nifti = nib.Nifti1Image(rng.normal(size=(4, 4, 4)).astype(np.float32), AFFINE)
    nifti.header["qform_code"] = 1
    for quaternion in (0.9, np.nan):
        for key in ("quatern_b", "quatern_c", "quatern_d"):
            nifti.header[key] = quaternion
        nifti.to_filename(tmp_path / "a.nii.gz")
        assert "which ITK takes, places no voxels" in " ".join(
            header_notes(read_image(tmp_path / "a.nii.gz"))
        )


def test_a_header_without_place_says_so(notes):
    assert "both form codes are 0" in notes(codes=(0, 0))


def test_shear_is_told_in_degrees(notes):
    affine = AFFINE.copy()
    affine[1, 2] = 2 * np.tan(np.radians(20))
    assert "miss a right angle by 20 degrees: volumes of `predict` and scores of `evaluate` follow" in notes(
        affine, codes=(1, 0)
    )


def test_other_voxel_sizes_than_those_of_the_sform_are_told(notes):
    assert "pixdim is (1.0, 1.0, 5.0) mm, the affine (1.0, 1.0, 2.0) mm" in notes(
        codes=(1, 0), pixdim=(1, 1, 5)
    )
