"""What images smaller than the patch are padded with, and what it does to Dice, on cases a run never saw.

    python benchmarks/small_images.py DATASET RUN ... [--cases N]

Each case that is smaller than the patch is asked for as it is, and cut to 1 to 4 voxels around its label.
Rules: the least value of each channel (ours), the border voxel, 0 (the mean after z-scoring), a mirror image,
and windows as small as the image. A line a run: Dice with our rule, and differences to it in points, with
standard errors.
"""

import argparse
from collections import defaultdict
from pathlib import Path
from unittest import mock

import numpy as np
import torch

import alcseg
from alcseg.data.preprocess import preprocess_images, preprocess_label
from alcseg.inference import sliding_window
from alcseg.metrics.overlap import dice

RULES = {"border": {"mode": "edge"}, "zero": {}, "mirror": {"mode": "symmetric"}}


def answer(network: torch.nn.Module, image: np.ndarray, patch: tuple[int, ...], rule: str) -> np.ndarray:
    """Class of each voxel."""

    def pad(array: np.ndarray, margins: tuple[tuple[int, int], ...], _: np.ndarray) -> np.ndarray:
        return np.pad(array, ((0, 0), *margins), **RULES[rule])

    sides = [min(pair) for pair in zip(patch, image.shape[1:], strict=True)] if rule == "window" else patch
    with mock.patch.object(sliding_window, "pad", pad if rule in RULES else sliding_window.pad):
        return (
            sliding_window.sliding_window_probabilities(network, torch.from_numpy(image), patch=sides)
            .argmax(0)
            .numpy()
        )


def scores(run: alcseg.Run, dataset: alcseg.Dataset, cases: int) -> dict[tuple[str, str], list[float]]:
    """Mean Dice over classes of each case, by what was asked for and the rule."""
    (predictor,) = alcseg.load(run, device="cpu", engine="torch").ensemble.predictors
    plan, network = predictor.plan, predictor.network.eval()
    unseen = [row.case_id for row in dataset.rows if row.case_id not in run.learned_from(())]
    np.random.default_rng(0).shuffle(unseen)
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for name in unseen:
        case = dataset.read(name)
        image, grid = preprocess_images(case.images, plan)
        label = np.asarray(preprocess_label(case.label, plan, grid))
        if np.greater_equal(label.shape, plan.patch).all():
            continue
        rng = np.random.default_rng(len(found["whole", "minimum"]))
        where = np.argwhere(label)
        low, high = where.min(0) - rng.integers(1, 5, 3), where.max(0) + 1 + rng.integers(1, 5, 3)
        cut = tuple(slice(max(0, int(a)), int(b)) for a, b in zip(low, high, strict=True))
        for kind, box in (("whole", (slice(None),) * 3), ("cut", cut)):
            shown, truth = np.ascontiguousarray(image[(slice(None), *box)]), label[box]
            for rule in ("minimum", *RULES, "window"):
                classes = answer(network, shown, plan.patch, rule)
                each = [dice(classes == one, truth == one) for one in range(1, plan.num_classes)]
                found[kind, rule].append(100 * float(np.nanmean(each)))
        if len(found["whole", "minimum"]) == cases:
            break
    return found


def main() -> None:
    """Print a line a run."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("dataset", type=Path)
    words.add_argument("runs", type=Path, nargs="+")
    words.add_argument("--cases", type=int, default=16)
    asked = words.parse_args()
    dataset = alcseg.Dataset.open(asked.dataset)
    for path in asked.runs:
        found = scores(alcseg.Run.open(path), dataset, asked.cases)
        told = []
        for (kind, rule), values in found.items():
            ours = np.array(found[kind, "minimum"])
            change = np.array(values) - ours
            error = change.std(ddof=1) / len(change) ** 0.5
            told.append(
                f"{kind} {ours.mean():.1f}"
                if rule == "minimum"
                else f"{rule} {change.mean():+.1f} ± {error:.1f}"
            )
        print(f"{path}: {', '.join(told)}", flush=True)


if __name__ == "__main__":
    main()
