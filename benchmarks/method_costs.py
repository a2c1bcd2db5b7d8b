"""Time a training step of every method: `python benchmarks/method_costs.py` writes them to costs.json.

All methods train the network of a preset on random patches of its size. Repetitions are interleaved, one step
of each method in turn, so that a busy machine slows all of them alike; the median counts. A method of several
stages is charged all of them, per step of the run. Steps are taken from the middle of a run, where ramps and
warm-ups have ended.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import torch

import alcseg.training_methods
from alcseg import machine
from alcseg.config import resolve
from alcseg.data.sampling import Patches
from alcseg.inference.load import create_method
from alcseg.networks import build_network
from alcseg.records.method_costs import CostConditions, MethodCosts
from alcseg.records.settings import RunSettings
from alcseg.training_methods import METHODS, Method, Stage, Task

BASELINE = "hl_sup"
CLASSES = 3
COSTS = MethodCosts.path(Path(alcseg.training_methods.__file__).parent)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="hippocampus")
    parser.add_argument("--repetitions", type=int, default=15)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), help="others keep what they had")
    parser.add_argument("--out", type=Path, default=COSTS)
    options = parser.parse_args()
    words = sorted({BASELINE, *options.methods})
    fits = {word: prepare(word, options.preset, options.device) for word in words}
    seconds: dict[str, list[float]] = {word: [] for word in words}
    for repetition in range(options.repetitions + 1):
        for word, stages in fits.items():
            taken = sum(share * time_step(*fit) for share, *fit in stages)
            if repetition:  # the first one also pays for set-up
                seconds[word].append(taken)
    medians = {word: statistics.median(values) for word, values in seconds.items()}
    settings = resolve(BASELINE, preset=options.preset)
    known = MethodCosts.read_file(options.out).cost if options.out.is_file() else {}
    cost = known | {word: round(value / medians[BASELINE], 2) for word, value in medians.items()}
    measured = CostConditions(
        date=machine.timestamp()[:10],
        commit=machine.commit(),
        hardware=hardware(options.device),
        patch="x".join(map(str, settings.data.patch)),
        batch=f"{settings.data.hq_batch} HQ + {settings.data.lq_batch} LQ patches",
        baseline=f"{medians[BASELINE]:.3g} s per step of {BASELINE}",
    )
    MethodCosts(measured=measured, cost=dict(sorted(cost.items()))).write_file(options.out)
    for word, value in sorted(medians.items(), key=lambda item: item[1]):
        print(f"{word:24s} {value:8.3f} s {value / medians[BASELINE]:6.2f}")


def prepare(word: str, preset: str, device: str) -> list[tuple[Any, ...]]:
    """Each stage of a method: its share of the steps, the method in its middle, optimizers, and a batch."""
    settings = resolve(word, preset=preset)
    names = {stream: [f"case_{index}" for index in range(8)] for stream in ("hq", "lq", "union")}
    whole = build(settings, Stage("", settings.trainer.steps))
    stages = whole.plan_stages({stream: names[stream] for stream in whole.streams})
    found = []
    for stage in stages:
        method = build(settings, stage).to(device).train()
        method.done = stage.steps // 2
        found.append(
            (
                stage.steps / settings.trainer.steps,
                method,
                method.configure_optimizers(),
                batch_for(method, settings, device),
            )
        )
    return found


def build(settings: RunSettings, stage: Stage) -> Method:
    """The method at one stage, with the network of the preset."""
    network, data = settings.network, settings.data
    task = Task(
        build_network=lambda: build_network(
            network.name,
            in_channels=1,
            num_classes=CLASSES,
            **network.settings,
        ),
        num_classes=CLASSES,
        steps=stage.steps,
        seed=0,
        learning_rate=1e-4,  # on noise a large one would end in numbers that are none
        patch=data.patch,
        stage=stage.name,
    )
    return create_method(settings).prepare(task)


def batch_for(method: Method, settings: RunSettings, device: str) -> dict[str, Patches]:
    """Random images whose labels are bands of intensity."""
    data = settings.data
    sizes = {"hq": data.hq_batch, "lq": data.lq_batch, "union": data.hq_batch + data.lq_batch}
    generator = torch.Generator().manual_seed(0)
    batch = {}
    for stream in method.streams:
        count = sizes[stream]
        image = torch.randn(count, 1, *data.patch, generator=generator)
        label = torch.bucketize(image[:, 0], torch.tensor([0.5, 1.5]))
        batch[stream] = Patches(
            image.to(device),
            label.to(device),
            [f"case_{index}" for index in range(count)],
            torch.arange(count),
            # Read from the cache in a training, so measured by no step.
            torch.randn(count, CLASSES - 1, *data.patch, generator=generator).to(device)
            if method.needs_distance
            else None,
        )
    return batch


def time_step(method: Method, optimizers: list[torch.optim.Optimizer], batch: dict[str, Patches]) -> float:
    """Seconds of one step."""
    synchronize(method.device)
    started = time.perf_counter()
    method.take_step(batch, optimizers)
    synchronize(method.device)
    return time.perf_counter() - started


def synchronize(device: torch.device) -> None:
    """Wait for what was launched on a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def hardware(device: str) -> str:
    """What computed, in words."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{machine.processor()}, threads: {torch.get_num_threads()}"


if __name__ == "__main__":
    main()
