"""Confident learning: cleanlab in one process."""

import warnings

import numpy as np
import torch
from cleanlab.filter import find_label_issues as by_cleanlab
from race import Growth, Race

from alcseg.correction import find_label_issues

VOXELS = 1_000_000


def paths() -> list[Race]:
    """A million voxels of two and of four classes."""
    return [
        _race(2, "prune_by_class", 40),
        _race(4, "prune_by_class", 20),
        _race(4, "prune_by_noise_rate", 20),
    ]


def growths() -> list[Growth]:
    """Against the voxels, and the classes."""

    def voxels(count: int):
        return _ours(2, count)

    def classes(count: int):
        return _ours(count, 200_000)

    return [
        Growth("confident learning, 2 classes", "voxels", (10_000, 100_000, 1_000_000), voxels, 1, 1),
        Growth("confident learning, 200,000 voxels", "classes", (2, 4, 8, 16), classes, 1, 1),
    ]


def problem(classes: int, voxels: int = VOXELS) -> tuple[np.ndarray, np.ndarray]:
    """Labels, 70 % of them background, a tenth wrong, and probabilities of a decent model."""
    rng = np.random.default_rng(0)
    share = np.array([0.7] + [0.3 / (classes - 1)] * (classes - 1))
    truth = rng.choice(classes, voxels, p=share)
    label = np.where(rng.random(voxels) < 0.1, rng.choice(classes, voxels), truth)
    logits = rng.normal(0, 1.5, (voxels, classes))
    logits[np.arange(voxels), truth] += 3
    probs = np.exp(logits)
    return label, probs / probs.sum(1, keepdims=True)


def _ours(classes: int, voxels: int = VOXELS, prune: str = "prune_by_class"):
    label, probs = map(torch.from_numpy, problem(classes, voxels))
    return lambda: find_label_issues(label, probs, prune=prune).numpy()


def _race(classes: int, prune: str, asked: float) -> Race:
    label, probs = problem(classes)

    def theirs():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own dependencies
            return by_cleanlab(label, probs, filter_by=prune, n_jobs=1)

    task = f"a million voxels, {classes} classes, {prune}"
    return Race(task, "cleanlab", _ours(classes, prune=prune), theirs, _equal, asked)


def _equal(ours, theirs) -> str:
    np.testing.assert_array_equal(ours, theirs)
    return "the same flags"
