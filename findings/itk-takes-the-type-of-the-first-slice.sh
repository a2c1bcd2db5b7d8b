#!/usr/bin/env bash
# SimpleITK 2.5.7: a DICOM series whose slices have rescale slopes of their own, as PET and some MR series do, gets the
# type of its first slice. Where that slope is a whole number and the next are not, all values are cut to whole numbers
# in silence: 1001 * 0.25 = 250.25 comes back as 250. Given in the other order, the same slices keep their fractions.
packages=(simpleitk==2.5.7 pydicom==3.0.2 numpy==2.4.6)
source "$(dirname "$0")/_run.sh"

PYTHONPATH=$here "$PYTHON" - <<'P'
from importlib.metadata import version

import SimpleITK as sitk
from _series import MARK, write

print("SimpleITK", version("simpleitk"))
write("whole-first", slopes=[1.0] + [0.25] * 20)
write("fraction-first", slopes=[0.25] * 21)
seen = {}
for folder in ("whole-first", "fraction-first"):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(folder))
    image = reader.Execute()
    seen[folder] = image.GetPixel(MARK[::-1])
    print(f"{folder}: {image.GetPixelIDTypeAsString()}, {seen[folder]} for 1001 * 0.25 = {1001 * 0.25}")
assert seen["fraction-first"] == 250.25 and seen["whole-first"] == 250
P
