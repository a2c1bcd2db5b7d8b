"""A training step of ALC on a GPU beside the lineage's loop: `python benchmarks/gpu.py [--smoke]`.

Printed is Markdown: the measured rate of a matrix product, the step at the batch of the paper (4 HQ and 20 LQ
patches of 112x112x80) and at that of the plan `la-half-long`, and which kernels take the time. Both ways see
the same patches, noise and dropout in their first step, in float32, and have to give the same loss before
they are timed. The lineage's loop then runs as it is passed on: float32 (convolutions in TF32),
contiguous, one call per pass; ours as `alcseg train` runs it there: bfloat16, channels last.
"""

import argparse
import copy
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).parent / "speed"))
from lineage import lineage_step
from steps import patches

from alcseg.data.sampling import Patches
from alcseg.machine import commit, timestamp
from alcseg.networks import build_network
from alcseg.training_methods import METHODS, Method, Task
from alcseg.training_methods.base import seed_of

STEPS = 1000
ROUNDS = 7
NEAR = 2e-3  # of losses in float32 by two orders of summing
_CHECK = nn.BatchNorm3d._check_input_dim
METHODS_TIMED = ("alc", "alc_aligned", "mean_teacher", "hl_sup", "h_sup")


@dataclass(frozen=True)
class Size:
    """What is trained on."""

    patch: tuple[int, int, int]
    hq: int
    lq: int
    filters: int

    def __str__(self) -> str:
        sides = "x".join(map(str, self.patch))
        return f"{self.hq} + {self.lq} patches of {sides}, {self.filters} filters"


PAPER = Size((112, 112, 80), 4, 20, 16)
HALF = Size((64, 64, 48), 2, 4, 16)
TINY = Size((16, 16, 16), 2, 4, 4)


def main() -> None:
    """Print the tables, each line as soon as it is measured."""
    words = argparse.ArgumentParser()
    words.add_argument("--smoke", action="store_true", help="small sizes, on a CPU too: does it run at all?")
    smoke = words.parse_args().smoke
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    say(f"commit {commit()}, torch {torch.__version__}, {name}, {timestamp()}\n")
    rate = matmul_rate(device, 512 if smoke else 8192)
    say(f"matrix product in bfloat16: {rate / 1e12:.2f} TFLOP/s\n")
    say("| training step | batch | ms | patches/s | busy | share of the matrix product | peak MiB |")
    say("|---|---|---|---|---|---|---|")
    for size in [TINY] if smoke else [HALF, PAPER]:
        race(size, device, rate)
    for method in METHODS_TIMED:
        size = TINY if smoke else HALF
        step = our_step(method_for(size, device, method), batch_of(size, device, METHODS[method][0].streams))
        show(measure(step, device), method, size, rate, flops=None)
    say("\n" + profiled(TINY if smoke else PAPER, device))


def say(line: str) -> None:
    """Print at once: the machine may be gone before the end."""
    print(line, flush=True)


def matmul_rate(device: torch.device, side: int) -> float:
    """FLOP per second of a product of square matrices of random numbers in bfloat16."""
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    seconds = median_seconds(lambda: a @ b, device, 10)
    return 2 * side**3 / seconds


def race(size: Size, device: torch.device, rate: float) -> None:
    """Ours and the lineage's, taking turns, after their losses were compared."""
    method = method_for(size, device)
    batch = batch_of(size, device, ("hq", "lq"))
    theirs = lineage(method, batch)
    ours_32 = our_step(method, batch, half=False)
    one, other = ours_32(), theirs()
    if abs(one - other) > NEAR:
        raise AssertionError(f"{size}: losses {one:.6f} and {other:.6f}")
    del theirs, ours_32, method
    ours = our_step(method_for(size, device), batch)
    flops = count_flops(ours)
    measured = {"alc": measure(ours, device)}
    show(measured["alc"], "ALC, ours", size, rate, flops)
    with flat_norms():
        flat = measure(ours, device)
    show(flat, "ALC, ours, norms seen in 2D", size, rate, flops)
    del ours
    single = our_step(method_for(size, device), batch, half=False)
    show(measure(single, device), "ALC, ours in float32", size, rate, flops)
    del single
    loop = lineage(method_for(size, device), batch)
    measured["loop"] = measure(loop, device)
    show(measured["loop"], "ALC, the lineage's loop", size, rate, flops)
    ratio = measured["loop"].seconds / measured["alc"].seconds
    say(f"| ratio | {size} | {ratio:.2f} | | | losses {one:.5f} and {other:.5f} in float32 | |")


@contextmanager
def flat_norms() -> Iterator[None]:
    """BatchNorm sees (X Y) x Z in place of X x Y x Z, the same numbers in the same memory.

    torch 2.11 has CUDA kernels for the forward of a 2D batch whose channels are last, none for a 3D one,
    which takes several generic passes instead: 27 % of our step at 112x112x80, by the profile.
    """
    forward = nn.BatchNorm3d.forward

    def flat(module: nn.BatchNorm3d, features: Tensor) -> Tensor:
        x, y = features.shape[2:4]
        return nn.BatchNorm2d.forward(module, features.flatten(2, 3)).unflatten(2, (x, y))

    nn.BatchNorm3d.forward, nn.BatchNorm3d._check_input_dim = flat, nn.BatchNorm2d._check_input_dim
    try:
        yield
    finally:
        nn.BatchNorm3d.forward = forward
        nn.BatchNorm3d._check_input_dim = _CHECK


@dataclass(frozen=True)
class Measured:
    """Of one step: seconds, the share in which the device computed, its peak memory."""

    seconds: float
    busy: float
    peak_mib: float


def measure(step: Callable[[], float], device: torch.device) -> Measured:
    """The median step after two to warm up, and one more under the profiler, its kernels are "busy"."""
    step()
    step()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = median_seconds(step, device, ROUNDS)
    if device.type != "cuda":
        return Measured(seconds, float("nan"), float("nan"))
    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        step()
        torch.cuda.synchronize()
    computed = sum(event.self_device_time_total for event in seen.key_averages()) / 1e6
    return Measured(seconds, computed / seconds, torch.cuda.max_memory_allocated() / 2**20)


def median_seconds(call: Callable[[], object], device: torch.device, count: int) -> float:
    """Wall time of one call, each waited for."""
    call()
    times = []
    for _ in range(count):
        wait(device)
        started = time.perf_counter()
        call()
        wait(device)
        times.append(time.perf_counter() - started)
    return sorted(times)[count // 2]


def wait(device: torch.device) -> None:
    """Until the device has done everything."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def show(found: Measured, what: str, size: Size, rate: float, flops: float | None) -> None:
    """A line of the table."""
    per_second = (size.hq + size.lq) / found.seconds
    share = "" if flops is None else f"{flops / found.seconds / rate:.1%}"
    say(
        f"| {what} | {size} | {1e3 * found.seconds:.1f} | {per_second:.1f} | {found.busy:.0%} | {share} | "
        f"{found.peak_mib:.0f} |"
    )


def count_flops(step: Callable[[], float]) -> float:
    """Of convolutions and their gradients in a step."""
    with FlopCounterMode(display=False) as counter:
        step()
    return float(counter.get_total_flops())


def profiled(size: Size, device: torch.device) -> str:
    """The ten kernels that take most of our step."""
    if device.type != "cuda":
        return "no GPU, no profile"
    step = our_step(method_for(size, device), batch_of(size, device, ("hq", "lq")))
    step()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
        step()
        torch.cuda.synchronize()
    events = [event for event in seen.key_averages() if event.device_type == DeviceType.CUDA]
    total = sum(event.self_device_time_total for event in events)
    events.sort(key=lambda event: event.self_device_time_total, reverse=True)
    lines = [f"| kernel, {size} | share | calls |", "|---|---|---|"]
    for event in events[:14]:
        kernel = event.key.replace("|", " ")[:110]
        lines.append(f"| {kernel} | {event.self_device_time_total / total:.1%} | {event.count} |")
    return "\n".join(lines)


def method_for(size: Size, device: torch.device, name: str = "alc") -> Method:
    """In the middle of a run."""

    def build() -> nn.Module:
        return build_network("vnet", in_channels=1, num_classes=2, filters=size.filters, dropout=0.1)

    made, fixed = METHODS[name]
    task = Task(build_network=build, num_classes=2, steps=STEPS, seed=0, patch=size.patch)
    method: Method = made(**fixed).prepare(task)
    method.done = STEPS // 2
    return method.to(device).train()


def batch_of(size: Size, device: torch.device, streams: tuple[str, ...]) -> dict[str, Patches]:
    """Boxes in noise."""
    counts = {"hq": size.hq, "lq": size.lq, "union": size.hq + size.lq}
    batch = {name: patches(size.patch, 2, counts[name], seed) for seed, name in enumerate(streams)}
    for part in batch.values():
        part.image, part.label = part.image.to(device), part.label.to(device)
        part.distance = torch.randn(len(part), 1, *size.patch, device=device)
    return batch


def our_step(method: Method, batch: dict[str, Patches], *, half: bool = True) -> Callable[[], float]:
    """As `alcseg train` takes it."""
    optimizers = method.configure_optimizers()

    def step() -> float:
        with torch.autocast(method.device.type, torch.bfloat16, enabled=half):
            method.take_step(batch, optimizers)
        return float(method.last_terms["loss"])

    return step


def lineage(method: Method, batch: dict[str, Patches]) -> Callable[[], float]:
    """The loop on a copy of the network; its first step draws the noise and the dropout of `method`."""
    student = copy.deepcopy(method.student.network).to(memory_format=torch.contiguous_format).train()
    teacher = copy.deepcopy(student).requires_grad_(False)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    hq, lq = ((batch[name].image.contiguous(), batch[name].label) for name in ("hq", "lq"))
    ramp = method.term_weights()["con"]
    first = [method.input_noise(batch["lq"], f"pass-{t}", std=0.1, clip=0.2).contiguous() for t in range(4)]
    seed = seed_of(0, "dropout", method.done, 0)

    def draw(number: int) -> Tensor:
        if first:
            given = first[number]
            if number == len(first) - 1:
                first.clear()
            return given
        return torch.clamp(torch.randn_like(lq[0]) * 0.1, -0.2, 0.2)

    def step() -> float:
        torch.manual_seed(seed)
        return lineage_step(student, teacher, optimizer, hq, lq, ramp, [partial(draw, t) for t in range(4)])

    return step


if __name__ == "__main__":
    main()
