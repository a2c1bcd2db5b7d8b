"""Hippocampi of which a class was not drawn in every second training label: does it help to say so?

    python benchmarks/incomplete_labels.py DATA OUT --missing posterior --steps 250 --seeds 0

DATA is the folder with Task04_Hippocampus. Missing is the posterior class, or either of both by turns. What
is left is learned at face value and with `classes_drawn`, by HL-Sup with the preset `hippocampus`. What is
done stays: call it again to go on.
"""

import argparse
import csv
from pathlib import Path

import alcseg
from alcseg.data.writer import write_label
from alcseg.files import link_or_copy

SPLITS = {"val_fraction": 0.1, "test_fraction": 0.2, "seed": 0}
DRAWN = {"posterior": ("Anterior",), "turns": ("Anterior", "Posterior")}
"""What is missing to what is left, by turns, in every second label."""


def main() -> None:
    """Make the datasets, train, predict and score."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--missing", choices=DRAWN, default="posterior")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    words = parser.parse_args()
    source, place = words.data / "Task04_Hippocampus", words.out / words.missing
    if not (words.out / "full").exists():
        alcseg.import_dataset(source, words.out / "full", **SPLITS)
    full = alcseg.Dataset.open(words.out / "full")
    if not (place / "told").exists():
        make_datasets(source, full, DRAWN[words.missing], place)
    for seed in words.seeds:
        for name in ("untold", "told"):
            found = scored(place / name, full, words.steps, seed)
            scores = [found.mean("dice", which) for which in (None, "Anterior", "Posterior")]
            print(f"{name}, seed {seed}: Dice, Anterior, Posterior, HD95 (mm)", flush=True)
            print(*(f"{value:.4f}" for value in [*scores, found.mean("hd95")]), flush=True)


def make_datasets(source: Path, full: alcseg.Dataset, left: tuple[str, ...], place: Path) -> None:
    """`untold` and `told`, whose images and labels are the same."""
    training = [row.case_id for row in full.rows_where(split="train")]
    drawn = {case_id: left[turn % len(left)] for turn, case_id in enumerate(training[1::2])}
    for row in full.rows:
        name = f"{row.case_id}.nii.gz"
        link_or_copy(source / "imagesTr" / name, place / "source" / "imagesTr" / name)
        target = place / "source" / "labelsTr" / name
        if row.case_id in drawn:
            label = full.read_label(row.case_id)
            kept = full.labels[drawn[row.case_id]]
            write_label(target, label.array * (label.array == kept), label)
        else:
            link_or_copy(source / "labelsTr" / name, target)
    link_or_copy(source / "dataset.json", place / "source" / "dataset.json")
    with (place / "drawn.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("case_id", "classes_drawn"), *drawn.items()])
    alcseg.import_dataset(place / "source", place / "untold", **SPLITS)
    alcseg.import_dataset(place / "source", place / "told", classes_drawn=place / "drawn.csv", **SPLITS)


def scored(dataset: Path, full: alcseg.Dataset, steps: int, seed: int) -> alcseg.Evaluation:
    """Of the network that was trained on a dataset, on the test cases."""
    place = dataset.with_name(f"{dataset.name}-{steps}-{seed}")
    settings = [f"trainer.steps={steps}", f"trainer.validate_every={steps // 2}"]
    run = alcseg.train(
        dataset, method="hl_sup", preset="hippocampus", seed=seed, set=settings, out=place / "run"
    )
    if not (place / "scores").exists():
        predictions = alcseg.predict(run, full.root / "imagesTs", out=place / "predictions")
        alcseg.evaluate(predictions, full.root / "labelsTs", dataset=full, out=place / "scores")
    return alcseg.Evaluation.open(place / "scores")


if __name__ == "__main__":
    main()
