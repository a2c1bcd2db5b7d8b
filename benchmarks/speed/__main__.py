"""Race hot paths against their peers: `python benchmarks/speed` writes results/performance.md."""

import argparse
import math
import os
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # before NumPy and torch are imported

import confident
import cubes
import grids
import looks
import patches
import scores
import steps
import torch
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from race import Curve, Result

from alcseg import machine

PATHS = {
    "evaluate": scores,
    "distances and components": grids,
    "noise": cubes,
    "confident learning": confident,
    "training step": steps,
    "patches from disk": patches,
    "correct": looks,  # last: no training may follow OpenVINO in one process
}
"""Each has `paths()`, what is raced, and `growths()`, what is drawn."""

BOUNDS = """
## What bounds the rest

- *evaluate, far surfaces*: lines are looked up by distance, so the work grows with its square: a label
  that is 4 voxels off everywhere costs 69 lines for each voxel before a quarter is done, one 2 voxels off 13.
  Of 26 ms of the atrium 4 voxels too large the 4.6 million look-ups take 15, the distances along the first
  axis 3. That is 3.3 ns a look-up; in a loop by themselves these operations take 1.9 ns, half of it the read,
  from planes of 18 kB that the first cache holds. 25 times MedPy would be 18 ms.
- *evaluate, a large pair*: an organ of 5.8 million voxels in 512x512x400, all metrics: 1.3 to 1.5 s of CPU
  before classes were looked for outside of the background only, 0.46 to 0.48 s since (2026-11-28).
- *evaluate, small cases*: a class costs a hundred calls of NumPy whatever its size, 0.4 ms (before lines were
  looked up many at once, dd82a75, 0.85 ms and 12.3 times MedPy). One process; `evaluate` uses no second one.
- *confident learning*: labels and probabilities of a million voxels are 24 MB for two classes and 40 MB for
  four, which one thread copies in 1 to 3 ms. Of 16 ms for two classes the gathering of each class's voxels
  takes 4, positions of masks 3, comparisons between passes the rest; 40 times cleanlab would be 9 ms. Of 38
  ms for four classes by noise rate gathering takes 14, since cleanlab's rows of K probabilities are read
  column by column: from columns in one piece, as patches have them, 700,000 values take 0.5 to 1 ms, from
  rows 3. So they are gathered by blocks that a cache holds, since commit 91cf686: on an AMD EPYC 2 classes
  take 14.0 ms for 15.9 before, 4 classes 22 for 31, by noise rate 30 for 39. Of the 14 for two classes
  gathering still takes 3.3, positions of masks 2 to 3, ranks 3.4, the confident joint 2.1, predictions 1.4;
  each of these steps passes over 8 MB or more at what one thread reads, 25 GB/s.
- *components*: an organ in one piece is found 4.1 times as fast as by SciPy. Specks, a quarter of 2.3 million
  voxels in 172,544 pieces, take 11 ms for SciPy's 19, of which counting the voxels would take 0.1 and writing
  the numbers 0.2: the joining of pieces is what both spend their time on, and neither has much of a lead.
- *training step*: 50.5 GFLOP in 0.85 s of CPU time. A 3x3x3 convolution of 8 filters does 82 GFLOP/s, of
  16 and 32 filters 161 and 214, a matrix product 153: the convolutions of oneDNN, the same either way,
  are the larger part, and what moves memory the rest. On AVX2 alone (`ONEDNN_MAX_CPU_ISA=AVX2
  ATEN_CPU_CAPABILITY=avx2`) the step was 1.3 times (1.1-1.3) as fast as the lineage's in three rounds, as
  in the table's; 1.5 is missed.
- *training step, the five largest items* by torch's profiler: of the lineage's convolutions 38 %, their
  gradients 15 %, batch normalization 13 %, argmax 6 %, biases and reorders of convolutions 5 %; of ours,
  before its head went to oneDNN, convolutions 34 %, their gradients 20 %, batch normalization 10 % and
  its gradients 5 %, copies 4 %.
- *training step in bfloat16*: with AVX512-bf16 and no AMX it depends on the processor. On an Intel Xeon a
  convolution in bfloat16 is 0.63 times as fast as in float32 and a whole step slower, so `auto` trains in
  float32. On an AMD EPYC it is 1.5 times as fast, `auto` trains in bfloat16, and the step of the table
  takes 0.44 s where the lineage's loop takes 0.75 s: **1.7 times** (1.70 to 1.72 in three rounds, the same
  loss to 0.01; ours in float32 1.25 times), CPU time of one thread beside other work, commit after 7b2370c,
  2026-11-28. Asked for were 5: missed. Of its step convolutions are 33 %, their gradients 23 %, batch
  normalization 13 % and its gradients 6 %; with 8 channels a convolution is bound by what it moves, not by
  what it multiplies. A GPU was measured, see [gpu.md](gpu.md).
- *training step, larger ones*: 2 + 4 patches of 112x112x80, 16 filters, T = 4, float32, AMD EPYC, load of 3
  to 5: 27 s for 40 s of the lineage's, **1.5 times** (1.41 to 1.52 in three rounds), with a loss that was
  off by 1e-3. Cause: where channels are last torch adds up the values of a channel one after the other, in
  float32 (`findings/torch-batch-norm-channels-last.sh`). Measured in rows of voxels
  (`networks/_batch_norm.py`) the losses are 0.8931075 and 0.8931074, by 28 s for 37 s: **1.3 times** (1.30
  and 1.32, two rounds at another load). On the table's patches they differ by 3e-7 (before: 5e-6); with 16
  filters there they are 5e-7 and 7e-7 from the loss in float64 (ours before: 3e-5). Time is as before: 4.2 s
  and 4.3 s a step on 64x64x48, in turns. Largest resident memory 6.6 GiB.
- *training step on AVX2, five largest items* (AMD EPYC, same commit): of the lineage's step convolutions 38
  %, their gradients 34 %, batch normalization 10 %, layouts around convolutions 3 %, argmax 3 %; of ours
  convolutions 38 %, their gradients 33 %, batch normalization 5 % (before: 8 %) and its gradients 3 %,
  layouts 3 %. It is 1.31 times (1.26 to 1.36) as fast. Convolutions and their gradients are 0.57 s of ours
  (0.80 s) and 0.74 s of the lineage's (1.04 s): were all else free, 1.8 times would be the most; 1.5 takes
  0.69 s, half of what is left.
- *training step, left out*: keeping freed memory in the process (`mallopt`) took 6.3 s for 6.7 s on
  64x64x48 in one run each, and 22 % more memory; large pages took longer.
- *threads on busy cores* (`benchmarks/shared_cores.py`, commit after 6725a4c, 2026-11-28): threads of OpenMP
  spin while they wait, and where others want the cores they keep each other from working. A step of ALC
  with the preset `hippocampus`, wall time: quiet, one thread 0.49 s, two 0.37 s; at a load of 11, one
  thread 2.1 s, two 20 to 45 s, two that spin as long as `alcseg` lets them 5.5 s (quiet 0.36 s), two that
  never spin 2.2 s (quiet 0.6 s). So two trainings of one thread each do 1.5 times what one of two does.
- *trainings side by side* (the same, commit after 63691c9): at a load of 14 two trainings of one thread each
  took 0.97 and 1.08 s a step, one of two threads 2.7 and 2.6 s: 5.6 and 4.8 times as many steps, in two
  rounds, both ways before other work (autogroup at -10). Quiet cores were not to be had; the 1.5 above is
  from the times of single trainings. `benchmark` and `audit` share the cores so by themselves.
- *patches from disk*: loading a batch takes 1 to 2 % of a step of ALC at every preset, so one process keeps
  up. CPU time of one thread, steps in bfloat16, AMD EPYC, `benchmarks/loader_share.py`; a step of `la` and
  `nih` is the least that it can be, reckoned from one on 1 + 1 patches:

  | preset | patches a step | loading | step | share |
  |---|---|---|---|---|
  | audit | 2 + 4 of 32x48x32 from 48x64x48 | 4.8 ms | 0.33 s | 1.5 % |
  | demo | 2 + 4 of 32x32x32 from 40x40x40 | 3.3 ms | 0.24 s | 1.4 % |
  | hippocampus | 2 + 4 of 32x48x32 from 36x50x36 | 3.4 ms | 0.34 s | 1.0 % |
  | la | 4 + 20 of 112x112x80 from 240x180x88 | 227 ms | at least 13.6 s | at most 1.7 % |
  | la-half | 2 + 4 of 64x64x48 from 120x90x44 | 28 ms | 2.2 s | 1.3 % |
  | nih | 4 + 20 of 96x96x96 from 400x300x220 | 135 ms | at least 11.8 s | at most 1.1 % |

  On a GPU, where 4 + 20 patches take 0.29 s ([gpu.md](gpu.md)), the same batch of `la` takes 0.8 of a step,
  so one worker (`--workers`) keeps up there, and hardly more.
- *correct*: looking at an atrium of 183x140x88 (12 windows of 112x112x80 in each of five predictions, 16
  filters, OpenVINO) takes 25.0 s, the lineage 238 s (45 windows each, reckoned from 4): **9.6 times** (9.1
  to 9.7 in three rounds), asked for were 10. A window takes 0.40 s by OpenVINO and 1.11 s by torch,
  contiguous, so windows alone would be 10.0 times; 1.2 s goes into fusing, preparing and translating. The
  whole command, with start-up and two trusted cases, one of which chose between student and teacher
  (`benchmarks/correct_speed.py`, three cases, three rounds): 107.6 s; commit b1f9c7b with the same weights
  156.9 s, **1.46 times** (1.44 to 1.49) as long, asked for: 2; the lineage's predictions of these three
  cases 797 s, **7.4 times** (7.3 to 7.6). Of 228 windows that ours computes 48 choose the network, half of
  them for the second time, and some 8 s are start-up; b1f9c7b takes no choice. With many cases both shares
  fall.
- *processes*: a training of the preset `hippocampus` on one and on two processes of one thread (gloo, the
  same patches in all, `benchmarks/processes.py`, two rounds) takes 0.40 and 0.57 s of CPU time a step in
  all, 0.29 s each. Passes are shared out; the losses of all patches are formed in each process, and
  gathered by gloo. 790 and 789 MiB are resident in each, of which libraries are more than half.

## Starting a command

CPU time of the whole process, one thread, compiled modules kept, same machine and date; three calls each.

| | asked for | before | commit 053486c |
|---|---|---|---|
| `alcseg --help` | 0.3 s | 0.06-0.08 s | 0.06-0.08 s |
| `alcseg methods` | 1 s | 2.8-3.0 s | 0.4-0.5 s |
| `alcseg check` of ten hippocampi | 1.5 s | 1.0-1.1 s | unchanged |

`methods` imports torch only where its list is not kept beside the compiled modules: at the first call,
where Python may write none, and where other packages add methods or networks.

## Import and check

`benchmarks/import_check.py`, CPU time of whole processes on one thread and their largest resident memory,
201 hippocampi, **one round**, same machine and date, commit 046ae3d; nnU-Net 2.8.1 checks integrity and
extracts its fingerprint, which samples intensities as well.

| | start-up alone | the whole | memory |
|---|---|---|---|
| nnU-Net | 3.8 s | 18.4 s | 1555 MiB |
| alcseg import, then check | 0.9 s | 4.4 s, **4.2** times faster (asked for: 2) | 98 MiB (asked for: 1 GiB) |

A thousand cases, the 201 again and again with noise in the image (2 % of its standard deviation) and 20 other
voxels in the label, **one round**, commit dd82a75672a7, load of 18:

| | start-up alone | the whole | memory |
|---|---|---|---|
| nnU-Net | 3.0 s | 35.0 s | 1537 MiB |
| alcseg import, then check | 1.1 s | 22.7 s, **1.5** times faster (asked: 2) | 109 MiB (asked: 1 GiB) |

nnU-Net samples a given number of intensities in all, so that a case of a thousand takes 32 ms and one of
201 takes 73. Since commit 1814d11 drawn voxels alone are looked at where `check` compares fits, and axis
directions are read once for cases that share them. The same thousand on an AMD EPYC, **one round**, load of
4:

| | start-up alone | the whole | memory |
|---|---|---|---|
| nnU-Net | 3.0 s | 34.1 s | 1556 MiB |
| alcseg import, then check | 1.1 s | 12.9 s, **2.6** times faster (asked: 2) | 113 MiB (asked: 1 GiB) |

The commit before takes 22.4 s where this one takes 14.8 (one round, another load). Sums of squares went
through BLAS, whose two threads wait for each other on busy cores: without `OMP_NUM_THREADS=1` a profile of
300 cases spent 14 ms on each of 3,400 such sums.
"""

RESULTS = Path(__file__).parents[2] / "results"


def main() -> None:
    """Measure what was asked for and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", default=list(PATHS), help=f"some of {', '.join(PATHS)}")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows, curves = [], []
    for name in options.paths:
        for race in PATHS[name].paths():
            rows.append(row(name, race.run()))
            print(rows[-1], flush=True)
        curves += [growth.run() for growth in PATHS[name].growths()]
    options.out.mkdir(parents=True, exist_ok=True)
    if curves:
        draw(curves).savefig(options.out / "performance.png", dpi=60)
    (options.out / "performance.md").write_text(page(rows, curves), encoding="utf-8")


def row(name: str, found: Result) -> str:
    """Of the table."""
    race = found.race
    ratio = f"**{found.ratio:.1f}** ({found.low:.1f}-{found.high:.1f})"
    return (
        f"| {name} | {race.task} | {race.peer} | {found.theirs:.3g} | {found.ours:.3g} | "
        f"{ratio} | {race.asked:g} | {found.said} |"
    )


def page(rows: list[str], curves: list[Curve]) -> str:
    """results/performance.md."""
    growth = [
        f"| {curve.growth.task} | {curve.growth.along} | {curve.growth.sizes[0]} to {curve.growth.sizes[-1]} "
        f"| {slope(curve.growth.sizes, curve.seconds):.1f} | {curve.growth.slope:g} "
        f"| {slope(curve.growth.sizes, curve.mib):.1f} | {curve.growth.memory_slope:g} |"
        for curve in curves
    ]
    return "\n".join(
        [
            "# Performance\n",
            "Ours beside a peer's way, on the same data in the same run: CPU time of one thread, in turns.",
            "The ratio is the median of five rounds, with the least and the largest. Answers are compared",
            "before anything is timed.\n",
            "| | |\n|---|---|",
            "| command | `make bench` |",
            f"| commit | {machine.commit()} |",
            f"| hardware | {machine.processor()}, one thread, other work on the machine |",
            f"| date | {machine.timestamp()[:10]} |\n",
            "| path | task | peer | peer, s | ours, s | times faster | asked for | answers |",
            "|---|---|---|---|---|---|---|---|",
            *rows,
            "\n## Growth\n",
            "Exponents between the two largest sizes, found and expected; memory is the peak of what NumPy",
            "and Python allocate, without what torch does.\n",
            "| task | along | sizes | time | expected | memory | expected |",
            "|---|---|---|---|---|---|---|",
            *growth,
            "\n![Time and memory against size](performance.png)",
            BOUNDS,
        ]
    )


def slope(sizes, values) -> float:
    """Exponent between the two largest sizes."""
    return math.log(values[-1] / values[-2]) / math.log(sizes[-1] / sizes[-2])


def draw(curves: list[Curve]) -> Figure:
    """A panel per curve: time and memory, and the slopes that were expected."""
    columns = 3
    lines = -(-len(curves) // columns)
    figure = Figure(figsize=(4 * columns, 3 * lines), layout="constrained")
    for panel, curve in zip(figure.subplots(lines, columns, squeeze=False).flat, curves, strict=False):
        growth, sizes = curve.growth, curve.growth.sizes
        for values, expected, color, what in (
            (curve.seconds, growth.slope, "C0", "CPU s"),
            (curve.mib, growth.memory_slope, "C1", "MiB"),
        ):
            panel.loglog(sizes, values, "o-", color=color, label=what)
            panel.loglog(
                sizes,
                [values[-1] * (size / sizes[-1]) ** expected for size in sizes],
                "--",
                color=color,
                alpha=0.5,
            )
        panel.set_title(growth.task, fontsize=9)
        panel.set_xlabel(growth.along, fontsize=8)
        panel.set_xticks(sizes, [str(size) for size in sizes])
        panel.minorticks_off()
        panel.tick_params(labelsize=8)
        panel.margins(y=0.15)
    if curves:
        handles, labels = figure.axes[0].get_legend_handles_labels()
        dashed = Line2D([], [], color="0.5", linestyle="--")
        figure.legend(
            [*handles, dashed], [*labels, "expected"], loc="outside lower center", ncols=3, fontsize=9
        )
    for panel in figure.axes[len(curves) :]:
        panel.set_axis_off()
    return figure


if __name__ == "__main__":
    main()
