"""Files in any orientation come out upright and on one grid."""

import nibabel as nib
import numpy as np
import pytest
from nibabel.orientations import axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform

from alcseg.reporting.cases import read_upright


@pytest.mark.parametrize("codes", ["RAS", "LPS", "PIR", "SAL"])
def test_arrays_come_out_in_ras_order(tmp_path, codes):
    image = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)
    label = (image > 60).astype(np.uint8)
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    change = ornt_transform(io_orientation(affine), axcodes2ornt(codes))
    stored = affine @ inv_ornt_aff(change, image.shape)
    for name, array in (("image", image), ("label", label), ("doubt", np.zeros_like(image))):
        turned = nib.orientations.apply_orientation(array, change)
        nib.save(nib.Nifti1Image(turned, stored), tmp_path / f"{name}.nii.gz")
    case = read_upright(
        tmp_path / "image.nii.gz", {"given": tmp_path / "label.nii.gz"}, tmp_path / "doubt.nii.gz"
    )
    assert (case.image == image).all()
    assert (case.labels["given"] == label).all()
    assert case.uncertainty.shape == image.shape
    assert case.spacing == pytest.approx((1.0, 2.0, 3.0))
