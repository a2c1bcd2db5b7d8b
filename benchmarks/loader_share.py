"""How much of a training step the loading of its batch takes, at every preset.

    python benchmarks/loader_share.py

A batch of ALC is drawn from a generated case of a usual size in the cache, with the preset's batch, patch and
augmentation, and its network takes a step in the precision that `alcseg train` would choose. Both are CPU
times of one thread in this process; the file lies in the page cache. Whole steps of `la` and `nih` would take
minutes: it is taken on one HQ and one LQ patch and multiplied by the number of HQ patches, which is less than
it would be, since there are five LQ patches, with four passes of the teacher each, to one HQ patch.
"""

import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent / "speed"))

from patches import cached_case
from steps import alc_step

from alcseg.config import preset_names, resolve
from alcseg.data.sampling import StepDataset
from alcseg.inference.bf16 import prefers_bf16
from alcseg.training.prepare import augmentation

SHAPES = {
    "audit": (48, 64, 48),
    "demo": (40, 40, 40),
    "hippocampus": (36, 50, 36),
    "la": (240, 180, 88),
    "la-half": (120, 90, 44),
    "nih": (400, 300, 220),
}
"""Voxels of a case on the model grid: what the data behind the preset has."""

PATCH_WITHOUT = (32, 48, 32)  # planned from the data where a preset has none
FEW = 8  # patches in a step that is taken as a whole
BATCHES = 20


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    half = prefers_bf16(torch.device("cpu"))
    print(f"steps in {'bfloat16' if half else 'float32'}")
    for name in preset_names():
        settings = resolve("alc", preset=name)
        data, patch = settings.data, settings.data.patch or PATCH_WITHOUT
        hq, lq = data.hq_batch or 2, data.lq_batch or 4
        case = cached_case(Path(tempfile.mkdtemp()), name, SHAPES[name])
        batches = StepDataset(
            {"hq": [case], "lq": [case]},
            {"hq": hq, "lq": lq},
            patch,
            augmentation(settings),
            seed=0,
            foreground_fraction=data.foreground_fraction,
        )
        loading = statistics.median(seconds(partial(batches.__getitem__, n)) for n in range(BATCHES))
        whole = hq + lq <= FEW
        step = alc_step(
            patch, hq=hq if whole else 1, lq=lq if whole else 1, half=half, **settings.network.settings
        )
        step()
        taken = seconds(step) * (1 if whole else hq)
        size, inside = ("x".join(map(str, sides)) for sides in (patch, SHAPES[name]))
        print(
            f"| {name} | {hq} + {lq} of {size} from {inside} | {1000 * loading:.1f} ms | "
            f"{'' if whole else 'at least '}{taken:.2f} s | {'' if whole else 'at most '}"
            f"{100 * loading / taken:.2g} % |",
            flush=True,
        )


def seconds(call) -> float:
    """CPU time of a call."""
    begun = time.process_time()
    call()
    return time.process_time() - begun


if __name__ == "__main__":
    main()
