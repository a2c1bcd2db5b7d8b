#!/usr/bin/env bash
# seg-metrics 1.2.8: HD95 is 0, the best value, for an organ that was not found, for one that is not there, and for one
# that neither has; only Dice tells the three from a perfect match.
packages=(seg-metrics==1.2.8 simpleitk==2.5.7 nibabel==5.4.2)
source "$(dirname "$0")/_run.sh"

"$PYTHON" - <<'P'
from importlib.metadata import version

import numpy as np
from seg_metrics import seg_metrics
import SimpleITK as sitk

print("seg-metrics", version("seg-metrics"))
organ = np.zeros((12, 24, 24), np.uint8)
organ[3:9, 6:16, 6:16] = 1
for name, mask in {"organ": organ, "moved": np.roll(organ, 2, 2), "nothing": organ * 0}.items():
    sitk.WriteImage(sitk.GetImageFromArray(mask), f"{name}.nii.gz")


def measure(pred, truth):
    found = seg_metrics.write_metrics(
        labels=[1], gdth_path=f"{truth}.nii.gz", pred_path=f"{pred}.nii.gz", csv_file=None, metrics=["dice", "hd95"]
    )[0]
    return float(found["dice"][0]), float(found["hd95"][0])


pairs = [("organ", "organ"), ("moved", "organ"), ("nothing", "organ"), ("organ", "nothing"), ("nothing", "nothing")]
seen = {pair: measure(*pair) for pair in pairs}
for (pred, truth), (dice, hd95) in seen.items():
    print(f"predicted {pred}, truth {truth}: Dice {dice:.2f}, HD95 {hd95:.2f}")
assert seen["moved", "organ"][1] == 2
assert all(hd95 == 0 for pair, (_, hd95) in seen.items() if "nothing" in pair)
P
