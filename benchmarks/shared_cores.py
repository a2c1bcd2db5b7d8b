"""Threads of a training step on quiet and on busy cores: `python benchmarks/shared_cores.py`.

Prints the wall and CPU seconds of a step of ALC (preset `hippocampus`, 2 + 4 patches) with one thread, and
with two that wait as OpenMP does, as `alcseg` has them, or asleep; each in a process of its own, since OpenMP
reads how to wait when it is loaded. Run it beside other work and without.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

STEPS = 4
WAYS = {
    "one thread": (1, {}),
    "two, as OpenMP waits": (2, {}),
    "two, as alcseg waits": (2, {"GOMP_SPINCOUNT": "20000"}),
    "two that never spin": (2, {"OMP_WAIT_POLICY": "passive"}),
}


def main() -> None:
    """Print the table."""
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n\n| | wall, s | CPU, s |\n|---|---|---|")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_"))}
    for words, (threads, variables) in WAYS.items():
        told = subprocess.run(
            [sys.executable, __file__, str(threads)],
            env=clean | variables,
            capture_output=True,
            text=True,
            check=True,
        )
        print(f"| {words} | {told.stdout.strip()} |", flush=True)


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
    return f"{statistics.median(wall):.2f} | {statistics.median(cpu):.2f}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(timed(int(sys.argv[1])))
    else:
        main()
