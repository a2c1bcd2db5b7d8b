"""What a training costs on one and on two processes that share its batch.

    python benchmarks/processes.py DATASET [--preset hippocampus] [--steps N] [--rounds N]

`alcseg train` runs under torchrun, on a CPU by gloo, with one thread a process and the same patches in all. A
step is what a run of twice the steps takes more, so that start-up does not count: CPU time of all processes
together, and the largest resident memory of any one. The processes take turns, one after the other.
"""

import argparse
import math
import statistics
import tempfile

from child import cost

COUNTS = (1, 2)


def main() -> None:
    """Print a line per number of processes, and the exponents."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--preset", default="hippocampus")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    step: dict[int, list[float]] = {count: [] for count in COUNTS}
    memory: dict[int, list[float]] = {count: [] for count in COUNTS}
    for _ in range(options.rounds):
        for count in COUNTS:
            less, _ = measure(options, count, options.steps)
            more, mib = measure(options, count, 2 * options.steps)
            step[count].append((more - less) / options.steps)
            memory[count].append(mib)
            print(f"{count} process(es): {step[count][-1]:.3f} s a step, {mib:.0f} MiB", flush=True)
    for what, found in (("CPU time of a step", step), ("memory of a process", memory)):
        one, two = (statistics.median(found[count]) for count in COUNTS)
        print(f"| {what} | {one:.3g} | {two:.3g} | exponent {math.log2(two / one):.2f} |")


def measure(options: argparse.Namespace, count: int, steps: int) -> tuple[float, float]:
    """CPU seconds of all processes, and MiB of the largest."""
    with tempfile.TemporaryDirectory() as folder:
        launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={count}"]
        words = ["train", options.dataset, "--preset", options.preset, "--out", f"{folder}/run", "--device"]
        words += ["cpu", "-q", "--steps", str(steps), "--set", "trainer.validate_every=0"]
        return cost(*launcher, "-m", "alcseg", *words)


if __name__ == "__main__":
    main()
