"""How well an audit found simulated errors: `python benchmarks/audit_scores.py AUDIT NOISY`.

AUDIT is the folder of `alcseg audit NOISY`, NOISY a dataset that `alcseg corrupt` made. A label is bad below
0.85 foreground mean Dice to the clean one; the budget is the number of bad labels. Kinds are judged by class.
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
from cleanlab.segmentation.rank import get_label_quality_scores
from sklearn.metrics import roc_auc_score

import alcseg
from alcseg.auditing.simulate import kind_of_noise
from alcseg.data.nifti import read_label
from alcseg.metrics.overlap import dice
from alcseg.records.noise import NoiseManifest


def main() -> None:
    """Print the scores as a Markdown table."""
    audit, noisy = alcseg.Audit.open(sys.argv[1]), alcseg.Dataset.open(sys.argv[2])
    noise = NoiseManifest.read(noisy.root).cases
    classes = dict(list(noisy.labels.items())[1:])
    truth = {}
    for name in {row.case_id for row in audit.ranking}:
        clean = Path(noisy.root) / "labelsClean" / f"{name}{noisy.file_ending}"
        given = noisy.read_label(name).array
        right = read_label(clean).array if clean.is_file() else given
        for class_name, value in classes.items():
            truth[name, class_name] = dice(given == value, right == value) if clean.is_file() else 1.0
    cases = sorted({name for name, _ in truth})
    true = np.array([np.mean([truth[name, one] for one in classes]) for name in cases])
    rows = {(row.case_id, row.class_name): row for row in audit.ranking}
    judged = np.array([np.mean([rows[name, one].dice for one in classes]) for name in cases])
    plain = np.array([np.mean([rows[name, one].agreement for one in classes]) for name in cases])
    rank = np.array([rows[name, next(iter(classes))].rank for name in cases])
    bad = true < audit.record.bad_below
    softmin = np.array([softmin_of(audit, name, rows[name, next(iter(classes))].fold) for name in cases])
    held = [row.dice_low <= truth[key] <= row.dice_high for key, row in rows.items()]
    kinds = {key: kind_of(key, truth, noise) for key in rows}
    right = Counter(kinds[key] for key, row in rows.items() if row.kind == kinds[key])
    total = Counter(kinds.values())
    wrong = sum(count for kind, count in total.items() if kind != "none")
    bad_trusted = sum(bad[cases.index(name)] for name in audit.trusted)
    print("| | |\n|---|---|")
    for words, value in (
        ("labels, of which bad", f"{len(cases)}, {bad.sum()}"),
        ("AUROC by rank", f"{roc_auc_score(bad, -rank):.3f}"),
        ("AUROC of plain Dice with the prediction", f"{roc_auc_score(bad, -plain):.3f}"),
        ("AUROC of softmin over voxels (cleanlab)", f"{roc_auc_score(bad, -softmin):.3f}"),
        ("precision at budget", f"{bad[np.argsort(rank)[: bad.sum()]].mean():.3f}"),
        ("the same of plain Dice, softmin", f"{at_budget(bad, plain)}, {at_budget(bad, softmin)}"),
        ("precision at ten", f"{bad[np.argsort(rank)[:10]].mean():.2f}"),
        ("mean absolute error of the expected Dice, by case", f"{np.abs(judged - true).mean():.3f}"),
        ("share of 90 % intervals that hold", f"{np.mean(held):.3f}"),
        ("kind right among wrong classes", f"{sum(n for k, n in right.items() if k != 'none') / wrong:.3f}"),
        ("kind `none` right among right ones", f"{right['none'] / total['none']:.3f}"),
        ("labels in trusted.txt, of which bad", f"{len(audit.trusted)}, {bad_trusted}"),
        ("time of the audit", f"{audit.record.time_s / 60:.0f} min"),
    ):
        print(f"| {words} | {value} |")
    for kind in sorted(total):
        found = Counter(row.kind for key, row in rows.items() if kinds[key] == kind)
        print(f"| {kind}, {total[kind]} classes | {', '.join(f'{n} {k}' for k, n in found.most_common())} |")


def softmin_of(audit: alcseg.Audit, name: str, fold: int) -> float:
    """Score of a label by cleanlab, the volume taken as one image, with the last round's prediction."""
    stem = audit.run_path(fold).parent / "cases" / name
    probs, label = np.load(f"{stem}.probs.npy").astype(np.float32), np.load(f"{stem}.label.npy").astype(int)
    flat = probs.reshape(1, len(probs), label.shape[0], -1)
    flat = flat / flat.sum(1, keepdims=True)
    scores, _ = get_label_quality_scores(label.reshape(1, label.shape[0], -1), flat, verbose=False)
    return float(scores[0])


def at_budget(bad: np.ndarray, score: np.ndarray) -> str:
    """Share of bad labels among as many of the lowest score as there are."""
    return f"{bad[np.argsort(score)[: bad.sum()]].mean():.3f}"


def kind_of(key: tuple[str, str], truth: dict[tuple[str, str], float], noise: dict[str, object]) -> str:
    """What was done to a class; nothing where its Dice is above 0.97."""
    entry = noise.get(key[0])
    if entry is None or truth[key] > 0.97:
        return "none"
    return kind_of_noise(entry.details.get("model", entry.model), entry.operation)


if __name__ == "__main__":
    main()
