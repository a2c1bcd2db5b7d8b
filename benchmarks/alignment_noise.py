"""How good aligned labels are under every noise model.

    python benchmarks/alignment_noise.py RUN DATASET

Labels of the validation cases, which the run has not seen, are corrupted by each model, three times over, at
its default size in percent of the organ; the network of RUN, its teacher where it has one, aligns them.
Prints mean Dice against the clean labels, over cases and classes; `by set` is what `alcseg correct` does. How
the network sees clean labels comes from the other validation cases.
"""

import sys
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
import torch

from alcseg.correction.alignment import (
    TOLERANCE,
    CleanLabels,
    errs_by_offset,
    see_label,
    set_tolerance,
)
from alcseg.correction.offsets import Offsets
from alcseg.correction.proposals import propose
from alcseg.data.case import CaseVolumes, Volume
from alcseg.data.folder import Dataset
from alcseg.data.preprocess import preprocess_label
from alcseg.inference.load import load_networks
from alcseg.inference.predictor import Predictor
from alcseg.metrics.overlap import dice
from alcseg.noise import NOISE_MODELS, NoiseModel, OtherLabels, case_generator, corrupt_label
from alcseg.run import Run

SEEDS = 3


def mean_dice(label: np.ndarray, truth: np.ndarray, classes: int) -> float:
    """Mean over the foreground classes."""
    return fmean(dice(label == value, truth == value) for value in range(1, classes))


def main(run_path: str, dataset_path: str) -> None:
    """Print the table."""
    run, source = Run.open(Path(run_path)), Dataset.open(Path(dataset_path))
    networks = load_networks(run)
    predictor = Predictor(networks.teacher or networks.predict, run.plan, torch.device("cpu"))
    classes = run.plan.num_classes
    cases = [source.read(row.case_id) for row in source.rows_where(split="val")]
    predictions = [predictor.predict(predictor.prepare(case.images)) for case in cases]
    truths = [
        preprocess_label(case.label, run.plan, found.grid)
        for case, found in zip(cases, predictions, strict=True)
    ]
    seen = [
        see_label(found.probs, truth, found.grid.spacing)[0]
        for found, truth in zip(predictions, truths, strict=True)
    ]
    labels = {case.case_id: case.label for case in cases}
    print("| noise model | as given | predicted | moved | posterior | by case | by set |")
    print("|---|---|---|---|---|---|---|")
    models = {"none": None} | {name: model for name, model in NOISE_MODELS.items() if name != "mixture"}
    totals: list[list[float]] = []
    for name, model in models.items():
        rows = []
        for seed in range(SEEDS if model else 1):
            given = []
            for case, found in zip(cases, predictions, strict=True):
                noisy = case.label if model is None else corrupted(case, model, name, seed, labels)
                given.append(preprocess_label(noisy, run.plan, found.grid))
            drawn = [
                see_label(found.probs, label, found.grid.spacing)[0]
                for found, label in zip(predictions, given, strict=True)
            ]
            for index, (found, label, truth) in enumerate(zip(predictions, given, truths, strict=True)):
                clean = CleanLabels.of(Offsets.stack(seen[:index] + seen[index + 1 :]))
                pred, offsets = found.probs.argmax(0), drawn[index]
                labels_of, _ = propose(found.probs, pred, label, found.grid.spacing, clean.blur_mm, label)
                moved, weighed = labels_of["moved"], labels_of["posterior"]
                answers = [label, pred, moved, weighed]
                answers += [
                    moved if errs_by_offset(offsets, clean, tolerance) else weighed
                    for tolerance in (TOLERANCE, set_tolerance(Offsets.stack(drawn), clean))
                ]
                rows.append([mean_dice(answer, truth, classes) for answer in answers])
        totals.append([fmean(column) for column in zip(*rows, strict=True)])
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in totals[-1]) + " |", flush=True)
    means = [fmean(column) for column in zip(*totals, strict=True)]
    print("| mean | " + " | ".join(f"{value:.3f}" for value in means) + " |")


def corrupted(
    case: CaseVolumes, model: NoiseModel, name: str, seed: int, labels: dict[str, Volume]
) -> Volume:
    """The label of a case after a noise model at its default size."""
    others = OtherLabels(
        tuple(sorted(set(labels) - {case.case_id})),
        lambda case_id: (labels[case_id].array, labels[case_id].spacing),
    )
    percent = "percent" if model.amount and "percent" in model.amount.ranges else None
    array, _ = corrupt_label(
        case.label.array,
        model=model,
        size=model.amount.ranges["percent"] if percent else None,
        unit=percent,
        spacing=case.label.spacing,
        rng=case_generator(seed, f"{name}/{case.case_id}"),
        others=others,
    )
    return replace(case.label, array=array)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
