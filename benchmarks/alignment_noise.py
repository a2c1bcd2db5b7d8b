"""How good aligned labels are under every noise model.

    python benchmarks/alignment_noise.py RUN DATASET

Labels of the validation cases, which the run has not seen, are corrupted by each model at its default size;
the network of RUN, its teacher where it has one, aligns them. Prints mean Dice against the clean labels, over
cases and classes. The blur of the network comes from the clean labels of the other validation cases.
"""

import sys
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
import torch

from alcseg.correction.alignment import align, label_distances
from alcseg.correction.offsets import move_label
from alcseg.data.folder import DatasetFolder
from alcseg.data.preprocess import preprocess_label
from alcseg.inference.load import load_networks
from alcseg.inference.predictor import Predictor
from alcseg.metrics.overlap import dice
from alcseg.noise import NOISE_MODELS, case_generator, corrupt_label
from alcseg.run_folder import RunFolder


def mean_dice(label: np.ndarray, truth: np.ndarray, classes: int) -> float:
    """Mean over the foreground classes."""
    return fmean(dice(label == value, truth == value) for value in range(1, classes))


def main(run_path: str, dataset_path: str) -> None:
    """Print the table."""
    run, source = RunFolder.open(Path(run_path)), DatasetFolder.open(Path(dataset_path))
    networks = load_networks(run)
    predictor = Predictor(networks.teacher or networks.predict, run.plan, torch.device("cpu"))
    classes = run.plan.num_classes
    cases = [source.read(row.case_id) for row in source.select(split="val")]
    predictions = [predictor.predict(case.images) for case in cases]
    truths = [
        preprocess_label(case.label, run.plan, found.grid)
        for case, found in zip(cases, predictions, strict=True)
    ]
    widths = [
        align(found.probs, truth, found.grid.spacing).offsets.width_mm.mean().item()
        for found, truth in zip(predictions, truths, strict=True)
    ]
    print("| noise model | as given | predicted | moved | posterior |\n|---|---|---|---|---|")
    models = {"none": None} | {
        name: model for name, model in NOISE_MODELS.items() if not model.needs_others and name != "mixture"
    }
    for name, model in models.items():
        rows = []
        for index, (case, found, truth) in enumerate(zip(cases, predictions, truths, strict=True)):
            noisy = case.label
            if model is not None:
                array, _ = corrupt_label(
                    noisy.array,
                    model=model,
                    spacing=noisy.spacing,
                    rng=case_generator(0, f"{name}/{case.case_id}"),
                )
                noisy = replace(noisy, array=array)
            given = preprocess_label(noisy, run.plan, found.grid)
            blur = fmean(width for other, width in enumerate(widths) if other != index)
            aligned = align(found.probs, given, found.grid.spacing, blur_mm=blur)
            distance = torch.from_numpy(label_distances(given, classes, found.grid.spacing))[None]
            answers = (
                given,
                found.probs.argmax(0),
                move_label(distance, aligned.offsets.mm)[0].numpy(),
                aligned.probs.argmax(0).numpy(),
            )
            rows.append([mean_dice(answer, truth, classes) for answer in answers])
        print(
            f"| {name} | " + " | ".join(f"{fmean(column):.3f}" for column in zip(*rows, strict=True)) + " |"
        )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
