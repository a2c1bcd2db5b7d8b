"""Print the tables of results/hippocampus.md: `python benchmarks/hippocampus_table.py WORK`.

WORK is the folder that benchmarks/hippocampus.sh filled.
"""

import math
import statistics
import sys
from pathlib import Path

from alcseg.commands.methods import methods
from alcseg.evaluation import Evaluation
from alcseg.metrics import differences, holm, paired_test
from alcseg.records.scores import ScoreRow
from alcseg.records.steps import StepTable

NAMES = {
    "h_sup": "H-Sup",
    "h_sup_large": "H-Sup, 6 HQ patches a step",
    "hl_sup": "HL-Sup",
    "tbrats": "TBraTS",
    "trinet": "TriNet",
    "two_stage_rnt": "2SRnT",
    "pick_and_learn": "PNL",
    "ms_tfal": "MS-TFAL",
    "mean_teacher": "Mean Teacher",
    "decoupled": "Decoupled",
    "kdem": "KDEM",
    "mtcl_hard": "MTCL-Hard",
    "mtcl_fs": "MTCL-FS",
    "mtcl_uds": "MTCL-UDS",
    "mixsegnet": "MixSegNet",
    "alc": "ALC",
    "oracle": "V-Net, all labels clean",
}


def per_case(folder: Path, metric: str) -> dict[str, float]:
    """Foreground mean of a metric per case, classes averaged."""
    return Evaluation.open(folder).by_case(metric)


def mean(folder: Path, metric: str) -> float:
    """Mean over the cases of an evaluation."""
    return Evaluation.open(folder).mean(metric)


def last_validation(run: Path) -> float:
    """Validation Dice of the predicting network at the last step."""
    steps = StepTable.read_file(run / "metrics.csv").steps
    return [step.val_dice for step in steps if not math.isnan(step.val_dice)][-1]


def spread(values: list[float], digits: int = 4) -> str:
    """Mean and, of several, standard deviation."""
    deviation = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.{digits}f}{deviation}"


def against_alc(runs: dict[str, dict[int, Path]]) -> dict[str, tuple[float, float, str]]:
    """Difference of mean Dice to ALC and Holm-corrected p, over test cases and the seeds that both have.

    The last says how many cases differ, where not all do.
    """
    gains, p_values, differ = {}, {}, {}
    for name, seeds in runs.items():
        common = sorted(set(seeds) & set(runs["alc"]))
        if name == "alc" or not common:
            continue
        pair = []
        for found in (runs["alc"], seeds):
            scores = [per_case(evaluated(found[seed]), "dice") for seed in common]
            pair.append([statistics.fmean(score[case] for score in scores) for case in sorted(scores[0])])
        gains[name] = statistics.fmean(pair[1]) - statistics.fmean(pair[0])
        p_values[name] = paired_test(*pair)
        kept, cases = len(differences(*pair)), len(pair[0])
        differ[name] = "" if kept == cases else f"; {kept} of {cases} cases differ"
    corrected = holm(p_values)
    return {name: (gains[name], corrected[name], differ[name]) for name in gains}


def evaluated(run: Path, what: str = "") -> Path:
    """Evaluation of a run's test predictions, or of its labels for the LQ training images."""
    return run.with_name(f"{run.name}{what}-eval")


def main(work: Path) -> None:
    """Print all tables."""
    described = {method.name: method for method in methods().methods}
    runs = {
        name: {
            int(run.name[-1]): run
            for run in sorted((work / "runs").glob(f"{name}-[0-9]"))
            if (run / "DONE").is_file() and ScoreRow.path(evaluated(run)).is_file()
        }
        for name in NAMES
    }
    runs = {name: seeds for name, seeds in runs.items() if seeds}
    versus = against_alc(runs)
    print(
        "| method | knows HQ from LQ | seeds | test Dice | against ALC, points (p) | test HD95 (mm) "
        "| its labels for the LQ images, Dice | validation Dice | cost of a step |\n" + "|---" * 9 + "|"
    )
    for name, seeds in runs.items():
        found = list(seeds.values())
        word = {"h_sup_large": "h_sup", "oracle": "hl_sup"}.get(name, name)
        labels = [evaluated(run, "-lq") for run in found]
        known = [folder for folder in labels if folder.is_dir()]
        difference = ""
        if name in versus:
            gain, p, differ = versus[name]
            difference = f"{100 * gain:+.1f} ({p:.1g}{differ})"
        cost = described[word].cost
        cells = [
            NAMES[name],
            "all are HQ" if name == "oracle" else "yes" if described[word].quality_aware else "no",
            ", ".join(map(str, seeds)),
            spread([mean(evaluated(run), "dice") for run in found]),
            difference,
            spread([mean(evaluated(run), "hd95") for run in found], 2),
            spread([mean(folder, "dice") for folder in known]) if known and name != "oracle" else "",
            spread([last_validation(run) for run in found]),
            "" if cost is None or name == "h_sup_large" else f"{cost:.1f}",
        ]
        print("|", " | ".join(cells), "|")

    print("\n| labels of the LQ cases | Dice against clean | HD95 (mm) |\n|---|---|---|")
    corrected = [evaluated(run, "-corrected") for run in runs["alc"].values()]
    for name, folders in (("as given", [work / "given-eval"]), ("`correct` with ALC", corrected)):
        dice, hd95 = ([mean(folder, metric) for folder in folders] for metric in ("dice", "hd95"))
        print("|", " | ".join([name, spread(dice), spread(hd95, 2)]), "|")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
