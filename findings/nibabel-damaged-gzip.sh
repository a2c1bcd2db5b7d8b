#!/usr/bin/env bash
# nibabel 5.4.2: reading the voxels of a .nii.gz stops at the last voxel, before gzip's checksum behind it. A label file
# with one damaged byte is read without an error or a warning, with other voxels than were written; `gzip -t` refuses
# it, and so does SimpleITK 2.5.7.
packages=(nibabel==5.4.2 numpy==2.4.6 simpleitk==2.5.7)
source "$(dirname "$0")/_run.sh"

"$PYTHON" - 2>/dev/null <<'P'
import gzip
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk

print("nibabel", nib.__version__, "SimpleITK", sitk.Version.VersionString())
label = (np.random.default_rng(0).random((24, 24, 24)) < 0.3).astype(np.uint8)
nib.Nifti1Image(label, np.eye(4)).to_filename("label.nii.gz")
good, path = Path("label.nii.gz").read_bytes(), Path("damaged.nii.gz")
damaged = 0
counts = dict.fromkeys(("other voxels, no error", "same voxels, no error", "refused", "refused by SimpleITK"), 0)
for at in np.linspace(len(good) * 0.4, len(good) * 0.95, 60).astype(int):
    path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
    try:
        gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error):
        damaged += 1
    else:
        continue  # a bit that stands for nothing
    try:
        found = np.asarray(nib.load(path).dataobj)
    except (OSError, EOFError, ValueError, zlib.error):
        counts["refused"] += 1
    else:
        counts["same voxels, no error" if np.array_equal(found, label) else "other voxels, no error"] += 1
    try:
        sitk.ReadImage(str(path))
    except RuntimeError:
        counts["refused by SimpleITK"] += 1
print(damaged, "files that gzip refuses:", counts)
assert damaged >= 50 and counts["other voxels, no error"] >= 10
assert counts["refused by SimpleITK"] == damaged
P
