#!/usr/bin/env bash
# MONAI 1.6.1: a DynUNet holds its blocks as attributes and again inside its nested skip layers, so that `state_dict`
# lists their weights under two names. safetensors refuses to save such a dictionary, and an average of weights
# that goes through it, as in a mean teacher, is applied to them once for each name.
packages=(torch==2.13.0 monai==1.6.1 safetensors==0.8.0 numpy==2.4.6)
source "$(dirname "$0")/_run.sh"

"$PYTHON" - 2>/dev/null <<'P'
from collections import Counter

import monai
import torch
from monai.networks.nets import DynUNet, UNet
from safetensors.torch import save_file


def network():
    return DynUNet(3, 1, 2, kernel_size=[3] * 3, strides=[1, 2, 2], upsample_kernel_size=[2] * 2, filters=[4, 8, 16])


print("MONAI", monai.__version__, "PyTorch", torch.__version__)
state = network().state_dict()
names = Counter(tensor.data_ptr() for tensor in state.values() if tensor.numel())
weights = sum(1 for _ in network().parameters())
print(f"{len(state)} names for {weights} weights, up to {max(names.values())} of one weight")
assert len(state) > weights and max(names.values()) > 1

other = UNet(3, 1, 2, channels=(4, 8), strides=(2,)).state_dict()
assert max(Counter(tensor.data_ptr() for tensor in other.values() if tensor.numel()).values()) == 1  # not MONAI's rule

try:
    save_file(state, "weights.safetensors")
except RuntimeError as error:
    print("safetensors:", str(error).strip()[:60], "...")
else:
    raise SystemExit("safetensors saved it")

teacher, student = network(), network()
with torch.no_grad():
    for weight in teacher.parameters():
        weight.fill_(1.0)
    for weight in student.parameters():
        weight.fill_(0.0)
    given = student.state_dict()
    for name, weight in teacher.state_dict().items():  # one step of an average with decay 0.9
        weight.mul_(0.9).add_(given[name], alpha=0.1)
found = sorted({round(float(weight.flatten()[0]), 4) for weight in teacher.parameters()})
print("after one step of an average with decay 0.9, all should be 0.9:", found)
assert found != [0.9] and min(found) <= 0.81
P
