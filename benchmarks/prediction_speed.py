"""How long predict and correct take for a case, beside the way of earlier papers; what windows cost in Dice.

    python benchmarks/prediction_speed.py RUN DATASET [--cases N] [--repeats N]

`lineage` is the public UA-MT test code restated: the network in fp32 and contiguous layout, windows at
strides of 18, 18 and 4 voxels, one at a time, uniform weights; to correct, T + 1 such predictions. Times are
CPU time of one thread, the ways in turn; ratios are medians with their range. Answers are compared before
anything is timed.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from alcseg.data.case import CaseVolumes
from alcseg.data.folder import Dataset
from alcseg.inference.device import pick_device
from alcseg.inference.load import load_network
from alcseg.inference.look import look_at
from alcseg.inference.pick_engine import pick_engine
from alcseg.inference.predictor import Predictor, PreparedCase
from alcseg.inference.sliding_window import sliding_window_probabilities
from alcseg.metrics.overlap import dice
from alcseg.records.correction import Perturbation
from alcseg.run import Run

CPU = pick_device("cpu")
PASSES = 4


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("dataset")
    parser.add_argument("--cases", type=int, default=4, help="test cases behind the Dice of windows")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    run, dataset = Run.open(options.run), Dataset.open(options.dataset)
    network = load_network(run, "model", CPU)
    engines = {name: Predictor(network, run.plan, CPU, engine_name=name) for name in ("torch", "fastest")}
    contiguous = load_network(run, "model", CPU).to(memory_format=torch.contiguous_format)
    cases = [dataset.read(row.case_id) for row in dataset.rows if row.split == "test"][: options.cases]
    first = engines["torch"].prepare(cases[0].images)
    print(f"grid {tuple(first.image.shape)}, patch {run.plan.patch}, fastest: {pick_engine('fastest', CPU)}")

    def lineage() -> object:
        return sliding_window_probabilities(
            contiguous, first.image, patch=run.plan.patch, window="lineage", batch=1
        )

    labels = [engines[name].predict(first).probs.argmax(0) for name in engines]
    print(f"labels of the engines differ in {(labels[0] != labels[1]).sum()} of {labels[0].size} voxels")
    predict: dict[str, Callable[[], object]] = {
        "lineage": lineage,
        **{name: _predict(predictor, first) for name, predictor in engines.items()},
    }
    _table(f"predict {cases[0].case_id}", predict, options.repeats)
    correct: dict[str, Callable[[], object]] = {
        "lineage": lambda: [lineage() for _ in range(PASSES + 1)],
        **{name: _look(predictor, cases[0]) for name, predictor in engines.items()},
    }
    _table(f"look at {cases[0].case_id}, T = {PASSES}", correct, options.repeats)
    _windows(engines["fastest"], cases)


def _predict(predictor: Predictor, case: PreparedCase) -> Callable[[], object]:
    return lambda: predictor.predict(case)


def _look(predictor: Predictor, case: CaseVolumes) -> Callable[[], object]:
    return lambda: look_at(predictor, case, Perturbation(passes=PASSES))


def _table(what: str, ways: dict[str, Callable[[], object]], repeats: int) -> None:
    """CPU seconds, and how many times faster than the first way."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            begun = time.process_time()
            way()
            taken[name].append(time.process_time() - begun)
    base = next(iter(taken.values()))
    for name, seconds in taken.items():
        ratios = [slow / fast for slow, fast in zip(base, seconds, strict=True)]
        print(
            f"| {what} | {name} | {statistics.median(seconds):.2f} s | {statistics.median(ratios):.1f} "
            f"({min(ratios):.1f}-{max(ratios):.1f}) |"
        )


def _windows(predictor: Predictor, cases: list[CaseVolumes]) -> None:
    """Mean Dice with either window."""
    for window in ("gaussian", "lineage"):
        asked, reached = replace(predictor, window=window), []
        for case in cases:
            if case.label is None:
                continue
            found = asked.predict(asked.prepare(case.images)).label()
            reached.append(dice(found > 0, case.label.array > 0))
        print(f"| window {window} | Dice of {len(reached)} cases | {np.mean(reached):.4f} |")


if __name__ == "__main__":
    main()
