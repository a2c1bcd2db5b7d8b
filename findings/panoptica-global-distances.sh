#!/usr/bin/env bash
# panoptica 2.1.7: `Panoptica_Evaluator.evaluate(..., voxelspacing=...)` gives distances of instances in the unit of the
# spacing, and distances over the whole map (`global_metrics`) in voxels, in one result and for one and the same object.
packages=(panoptica==2.1.7)
source "$(dirname "$0")/_run.sh"

"$PYTHON" - 2>/dev/null <<'P'
from importlib.metadata import version

import numpy as np
from panoptica import InputType, Panoptica_Evaluator
from panoptica.metrics import Metric

print("panoptica", version("panoptica"))
truth = np.zeros((24, 24, 24), np.uint8)
truth[6:16, 6:16, 6:16] = 1
moved = np.roll(truth, 2, 2)  # by 2 voxels
metrics = [Metric.HD95, Metric.ASSD]
evaluator = Panoptica_Evaluator(InputType.MATCHED_INSTANCE, instance_metrics=metrics, global_metrics=metrics)
seen = {}
for thickness in (1.0, 5.0):
    found = evaluator.evaluate(moved, truth, voxelspacing=(1.0, 1.0, thickness), verbose=False)["ungrouped"]
    seen[thickness] = found.sq_hd95, found.global_bin_hd95, found.sq_assd, found.global_bin_assd
    print(f"2 slices of {thickness} mm: HD95 of the instance {found.sq_hd95}, global {found.global_bin_hd95}; "
          f"ASSD {found.sq_assd:.3f}, global {found.global_bin_assd:.3f}")
assert seen[1.0][0] == seen[1.0][1] == 2
assert seen[5.0][0] > 5 and seen[5.0][1] == 2
assert seen[5.0][3] == seen[1.0][3] < seen[5.0][2]
P
