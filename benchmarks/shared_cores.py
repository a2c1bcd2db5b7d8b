"""Trainings and threads on quiet and on busy cores: `python benchmarks/shared_cores.py`.

Prints the wall and CPU seconds of a step of ALC (preset `hippocampus`, 2 + 4 patches) with one thread, and
with two that wait as OpenMP does, as `alcseg` has them, or asleep; then of two trainings side by side with a
thread each; and the steps that all trainings of a way did in a second. Each is a process of its own, since
OpenMP reads how to wait when it is loaded. Rounds take turns, medians count. Run it beside other work and
without.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

STEPS = 6
ROUNDS = 3
AS_ALCSEG = {"GOMP_SPINCOUNT": "20000"}
WAYS: dict[str, tuple[int, int, dict[str, str]]] = {
    "one training, one thread": (1, 1, {}),
    "two threads, as OpenMP waits": (1, 2, {}),
    "two threads, as alcseg waits": (1, 2, AS_ALCSEG),
    "two threads that never spin": (1, 2, {"OMP_WAIT_POLICY": "passive"}),
    "two trainings, one thread each": (2, 1, AS_ALCSEG),
}
"""Trainings, threads of each, and what OpenMP is told."""


def main() -> None:
    """Print the table."""
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print("| | wall, s | CPU, s | steps a second |\n|---|---|---|---|")
    found: dict[str, list[tuple[float, float]]] = {words: [] for words in WAYS}
    for _ in range(ROUNDS):
        for words, way in WAYS.items():
            found[words].append(step_of(*way))
    for words, rounds in found.items():
        wall, cpu = (statistics.median(values) for values in zip(*rounds, strict=True))
        print(f"| {words} | {wall:.2f} | {cpu:.2f} | {WAYS[words][0] / wall:.2f} |")


def step_of(trainings: int, threads: int, variables: dict[str, str]) -> tuple[float, float]:
    """Wall and CPU seconds of a step, the mean over trainings side by side."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_"))}
    side_by_side = [
        subprocess.Popen(
            [sys.executable, __file__, str(threads)], env=clean | variables, stdout=subprocess.PIPE, text=True
        )
        for _ in range(trainings)
    ]
    told = [process.communicate()[0].split() for process in side_by_side]
    wall, cpu = (statistics.mean(map(float, values)) for values in zip(*told, strict=True))
    return wall, cpu


def timed(threads: int) -> str:
    """Medians of a few steps."""
    sys.path.insert(0, str(Path(__file__).parent / "speed"))
    import torch
    from steps import method_for, patches

    torch.set_num_threads(threads)
    method = method_for((32, 48, 32), 3)
    batch = {"hq": patches((32, 48, 32), 3, 2, 0), "lq": patches((32, 48, 32), 3, 4, 1)}
    optimizers = method.configure_optimizers()
    method.take_step(batch, optimizers)
    wall, cpu = [], []
    for _ in range(STEPS):
        started, used = time.perf_counter(), time.process_time()
        method.take_step(batch, optimizers)
        wall.append(time.perf_counter() - started)
        cpu.append(time.process_time() - used)
    return f"{statistics.median(wall):.3f} {statistics.median(cpu):.3f}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(timed(int(sys.argv[1])))
    else:
        main()
