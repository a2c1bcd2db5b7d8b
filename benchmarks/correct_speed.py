"""How long `alcseg correct` takes, beside an older build and the way of earlier papers.

    python benchmarks/correct_speed.py RUN DATASET [--older PYTHONPATH RUN DATASET] [--rounds N]

`alcseg correct` runs in a process of its own on one thread and its CPU time counts, start-up included. With
`--older` so does that of another checkout, with a run of its own that holds the same weights: PYTHONPATH is
that of its `src` and whatever it needs beside. The lineage predicts each case T + 1 times: fp32, contiguous,
windows at strides of 18, 18 and 4 voxels, one at a time. That takes so long that some windows are timed and
multiplied by how many there are; nothing but windows is counted. All ways take turns.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from child import cost
from torch import nn

sys.path.insert(0, str(Path(__file__).parent / "speed"))

from lineage import count_windows

from alcseg.data.folder import Dataset
from alcseg.data.preprocess import preprocess_images
from alcseg.inference.load import load_network
from alcseg.run import Run

PASSES = 4


def main() -> None:
    """Print a line per way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("dataset")
    parser.add_argument("--older", nargs=3, metavar=("PYTHONPATH", "RUN", "DATASET"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--windows", type=int, default=6, help="of the lineage that are timed in each round")
    options = parser.parse_args()
    torch.set_num_threads(1)
    run, dataset = Run.open(options.run), Dataset.open(options.dataset)
    # Those that either build looks at: labels to correct, and trusted ones that the network has not seen.
    rows = [row for row in dataset.rows if row.split == "val" or (row.split, row.quality) == ("train", "lq")]
    patch = run.plan.patch
    shapes = [preprocess_images(dataset.read(row.case_id).images, run.plan)[0].shape[1:] for row in rows]
    windows = [count_windows(shape, patch) for shape in shapes]
    print(f"{len(rows)} cases, windows of {patch}, of the lineage {windows}")
    network = load_network(run, "model", "cpu").to(memory_format=torch.contiguous_format)
    found: dict[str, list[float]] = {"lineage": [], "ours": []} | ({"older": []} if options.older else {})
    for _ in range(options.rounds):
        window = seconds_of_window(network, patch, options.windows)
        found["lineage"].append(window * sum(windows) * (PASSES + 1))
        found["ours"].append(seconds_of_correct(options.run, options.dataset))
        if options.older:
            path, *given = options.older
            found["older"].append(seconds_of_correct(*given, path=path))
        print({name: round(times[-1], 1) for name, times in found.items()}, flush=True)
    for name, times in found.items():
        ratios = [slow / fast for slow, fast in zip(times, found["ours"], strict=True)]
        print(
            f"| {name} | {statistics.median(times):.1f} s | {statistics.median(ratios):.2f} times ours "
            f"({min(ratios):.2f}-{max(ratios):.2f}) |"
        )


def seconds_of_window(network: nn.Module, patch: tuple[int, ...], count: int) -> float:
    """CPU seconds of one forward pass."""
    image = torch.randn(1, 1, *patch, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network(image).softmax(1)
        begun = time.process_time()
        for _ in range(count):
            network(image).softmax(1)
        return (time.process_time() - begun) / count


def seconds_of_correct(run: str, dataset: str, path: str | None = None) -> float:
    """CPU seconds of a process."""
    place = {} if path is None else {"PYTHONPATH": path}
    with tempfile.TemporaryDirectory() as folder:
        words = [
            "correct",
            run,
            dataset,
            "--out",
            f"{folder}/out",
            "--device",
            "cpu",
            "--passes",
            str(PASSES),
        ]
        seconds, _ = cost("-W", "ignore", "-m", "alcseg", *words, **place)
    return seconds


if __name__ == "__main__":
    main()
