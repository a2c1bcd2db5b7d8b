"""Dice, Jaccard, HD95 and ASD: MedPy by four calls, MONAI by two on its own definitions."""

import numpy as np
import torch
from medpy.metric import binary
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance
from race import Growth, Race
from shapes import SPACING, atrium, moved, organs

from alcseg.metrics import evaluate_pair
from alcseg.noise.cube import cube

PAPER = ("dice", "jaccard", "hd95", "asd")
MONAI = ("hd95_directed", "asd")
CASES = 20
SMALL = (36, 50, 36)


def paths() -> list[Race]:
    """A left atrium drawn elsewhere and drawn too large, and small cases of four classes."""
    truth = atrium()
    shifted = [(moved(truth), truth)]
    large = [(cube(truth, spacing=SPACING, size=9, unit="voxel", operation="dilate"), truth)]
    cases = [(moved(label), label) for label in (organs(SMALL, 4, seed) for seed in range(CASES))]
    small = f"{CASES} cases of {'x'.join(map(str, SMALL))}, 4 classes"
    return [
        Race("an atrium, moved by 2.4 voxels", "MedPy", _ours(shifted, 1), _medpy(shifted, 1), _close, 25),
        Race("an atrium, 4 voxels too large", "MedPy", _ours(large, 1), _medpy(large, 1), _close, 25),
        Race("the first", "MONAI", _ours(shifted, 1, MONAI), _monai(*shifted[0]), _close, 6),
        Race(small, "MedPy", _ours(cases, 4), _medpy(cases, 4), _close, 20),
    ]


def growths() -> list[Growth]:
    """Against the volume, the classes in one volume, and the cases."""

    def volume(side: int):
        label = organs((side,) * 3, 1)
        return _ours([(moved(label), label)], 1)

    def classes(count: int):
        label = organs((96,) * 3, count)
        return _ours([(moved(label), label)], count)

    def cases(count: int):
        label = organs(SMALL, 4)
        one = _ours([(moved(label), label)], 4)

        def call():
            for _ in range(count):
                one()

        return call

    return [
        Growth("evaluate", "side of the volume", (32, 64, 128, 256), volume, 3, 3),
        Growth("evaluate", "classes in 96³", (1, 2, 4, 8, 16, 32), classes, 1, 0),
        Growth("evaluate", "cases of 4 classes", (1, 10, 100, 1000), cases, 1, 0),
    ]


def _ours(pairs, classes: int, metrics=PAPER):
    values = range(1, classes + 1)

    def call():
        found = [
            evaluate_pair(pred.view(np.uint8), truth.view(np.uint8), values, SPACING, metrics=metrics)
            for pred, truth in pairs
        ]
        return [one.scores[name] for case in found for one in case for name in metrics]

    return call


def _medpy(pairs, classes: int):
    def call():
        found = []
        for pred, truth in pairs:
            for value in range(1, classes + 1):
                masks = pred == value, truth == value
                found += [binary.dc(*masks), binary.jc(*masks)]
                found += [binary.hd95(*masks, SPACING), binary.asd(*masks, SPACING)]
        return found

    return call


def _monai(pred: np.ndarray, truth: np.ndarray):
    batch = [torch.from_numpy(mask)[None, None] for mask in (pred, truth)]
    options: dict = {"include_background": True, "spacing": SPACING}

    def call():
        hd95 = compute_hausdorff_distance(*batch, percentile=95, **options)
        return [float(hd95), float(compute_average_surface_distance(*batch, **options))]

    return call


def _close(ours, theirs) -> str:
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    return "equal to 1e-6"
