"""Looking at a case to correct its label: the lineage predicts it T + 1 times, window by window."""

from pathlib import Path

import numpy as np
import torch
from lineage import count_windows
from race import Growth, Race
from shapes import SPACING, atrium

from alcseg.data.case import CaseVolumes, Volume
from alcseg.inference.look import look_at
from alcseg.inference.predictor import Predictor
from alcseg.networks import build_network
from alcseg.records.correction import Perturbation
from alcseg.records.plan import Plan

PASSES = 4
PATCH = (112, 112, 80)
SAMPLE = 4  # of the lineage's windows; all would take minutes in each round
PLAN = Plan(
    spacing=SPACING,
    patch=PATCH,
    normalization="zscore",
    clip=None,
    label_values=(0, 1),
    label_names=("background", "left_atrium"),
    channel_names=("MRI",),
)


def paths() -> list[Race]:
    """A left atrium in noise and the network of the preset `la`, with weights as they are drawn."""
    mask = atrium()
    network = build_network("vnet", in_channels=1, num_classes=2).eval()
    predictor = Predictor(network, PLAN, torch.device("cpu"), engine_name="fastest")
    noise = np.random.default_rng(0).normal(size=mask.shape).astype(np.float32)
    image, label = (
        Volume(array, np.diag([*SPACING, 1.0]), None, Path("atrium"))
        for array in (mask + noise, mask.astype(np.uint8))
    )
    case = CaseVolumes("atrium", (image,), label)
    window = torch.from_numpy(noise)[(None, None, *(slice(side) for side in PATCH))].contiguous()

    def ours():
        return look_at(predictor, case, Perturbation(passes=PASSES))

    @torch.no_grad()
    def theirs():
        for _ in range(SAMPLE):
            network(window).softmax(1)

    @torch.no_grad()
    def agree(_ours, _theirs) -> str:
        both = [by(window).softmax(1) for by in (predictor.engine, network)]
        torch.testing.assert_close(*both, rtol=0, atol=1e-4)
        return "a window equal to 1e-4"

    windows = (PASSES + 1) * count_windows(mask.shape, PATCH)
    task = f"looking at an atrium of {'x'.join(map(str, mask.shape))}, T = {PASSES}"
    peer = f"the lineage, {windows} windows, reckoned from {SAMPLE}"
    return [Race(task, peer, ours, theirs, agree, 10, windows / SAMPLE)]


def growths() -> list[Growth]:
    """None: it grows with the windows."""
    return []
