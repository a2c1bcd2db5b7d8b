"""What a correction did where the truth is known: `python benchmarks/correction_scores.py CORRECTED NOISY`.

CORRECTED is the folder of `alcseg correct`, NOISY the dataset that it corrected, with the clean labels of
spoiled cases in `labelsClean` (`alcseg corrupt`, or `benchmarks/human_faults.py`). Dice is the mean over the
foreground classes; a class that neither of two labels has counts as 1. A label is bad below 0.85.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

import alcseg
from alcseg.auditing.agreement import agreement
from alcseg.data.nifti import read_label

BAD = 0.85
POINT = 0.01


def main(corrected: str, noisy: str) -> None:
    """Print the scores as a Markdown table."""
    found, source = alcseg.Correction.open(corrected), alcseg.Dataset.open(noisy)
    values = source.label_values[1:]
    faults_path = Path(source.root) / "faults.csv"
    faults = dict(csv.reader(faults_path.open())) if faults_path.is_file() else {}
    rows = []
    by_fault = defaultdict(list)
    for name, lines in found.ranked.items():
        given = source.read_label(name).array
        clean = Path(source.root) / "labelsClean" / f"{name}{source.file_ending}"
        truth = read_label(clean).array if clean.is_file() else given
        written = found.dataset.read_label(name).array
        before, after = (
            float(np.mean([agreement(label == value, truth == value) for value in values]))
            for label in (given, written)
        )
        rows.append((before, after, lines[0].rank, lines[0].written_rank))
        by_fault[faults.get(name, "none")].append((before, after))
    before, after, rank, written_rank = (np.array(part) for part in zip(*rows, strict=True))
    gain, bad, still = after - before, before < BAD, after < BAD
    print("| | |\n|---|---|")
    lines = [
        ("labels, of which bad", f"{len(rows)}, {bad.sum()}"),
        ("mean Dice, given -> written", f"{before.mean():.3f} -> {after.mean():.3f}"),
        ("better, worse by more than a point", f"{(gain > POINT).sum()}, {(gain < -POINT).sum()}"),
        (
            "labels that were not bad: worse by more than a point",
            f"{(gain[~bad] < -POINT).sum()} of {(~bad).sum()}",
        ),
        ("the same: mean change, points", f"{100 * gain[~bad].mean():+.2f}" if (~bad).any() else "-"),
        ("AUROC of `rank` for bad given labels", auroc(bad, rank)),
        ("precision at ten", f"{bad[np.argsort(rank)[:10]].mean():.2f}"),
        ("AUROC of `written_rank` for bad written labels", auroc(still, written_rank)),
        ("written", ", ".join(f"{count} {name}" for name, count in found.record.written.items())),
        ("network", found.record.network),
    ]
    if (told := found.record.rehearsal) is not None:
        lines.append(
            ("rehearsal", f"{told.given_dice:.3f} -> {told.written_dice:.3f}, {told.worse_share:.3f} worse")
        )
    for words, value in lines:
        print(f"| {words} | {value} |")
    if faults:
        print("\n| fault | labels | given | written |\n|---|---|---|---|")
        for fault, pairs in sorted(by_fault.items()):
            one, two = np.mean(pairs, axis=0)
            print(f"| {fault.replace('_', ' ')} | {len(pairs)} | {one:.3f} | {two:.3f} |")


def auroc(positive: np.ndarray, rank: np.ndarray) -> str:
    """Of a ranking whose first places are to be positive."""
    return f"{roc_auc_score(positive, -rank):.3f}" if 0 < positive.sum() < len(positive) else "-"


if __name__ == "__main__":
    main(*sys.argv[1:])
