#!/usr/bin/env bash
# MONAI 1.6.1: the Hausdorff distance of a case whose organ was not found is nan, and `aggregate` leaves it out: the mean
# over a missed organ and one with 2 mm is 2 mm, and where all are missed it is 0, the best value there is.
packages=(torch==2.13.0 monai==1.6.1 scipy==1.17.1 numpy==2.4.6)
source "$(dirname "$0")/_run.sh"

"$PYTHON" - 2>/dev/null <<'P'
import monai
import torch
from monai.metrics import HausdorffDistanceMetric

print("MONAI", monai.__version__)
truth = torch.zeros(1, 2, 24, 24, 24)
truth[0, 1, 6:16, 6:16, 6:16] = 1
near, nothing = torch.roll(truth, 2, dims=2), torch.zeros_like(truth)
for case in (truth, near, nothing):
    case[0, 0] = 1 - case[0, 1]


def mean(*predictions):
    metric = HausdorffDistanceMetric(include_background=False, percentile=95)
    for prediction in predictions:
        metric(prediction, truth)
    return metric.get_buffer().flatten().tolist(), float(metric.aggregate())


for name, predictions in (("2 voxels off", [near]), ("2 voxels off, missed", [near, nothing]), ("missed", [nothing])):
    cases, value = mean(*predictions)
    print(f"{name}: cases {cases}, aggregate {value}")
assert mean(near)[1] == 2 and mean(near, nothing)[1] == 2
assert mean(nothing)[0] != mean(nothing)[0] and mean(nothing)[1] == 0  # nan, and 0
P
