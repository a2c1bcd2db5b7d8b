"""Print the tables of results/hippocampus.md: `python benchmarks/hippocampus_table.py WORK`.

WORK is the folder that benchmarks/hippocampus.sh filled.
"""

import json
import statistics
import sys
from pathlib import Path

from alcseg.metrics import holm, paired_test

NAMES = {
    "h_sup": "H-Sup",
    "h_sup_large": "H-Sup, 6 HQ patches a step",
    "hl_sup": "HL-Sup",
    "mean_teacher": "Mean Teacher",
    "alc": "ALC",
}


def per_case(folder: Path, metric: str) -> dict[str, float]:
    """Foreground mean of a metric per case, classes averaged."""
    values: dict[str, list[float]] = {}
    for line in (folder / "per_case.csv").read_text(encoding="utf-8").splitlines()[1:]:
        case_id, _, name, value, *_ = line.split(",")
        if name == metric and value:
            values.setdefault(case_id, []).append(float(value))
    return {case_id: statistics.fmean(scores) for case_id, scores in values.items()}


def over_seeds(folders: list[Path], metric: str) -> str:
    """Mean and standard deviation over the runs of the mean over cases."""
    means = [statistics.fmean(per_case(folder, metric).values()) for folder in folders]
    deviation = f" ± {statistics.stdev(means):.4f}" if len(means) > 1 else ""
    return f"{statistics.fmean(means):.4f}{deviation}"


def minutes(run: Path) -> float:
    """Time of the training steps with validation, from metrics.csv."""
    rows = (run / "metrics.csv").read_text(encoding="utf-8").splitlines()
    return float(rows[-1].split(",")[-1]) / 60


def main(work: Path) -> None:
    """Print all tables."""
    runs = {
        method: sorted(run for run in (work / "runs").glob(f"{method}-[0-9]") if (run / "DONE").is_file())
        for method in NAMES
    }
    runs = {method: found for method, found in runs.items() if found}
    print(
        "| method | seeds | test Dice | test HD95 (mm) | its labels for the LQ images, Dice | minutes a run |"
    )
    print("|---|---|---|---|---|---|")
    for method, found in runs.items():
        tests = [run.with_name(f"{run.name}-eval") for run in found]
        labels = [run.with_name(f"{run.name}-lq-eval") for run in found]
        cells = [over_seeds(tests, "dice"), over_seeds(tests, "hd95"), over_seeds(labels, "dice")]
        cells.append(f"{statistics.fmean(map(minutes, found)):.1f}")
        print("|", " | ".join([NAMES[method], str(len(found)), *cells]), "|")

    print("\n| labels of the LQ cases | Dice against clean | HD95 (mm) |\n|---|---|---|")
    corrected = [run.with_name(f"{run.name}-corrected-eval") for run in runs["alc"]]
    given = [work / "given-eval"]
    print("| as given |", over_seeds(given, "dice"), "|", over_seeds(given, "hd95"), "|")
    print("| `correct` with ALC |", over_seeds(corrected, "dice"), "|", over_seeds(corrected, "hd95"), "|")

    print(
        "\n| seed | " + " | ".join(map(NAMES.get, runs)) + " | corrected |\n" + "|---" * (len(runs) + 2) + "|"
    )
    for index, folder in enumerate(corrected):
        evaluated = [found[index].with_name(f"{found[index].name}-eval") for found in runs.values()]
        cells = [over_seeds([each], "dice") for each in [*evaluated, folder]]
        print("|", " | ".join([str(index), *cells]), "|")

    pooled = {}
    for method, found in runs.items():
        scores = [per_case(run.with_name(f"{run.name}-eval"), "dice") for run in found]
        pooled[method] = [statistics.fmean(score[case] for score in scores) for case in sorted(scores[0])]
    p_values = {NAMES[name]: paired_test(pooled["alc"], pooled[name]) for name in runs if name != "alc"}
    print("\nALC against each, Wilcoxon over test cases (mean of seeds), Holm:", json.dumps(holm(p_values)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
