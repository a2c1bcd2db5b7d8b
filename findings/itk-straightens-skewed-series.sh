#!/usr/bin/env bash
# A DICOM series whose slices each stand 0.5 mm further along their rows, as with a tilted gantry, leans by 10 mm over 21
# slices. A grid of ITK cannot lean. SimpleITK 2.5.7 and MONAI 1.6.1 with its ITKReader give
# an upright grid and put the voxels of the last slice 10 mm from where the headers put them, without an exception or a
# word on stderr; MONAI's PydicomReader keeps the lean.
packages=(simpleitk==2.5.7 itk==5.4.7 monai==1.6.1 torch==2.13.0 pydicom==3.0.2 numpy==2.4.6)
source "$(dirname "$0")/_run.sh"

PYTHONPATH=$here "$PYTHON" - 2>/dev/null <<'P'
from importlib.metadata import version

import numpy as np
import SimpleITK as sitk
from _series import MARK, write
from monai.transforms import LoadImage

print(*(f"{name} {version(name)}" for name in ("simpleitk", "itk", "monai")))
true = write("leaning", lean=0.5)
write("upright")


def by_simpleitk(folder):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(folder))
    return np.array(reader.Execute().TransformIndexToPhysicalPoint(MARK[::-1]))


def by_monai(folder, reader):
    image = LoadImage(reader=reader, image_only=True)(folder)
    voxel = np.unravel_index(int(image.argmax()), image.shape)
    return (np.asarray(image.affine) @ [*voxel, 1])[:3] * (-1, -1, 1)


assert np.allclose(by_simpleitk("upright"), true - (10, 0, 0))
off = {
    "SimpleITK": by_simpleitk("leaning"),
    "MONAI, ITKReader": by_monai("leaning", "ITKReader"),
    "MONAI, PydicomReader": by_monai("leaning", "PydicomReader"),
}
off = {name: round(float(np.linalg.norm(place - true)), 2) for name, place in off.items()}
for name, distance in off.items():
    print(f"{name}: {distance} mm from where the headers put it")
assert off["SimpleITK"] > 9 and off["MONAI, ITKReader"] > 9 and off["MONAI, PydicomReader"] < 0.01
P
