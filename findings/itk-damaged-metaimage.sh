#!/usr/bin/env bash
# SimpleITK 2.5.7 (ITK 5.4): a compressed MetaImage file, .mha, with one damaged byte is read without an error, with other
# voxels than were written: ITK writes "Uncompress failed" to the standard error and gives what it has. Python's zlib
# refuses the same bytes. A program that reads labels by the thousand sees nothing of it.
packages=(numpy==2.4.6 simpleitk==2.5.7)
source "$(dirname "$0")/_run.sh"

"$PYTHON" - 2>/dev/null <<'P'
import zlib
from pathlib import Path

import numpy as np
import SimpleITK as sitk

print("SimpleITK", sitk.Version.VersionString(), "ITK", sitk.Version.ITKVersionString())
label = (np.random.default_rng(0).random((24, 24, 24)) < 0.3).astype(np.uint8)
sitk.WriteImage(sitk.GetImageFromArray(label), "label.mha", useCompression=True)
good, path = Path("label.mha").read_bytes(), Path("damaged.mha")
start = good.index(b"ElementDataFile = LOCAL\n") + len(b"ElementDataFile = LOCAL\n")
damaged = 0
counts = dict.fromkeys(("other voxels, no error", "same voxels, no error", "refused"), 0)
for at in np.linspace(start + (len(good) - start) * 0.4, len(good) * 0.95, 60).astype(int):
    path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
    try:
        zlib.decompress(path.read_bytes()[start:])
    except zlib.error:
        damaged += 1
    else:
        continue  # a bit that stands for nothing
    try:
        found = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    except RuntimeError:
        counts["refused"] += 1
    else:
        counts["same voxels, no error" if np.array_equal(found, label) else "other voxels, no error"] += 1
print(damaged, "files that zlib refuses:", counts)
assert damaged >= 50 and counts["other voxels, no error"] >= 10
P
