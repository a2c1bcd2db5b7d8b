"""Time confident learning against cleanlab on a million voxels: `python benchmarks/confident_learning.py`."""

import os
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from cleanlab.filter import find_label_issues as cleanlab_issues

from alcseg.correction import find_label_issues

VOXELS = 1_000_000


def problem(num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels, 70 % of them background, a tenth wrong, and probabilities of a decent model."""
    rng = np.random.default_rng(0)
    share = np.full(num_classes, 0.3 / (num_classes - 1))
    share[0] = 0.7
    truth = rng.choice(num_classes, VOXELS, p=share)
    label = np.where(rng.random(VOXELS) < 0.1, rng.choice(num_classes, VOXELS), truth)
    logits = rng.normal(0, 1.5, (VOXELS, num_classes))
    logits[np.arange(VOXELS), truth] += 3
    probs = np.exp(logits)
    return label, probs / probs.sum(1, keepdims=True)


def seconds(call: Callable[[], object], repeats: int) -> float:
    """The best of several."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Print a row per number of classes and mode."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    print(f"{VOXELS} voxels, {torch.get_num_threads()} threads; seconds, and how many times faster")
    for num_classes in (2, 4):
        label, probs = problem(num_classes)
        for prune in ("prune_by_class", "prune_by_noise_rate", "both"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = cleanlab_issues(label, probs, filter_by=prune)
                reference = seconds(lambda: cleanlab_issues(label, probs, filter_by=prune), 3)  # noqa: B023
            cells = [f"K={num_classes} {prune:20} cleanlab {reference:6.3f}"]
            for device in devices:
                tensors = torch.from_numpy(label).to(device), torch.from_numpy(probs).to(device)

                def ours(tensors: tuple = tensors, prune: str = prune) -> np.ndarray:
                    return find_label_issues(*tensors, prune=prune).cpu().numpy()

                equal = "equal" if np.array_equal(ours(), expected) else "DIFFERENT"
                own = seconds(ours, 10)
                cells.append(f"{device} {own:6.4f} x{reference / own:.1f} {equal}")
            print("   ".join(cells))


if __name__ == "__main__":
    main()
