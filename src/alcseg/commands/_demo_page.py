"""The page that `alcseg demo` ends with; it shows what the steps left and recomputes nothing."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from alcseg.data.folder import Dataset
from alcseg.evaluation import Evaluation
from alcseg.machine import commit, processor
from alcseg.records.demo import DemoRecord
from alcseg.records.ranking import RankingRow
from alcseg.reporting.cases import read_upright
from alcseg.reporting.figures import case_panels, paired_plot, training_curves
from alcseg.reporting.html import Commands, Facts, Picture, Section, Table, Text, write_report
from alcseg.run import Run

__all__ = ["METHOD_NAMES", "DemoOutcome", "write_page"]

METHOD_NAMES = {"h_sup": "H-Sup", "hl_sup": "HL-Sup", "alc": "ALC"}

_WHAT_METHODS_SEE = {
    "h_sup": "the clean HQ cases only",
    "hl_sup": "HQ and LQ cases pooled, every label taken at face value",
    "alc": "HQ cases, and LQ cases whose labels it refines while training",
}


@dataclass(frozen=True)
class DemoOutcome:
    """What the demo left on disk, opened.

    Attributes:
        record: What was done.
        noisy: The dataset with spoiled labels, clean ones beside them.
        corrected: The dataset with refined labels.
        runs: Method to its run.
        given: The spoiled labels against the clean ones.
        refined: The corrected labels against the clean ones.
        test: Method to its scores on the test cases.
        ranking: Which labels to look at first.
    """

    record: DemoRecord
    noisy: Dataset
    corrected: Dataset
    runs: Mapping[str, Run]
    given: Evaluation
    refined: Evaluation
    test: Mapping[str, Evaluation]
    ranking: tuple[RankingRow, ...]


def write_page(path: Path, outcome: DemoOutcome) -> None:
    """Write `report.html`."""
    folder = outcome.noisy
    counts = {quality: len(folder.rows_where(split="train", quality=quality)) for quality in ("hq", "lq")}
    val, test = (len(folder.rows_where(split=split)) for split in ("val", "test"))
    lead = (
        f"{len(folder.rows)} generated scans: {counts['hq']} with clean labels (HQ) and {counts['lq']} with "
        f"spoiled labels (LQ) to train on, {val} to watch the training, {test} to test. The clean labels of "
        "the LQ cases and all labels of test cases are read for the scores on this page and for nothing else."
    )
    sections = [
        _result(outcome),
        _label_quality(outcome),
        _cases(outcome),
        _curves(outcome),
        _ranking(outcome.ranking),
        _making(outcome.record),
    ]
    title = "ALCSeg demo: spoiled labels in, better labels out"
    write_report(path, title=title, lead=lead, sections=sections)


def _result(outcome: DemoOutcome) -> Section:
    test, classes = outcome.test, outcome.noisy.label_names[1:]
    best = max(test, key=lambda method: test[method].mean("dice"))
    rows: list[list[str | float]] = [
        [
            METHOD_NAMES[method],
            _WHAT_METHODS_SEE[method],
            found.mean("dice"),
            found.spread("dice"),
            *(found.mean("dice", name) for name in classes),
            found.mean("hd95"),
        ]
        for method, found in test.items()
    ]
    return Section(
        "Result",
        [
            Facts(
                [
                    ("LQ labels as given, Dice", outcome.given.mean("dice")),
                    ("LQ labels after correction, Dice", outcome.refined.mean("dice")),
                    ("HL-Sup on test scans, Dice", test["hl_sup"].mean("dice")),
                    ("ALC on test scans, Dice", test["alc"].mean("dice")),
                ],
                large=True,
            ),
            Table(
                ["method", "learns from", "Dice", "± SD", *(f"Dice {name}" for name in classes), "HD95 (mm)"],
                rows,
                caption="Test scans: mean over cases of the mean over classes. Dice: higher is better; "
                "HD95: lower is better.",
                strong_rows=[list(test).index(best)],
            ),
            Text(
                "A few generated scans and a short training: the demo shows how the parts fit together. "
                "It is no benchmark, and differences of a point or two between methods mean nothing here.",
                note=True,
            ),
        ],
    )


def _label_quality(outcome: DemoOutcome) -> Section:
    given, refined = outcome.given, outcome.refined
    before, after = given.by_case("dice"), refined.by_case("dice")
    better = sum(after[case] > before[case] for case in before.keys() & after.keys())
    rows: list[list[str | float]] = [
        [
            name or "mean",
            *(found.mean(metric, name) for metric in ("dice", "hd95") for found in (given, refined)),
        ]
        for name in (*outcome.noisy.label_names[1:], None)
    ]
    return Section(
        "LQ labels before and after correction",
        [
            Table(
                ["class", "Dice given", "Dice refined", "HD95 given (mm)", "HD95 refined (mm)"],
                rows,
                caption="Against the clean labels, which were kept aside.",
                strong_rows=[len(rows) - 1],
            ),
            Picture(
                paired_plot(before, after),
                alt=f"Dice of each LQ label before and after; {better} of {len(before)} became better.",
                caption=f"{better} of {len(before)} labels became better. A gray line leads to a "
                "better label, an orange one to a worse.",
                plot=True,
            ),
        ],
    )


def _cases(outcome: DemoOutcome) -> Section:
    """The LQ cases whose refined label is worst, median and best."""
    before, after = outcome.given.by_case("dice"), outcome.refined.by_case("dice")
    noisy, corrected = outcome.noisy.root, outcome.corrected.root
    order = sorted(after, key=lambda case: after[case])
    chosen = {"worst": order[0], "median": order[len(order) // 2], "best": order[-1]}
    pictures = []
    for word, case in chosen.items():
        upright = read_upright(
            outcome.noisy.image_paths(case)[0],
            {
                "clean": noisy / "labelsClean" / f"{case}.nii.gz",
                "given": noisy / "labelsTr" / f"{case}.nii.gz",
                "refined": corrected / "labelsTr" / f"{case}.nii.gz",
            },
            corrected / "uncertainty" / f"{case}.nii.gz",
        )
        title = f"{case}, {word} refined label: Dice {before[case]:.2f} given, {after[case]:.2f} refined"
        figure = case_panels(
            upright.image,
            upright.spacing,
            contours=upright.labels,
            uncertainty=upright.uncertainty,
            title=title,
        )
        alt = f"Three slices of {title}; outlines of the clean, given and refined label; uncertainty."
        pictures.append(Picture(figure, alt=alt))
    return Section(
        "Cases",
        [
            Text(
                "Slices through the largest foreground, in radiological view (the patient's right on your "
                "left). Uncertainty is the mean Kullback-Leibler divergence of the perturbed passes from "
                "their mean, in nats."
            ),
            *pictures,
        ],
    )


def _curves(outcome: DemoOutcome) -> Section:
    runs = {METHOD_NAMES[method]: run.metrics for method, run in outcome.runs.items()}
    return Section(
        "Training curves",
        [
            Picture(
                training_curves(runs),
                alt="Loss terms and validation Dice of H-Sup, HL-Sup and ALC over the training steps.",
                caption="Above: the loss and its terms before they are weighted. Below: Dice on the "
                "validation scans, whose labels are clean. The last checkpoint is the model; nothing is "
                "selected.",
                plot=True,
            )
        ],
    )


def _ranking(ranking: tuple[RankingRow, ...]) -> Section:
    headings = ["rank", "case", "class", "error as given", "error as written", "rank as written"]
    headings += ["agreement", "changed (mm³)", "shift (mm)"]
    rows = [
        [
            row.rank,
            row.case_id,
            row.class_name,
            row.given_error,
            row.written_error,
            row.written_rank,
            row.agreement,
            row.changed_mm3,
            row.shift_mm,
        ]
        for row in ranking
    ]
    return Section(
        "Which labels to look at first",
        [
            Table(
                headings,
                rows,
                caption="The worst given label first; one row per case and class. Errors are 1 - Dice as "
                "expected. Agreement is the Dice of given and refined label. corrected/ranking.csv has the "
                "reasons. Click a heading to sort.",
                sortable=True,
            ),
            Text("corrected/report.html shows every one of them; the last command below opens the review."),
        ],
    )


def _making(record: DemoRecord) -> Section:
    peak = record.peak_memory_mib
    memory = "" if peak is None else f", {peak / 1024:.1f} GiB of memory at most"
    packages = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    machine = f"{processor()}, {os.cpu_count()} logical processors"
    return Section(
        "How it was made",
        [
            Text("Each step by hand; the verbs take your own scans the same way:"),
            Commands(record.commands),
            Table(
                ["step", "time (s)"],
                [[step.title, step.time_s] for step in record.steps],
                caption=f"{record.time_s:.0f} s in all{memory}.",
                digits=1,
            ),
            Facts(
                [
                    ("Started", record.started),
                    ("Seed", record.seed),
                    ("Versions", packages),
                    ("Commit", commit()),
                    ("Machine", machine),
                ]
            ),
        ],
    )
