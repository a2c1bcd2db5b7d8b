"""A benchmark whose numbers are written by hand: two datasets, four rows, two seeds; nothing is trained.

Every file is written by its record, so that a key that is renamed there is renamed here.
"""

from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from alcseg.records.benchmark_plan import BenchmarkPlan
from alcseg.records.benchmark_run import BenchmarkRecord
from alcseg.records.cases import CaseRow
from alcseg.records.dataset import DatasetRecord
from alcseg.records.noise import NoiseEntry, NoiseManifest
from alcseg.records.pseudo_labels import PseudoLabelRow
from alcseg.records.scores import ScoreRow
from alcseg.records.settings import ChosenMethod, DataSettings, RunSettings
from alcseg.records.summary import EvaluationSummary, Statistics

CASES = ("case_a", "case_b", "case_c")


def write_evaluation(folder: Path, dice: dict[str, float], unit: str = "voxel", more=None) -> None:
    """Dice as given, 95HD and ASD that follow from it by hand-made rules, so that they differ by case.

    `more` metrics: name to rule and unit.
    """
    rules = {
        "dice": (lambda d: d, "fraction"),
        "jaccard": (lambda d: d / (2 - d), "fraction"),
        "hd95": (lambda d: 20 * (1 - d), unit),
        "asd": (lambda d: 5 * (1 - d), unit),
    } | (more or {})
    rows = [
        ScoreRow(case_id=case, class_name="organ", metric=metric, value=rule(score), unit=of, status="ok")
        for case, score in dice.items()
        for metric, (rule, of) in rules.items()
    ]
    statistics = {
        metric: Statistics(
            mean=fmean(row.value for row in rows if row.metric == metric), std=None, median=None,
            interval_95=(None, None), n=len(dice), n_missed=0, n_spurious=0, n_undefined=0,
        )
        for metric in rules
    }  # fmt: skip
    summary = EvaluationSummary(
        protocol="mm" if unit == "mm" else "paper",
        pred="pred",
        truth="truth",
        classes={"organ": 1},
        n_cases=len(dice),
        units={metric: of for metric, (_, of) in rules.items()},
        foreground_mean=statistics,
        per_class={"organ": statistics},
    )
    ScoreRow.write(folder, rows)
    summary.write(folder)


def box(low, high, shape=(12, 10, 8)):
    label = np.zeros(shape, dtype=np.uint8)
    label[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = 1
    return label


def write_nifti(path: Path, array, spacing=(1.0, 1.0, 2.0)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, np.diag([*spacing, 1.0])), path)


@dataclass
class BenchmarkFolder:
    """A benchmark folder under construction."""

    root: Path
    plan: dict[str, Any] = field(default_factory=dict)

    def write_plan(self, **changes) -> None:
        self.plan |= changes
        BenchmarkPlan.model_validate(self.plan).write(self.root)

    def path(self, dataset="few", row="alc", seed=0) -> Path:
        return self.root / "runs" / dataset / row / f"seed-{seed}"

    def dataset(self, name="few") -> Path:
        return self.root / "datasets" / name

    def add_run(self, dataset="few", row="alc", seed=0, *, dice=None, config=None, **changes) -> Path:
        """A finished run with these Dice values, by case in the order of `CASES`."""
        path = self.path(dataset, row, seed)
        planned = next(entry for entry in BenchmarkPlan.read(self.root).rows if entry.row == row)
        known = {
            "dataset": dataset, "row": row, "method": planned.method, "labels": planned.labels,
            "seed": seed, "status": "done", "hq_cases": 2, "lq_cases": 6, "test_cases": len(CASES),
            "hardware": "abacus", "commit": "abc1234", "steps": 100, "train_s": 60.0,
            "peak_memory_mib": 2048.0, "parameters": 500_000, "validation_dice": 0.5,
        }  # fmt: skip
        record = BenchmarkRecord(**known | changes)
        record.write(path)
        if record.done:
            write_evaluation(path / "eval", dict(zip(CASES, dice or (0.8, 0.7, 0.6), strict=True)))
            arguments = {"select_fraction": 0.5, "alpha": 5.0, "beta": 1.0} | (config or {})
            method = ChosenMethod(name=planned.method, **arguments)
            data = DataSettings(lq_batch=20, cache=f"cache-of-{row}")
            RunSettings(method=method, data=data, seed=seed).write(path)
        return path

    def add_row(self, dice: float, *, method="alc", **config) -> None:
        """One more row with these settings and this mean Dice on `few`, alone with others of its kind."""
        rows = self.plan["rows"] if self.plan["seeds"] == [0] else []
        name = f"row-{len(rows)}"
        rows = [*rows, {"row": name, "title": name, "method": method}]
        self.write_plan(rows=rows, reference=None, seeds=[0])
        self.add_run("few", name, 0, dice=(dice - 0.1, dice, dice + 0.1), config=config)

    def add_images(self, dataset="few") -> None:
        """Three test cases, two noisy training cases, and predictions of every finished run."""
        root = self.dataset(dataset)
        rng = np.random.default_rng(0)
        labels = {"background": 0, "organ": 1}
        DatasetRecord(name=dataset, channel_names={"0": "MR"}, labels=labels, num_training=2).write(root)
        rows = []
        clean = box((3, 3, 2), (9, 7, 6))
        noisy = {"train_a": box((2, 2, 1), (10, 8, 7)), "train_b": box((4, 4, 2), (8, 6, 6))}
        for case, label in noisy.items():
            write_nifti(root / f"imagesTr/{case}_0000.nii.gz", rng.random(clean.shape, dtype=np.float32))
            write_nifti(root / f"labelsTr/{case}.nii.gz", label)
            write_nifti(root / f"labelsClean/{case}.nii.gz", clean)
            rows.append(CaseRow(case_id=case, quality="lq"))
        for case in CASES:
            write_nifti(root / f"imagesTs/{case}_0000.nii.gz", rng.random(clean.shape, dtype=np.float32))
            write_nifti(root / f"labelsTs/{case}.nii.gz", clean)
            rows.append(CaseRow(case_id=case, split="test"))
        CaseRow.write(root, rows)
        self.write_noise(
            {
                "train_a": NoiseEntry(operation="dilate", size=3, unit="voxel", dice_to_clean=0.4),
                "train_b": NoiseEntry(operation="erode", size=3, unit="voxel", dice_to_clean=0.29),
            },
            dataset,
        )
        for run in self.root.glob(f"runs/{dataset}/*/seed-*/eval"):
            for case in CASES:
                write_nifti(run.parent / "pred" / f"{case}.nii.gz", box((3, 3, 2), (8, 7, 6)))

    def write_noise(self, entries: dict[str, NoiseEntry], dataset="few") -> None:
        NoiseManifest(cases=entries).write(self.dataset(dataset))

    def add_pseudo_labels(self, dataset="few", seed=0, *, gain=0.05, **changes) -> None:
        """Two cases, three steps; the first patch of a case is selected, the second perfect and left out.

        `changes` are of the first line.
        """
        perfect = dict.fromkeys(("given", "generated", "mean", "refined"), 1.0)
        rows = []
        for step, made in ((10, 0.3), (20, 0.5), (30, 0.7)):
            quality = {"given": 0.5, "generated": made, "mean": made, "refined": made + gain}
            for patch, case in enumerate(("train_a", "train_a", "train_b", "train_b")):
                chosen = {"selected": 0, **perfect} if patch % 2 else {"selected": 1, **quality}
                rows.append(PseudoLabelRow(step=step, patch=patch, case_id=case, uncertainty=0.1, **chosen))
        rows[0] = rows[0].model_copy(update=changes)
        PseudoLabelRow.write(self.path(dataset, "alc", seed), rows)


DATASET = {"preset": "la", "corrupt": {"hq_first": 2}}
DICE = {
    "mean_teacher": (0.70, 0.60, 0.50),
    "alc_wo_lr": (0.78, 0.69, 0.57),
    "alc": (0.80, 0.70, 0.60),
    "oracle": (0.90, 0.90, 0.90),
}
"""Of seed 0 on `few`; seed 1 has 0.02 more, `more` has 0.05 more."""


@pytest.fixture
def empty(tmp_path) -> BenchmarkFolder:
    """A plan without any run."""
    folder = BenchmarkFolder(tmp_path / "bench")
    folder.write_plan(
        title="Toy <benchmark>",
        datasets={
            "few": DATASET | {"title": "Toy, 10 % HQ", "hq_percent": 10},
            "more": DATASET | {"title": "Toy, 20 % HQ", "hq_percent": 20},
        },
        rows=[
            {"row": "mean_teacher", "title": "Mean Teacher"},
            {"row": "alc_wo_lr", "title": "ALC w/o LR"},
            {"row": "alc", "title": "ALC"},
            {"row": "oracle", "title": "V-Net, all labels clean", "method": "hl_sup", "labels": "clean"},
        ],
        seeds=[0, 1],
        evaluate={"protocol": "paper", "window": "lineage", "split": "test"},
        reference="table2",
    )
    return folder


@pytest.fixture
def fake(empty) -> BenchmarkFolder:
    """All runs of the plan, their scores by hand."""
    for dataset, more in (("few", 0.0), ("more", 0.05)):
        write_evaluation(empty.dataset(dataset) / "given-eval", {"train_a": 0.4, "train_b": 0.3})
        for row, values in DICE.items():
            for seed in (0, 1):
                dice = [round(value + 0.02 * seed + more, 4) for value in values]
                empty.add_run(dataset, row, seed, dice=dice)
    return empty
