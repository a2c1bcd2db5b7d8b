"""A benchmark whose numbers are written by hand: two datasets, four rows, two seeds; nothing is trained."""

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml

CASES = ("case_a", "case_b", "case_c")
COLUMNS = ("case_id", "class", "metric", "value", "unit", "status")


def write_csv(path, columns, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)


def write_scores(folder: Path, dice: dict[str, float], unit: str = "voxel") -> None:
    """Dice as given, 95HD and ASD that follow from it by hand-made rules, so that they differ by case."""
    values = {
        "dice": (lambda d: d, "fraction"),
        "jaccard": (lambda d: d / (2 - d), "fraction"),
        "hd95": (lambda d: 20 * (1 - d), unit),
        "asd": (lambda d: 5 * (1 - d), unit),
    }
    rows = [
        {
            "case_id": case,
            "class": "organ",
            "metric": metric,
            "value": rule(score),
            "unit": of,
            "status": "ok",
        }
        for case, score in dice.items()
        for metric, (rule, of) in values.items()
    ]
    write_csv(folder / "per_case.csv", COLUMNS, rows)


def box(low, high, shape=(12, 10, 8)):
    label = np.zeros(shape, dtype=np.uint8)
    label[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = 1
    return label


def write_nifti(path: Path, array, spacing=(1.0, 1.0, 2.0)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, np.diag([*spacing, 1.0])), path)


@dataclass
class Fake:
    """A benchmark folder under construction."""

    root: Path
    plan: dict = field(default_factory=dict)
    write_scores = staticmethod(write_scores)

    def write_plan(self, **changes) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.plan |= changes
        (self.root / "plan.yaml").write_text(yaml.safe_dump(self.plan, sort_keys=False))

    def path(self, dataset="few", row="alc", seed=0) -> Path:
        return self.root / "runs" / dataset / row / f"seed-{seed}"

    def add_run(self, dataset="few", row="alc", seed=0, *, dice=None, config=None, **record) -> Path:
        """A finished run with these Dice values, by case in the order of `CASES`."""
        path = self.path(dataset, row, seed)
        entry = next(entry for entry in self.plan["rows"] if entry["row"] == row)
        content = {
            "dataset": dataset, "row": row, "method": entry["method"], "labels": entry["labels"],
            "seed": seed, "settings": {}, "status": "done", "error": None, "hq_cases": 2, "lq_cases": 6,
            "test_cases": len(CASES), "hardware": "abacus", "commit": "abc1234", "steps": 100,
            "train_s": 60.0, "peak_memory_mib": 2048, "peak_gpu_memory_mib": None, "parameters": 500_000,
            "validation_dice": 0.5, **record,
        }  # fmt: skip
        path.mkdir(parents=True, exist_ok=True)
        (path / "record.json").write_text(json.dumps(content))
        if content["status"] == "done":
            write_scores(path / "eval", dict(zip(CASES, dice or (0.8, 0.7, 0.6), strict=True)))
            method = {"name": entry["method"], "select_fraction": 0.5, "alpha": 5.0, "beta": 1.0}
            settings = {"method": method | (config or {}), "data": {"lq_batch": 20}, "seed": seed}
            (path / "config.yaml").write_text(yaml.safe_dump(settings))
        return path

    def add_images(self, dataset="few") -> None:
        """Three test cases, two noisy training cases, and predictions of every finished run."""
        root = self.root / "datasets" / dataset
        rng = np.random.default_rng(0)
        names = {
            "labels": {"background": 0, "organ": 1},
            "channel_names": {"0": "MR"},
            "file_ending": ".nii.gz",
        }
        root.mkdir(parents=True, exist_ok=True)
        (root / "dataset.json").write_text(json.dumps(names | {"numTraining": 2}))
        lines = []
        clean = box((3, 3, 2), (9, 7, 6))
        noisy = {"train_a": box((2, 2, 1), (10, 8, 7)), "train_b": box((4, 4, 2), (8, 6, 6))}
        for case, label in noisy.items():
            write_nifti(root / f"imagesTr/{case}_0000.nii.gz", rng.random(clean.shape, dtype=np.float32))
            write_nifti(root / f"labelsTr/{case}.nii.gz", label)
            write_nifti(root / f"labelsClean/{case}.nii.gz", clean)
            lines.append({"case_id": case, "quality": "lq", "split": "train"})
        for case in CASES:
            write_nifti(root / f"imagesTs/{case}_0000.nii.gz", rng.random(clean.shape, dtype=np.float32))
            write_nifti(root / f"labelsTs/{case}.nii.gz", clean)
            lines.append({"case_id": case, "quality": "hq", "split": "test"})
        columns = ("case_id", "quality", "split", "group", "source")
        write_csv(root / "cases.csv", columns, [dict.fromkeys(columns, "") | line for line in lines])
        noise = {
            "train_a": {"operation": "dilate", "size": 3, "unit": "voxel", "dice_to_clean": 0.4},
            "train_b": {"operation": "erode", "size": 3, "unit": "voxel", "dice_to_clean": 0.29},
        }
        (root / "noise.json").write_text(json.dumps(noise))
        for run in self.root.glob(f"runs/{dataset}/*/seed-*/eval"):
            for case in CASES:
                write_nifti(run.parent / "pred" / f"{case}.nii.gz", box((3, 3, 2), (8, 7, 6)))

    def add_pseudo_labels(self, dataset="few", seed=0, *, gain=0.05) -> None:
        """Two cases, three steps; only the first patch of a case is selected."""
        columns = ("step", "patch", "case_id", "selected", "uncertainty", "dice_given", "dice_generated",
                   "dice_mean", "dice_refined")  # fmt: skip
        rows = [
            (step, patch, case, 1 - patch % 2, 0.1, 0.5, made, made, made + gain)
            for step, made in ((10, 0.3), (20, 0.5), (30, 0.7))
            for patch, case in enumerate(("train_a", "train_a", "train_b", "train_b"))
        ]
        lines = [dict(zip(columns, row, strict=True)) for row in rows]
        write_csv(self.path(dataset, "alc", seed) / "pseudo_labels.csv", columns, lines)


DATASET = {"preset": "la", "halve": False}
DICE = {
    "mean_teacher": (0.70, 0.60, 0.50),
    "alc_wo_lr": (0.78, 0.69, 0.57),
    "alc": (0.80, 0.70, 0.60),
    "oracle": (0.90, 0.90, 0.90),
}
"""Of seed 0 on `few`; seed 1 has 0.02 more, `more` has 0.05 more."""


@pytest.fixture
def empty(tmp_path) -> Fake:
    """A plan without any run."""
    fake = Fake(tmp_path / "bench")
    rows = [
        {"row": "mean_teacher", "title": "Mean Teacher", "method": "mean_teacher"},
        {"row": "alc_wo_lr", "title": "ALC w/o LR", "method": "alc_wo_lr"},
        {"row": "alc", "title": "ALC", "method": "alc"},
        {"row": "oracle", "title": "V-Net, all labels clean", "method": "hl_sup", "labels": "clean"},
    ]
    fake.write_plan(
        title="Toy <benchmark>",
        datasets={
            "few": DATASET | {"title": "Toy, 10 % HQ", "hq_percent": 10},
            "more": DATASET | {"title": "Toy, 20 % HQ", "hq_percent": 20},
        },
        rows=[{"labels": "given", "set": {}, "reference": None} | row for row in rows],
        seeds=[0, 1],
        evaluate={"protocol": "paper", "window": "lineage", "split": "test"},
        reference="table2",
    )
    return fake


@pytest.fixture
def fake(empty) -> Fake:
    """All runs of the plan, their scores by hand."""
    for dataset, more in (("few", 0.0), ("more", 0.05)):
        write_scores(empty.root / "datasets" / dataset / "given-eval", {"train_a": 0.4, "train_b": 0.3})
        for row, values in DICE.items():
            for seed in (0, 1):
                dice = [round(value + 0.02 * seed + more, 4) for value in values]
                empty.add_run(dataset, row, seed, dice=dice)
    return empty
