#!/usr/bin/env bash
# ITK 5.4.7 and SimpleITK 2.5.7 place a NIfTI file by its qform unless the code of its sform is 1, nibabel 5.4.2 by its
# sform wherever that has a code. A file whose forms differ, as after a registration that wrote the sform with code 2 or
# 4, lies in two places. ITK converts a header in micrometres to millimetres, nibabel's affine keeps the numbers.
packages=(nibabel==5.4.2 numpy==2.4.6 simpleitk==2.5.7 itk-io==5.4.7)
source "$(dirname "$0")/_run.sh"

"$PYTHON" - 2>/dev/null <<'P'
from importlib.metadata import version

import itk
import nibabel as nib
import numpy as np
import SimpleITK as sitk

print("nibabel", nib.__version__, "SimpleITK", version("simpleitk"), "ITK", version("itk-io"))


def origins(sform, qform, code, unit="mm"):
    image = nib.Nifti1Image(np.zeros((4, 4, 4), np.float32), sform)
    image.set_sform(sform, code)
    image.set_qform(qform, 1)
    image.header.set_xyzt_units(unit)
    image.to_filename("image.nii.gz")
    by_nibabel = nib.load("image.nii.gz").affine[0, 3]
    return by_nibabel, -sitk.ReadImage("image.nii.gz").GetOrigin()[0], -itk.imread("image.nii.gz").GetOrigin()[0]


here, moved = np.eye(4), np.eye(4)
here[0, 3], moved[0, 3] = 20.0, 30.0
for code in (1, 2, 3, 4):
    found = origins(here, moved, code)
    print(f"sform code {code} at 20 mm, qform at 30 mm: nibabel, SimpleITK, ITK at", *map(float, found))
    assert np.allclose(found, (20, 20, 20) if code == 1 else (20, 30, 30))
found = origins(1000 * here, 1000 * here, 1, "micron")
print("at 20,000 micrometres: nibabel, SimpleITK, ITK at", *map(float, found))
assert np.allclose(found, (20000, 20, 20))
P
