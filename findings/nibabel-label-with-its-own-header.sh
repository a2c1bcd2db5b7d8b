#!/usr/bin/env bash
# nibabel 5.4.2: a label that was read with get_fdata(), which gives floats, and saved with the header it came with, is
# stored as uint8 scaled over 0 to 255. Label 1 of 0, 1 comes back as 1.0000000591, 1 of 0, 1, 2 as 0.996: comparisons
# with `== 1` find no voxel. Saved with np.asanyarray(image.dataobj), which keeps integers, nothing is lost.
packages=(nibabel==5.4.2 numpy==2.4.6)
source "$(dirname "$0")/_run.sh"

"$PYTHON" - <<'P'
import nibabel as nib
import numpy as np

print("nibabel", nib.__version__)
for top in (1, 2):
    label = np.zeros((8, 8, 8), np.uint8)
    for value in range(1, top + 1):
        label[2 * value : 2 * value + 2] = value
    nib.Nifti1Image(label, np.eye(4)).to_filename("given.nii.gz")
    given = nib.load("given.nii.gz")
    nib.Nifti1Image(given.get_fdata(), given.affine, given.header).to_filename("saved.nii.gz")
    nib.Nifti1Image(np.asanyarray(given.dataobj), given.affine, given.header).to_filename("kept.nii.gz")
    found = nib.load("saved.nii.gz")
    slope = found.dataobj.slope
    values = np.unique(found.get_fdata())
    print(f"0 to {top}: type {found.get_data_dtype()}, scl_slope {slope:.8f}, values", *(f"{v:.10f}" for v in values))
    assert slope != 1 and found.get_data_dtype() == np.uint8
    assert not (found.get_fdata() == 1).any()
    assert np.array_equal(np.unique(nib.load("kept.nii.gz").get_fdata()), range(top + 1))
P
