"""Quality of the labels of the LQ training images: as given, as the network says, as corrected."""

from dataclasses import replace
from math import nan

import numpy as np

from alcseg.reporting.entries import DatasetEntry
from alcseg.reporting.intervals import crossed_interval
from alcseg.reporting.records import Benchmark
from alcseg.reporting.table import Column, DataTable, Interval, Line, printed, stat_of_runs
from alcseg.reporting.values import Values

__all__ = ["label_table"]


def label_table(benchmark: Benchmark, dataset: DatasetEntry) -> DataTable | None:
    """Labels of the LQ training images against the clean ones: given, predicted, corrected."""
    upper_bounds = benchmark.upper_bounds
    entries: list[tuple[str, str, Values]] = []
    if dataset.given is not None:
        given = dataset.given.by_case("dice")
        cases = tuple(sorted(given))
        entries.append(("as given", "", Values((0,), cases, np.array([[given[case] for case in cases]]))))
    for kind, words in (("lq", "predicted"), ("corrected", "corrected")):
        for row in benchmark.rows:
            found = benchmark.values(dataset.name, row.row, "dice", kind)
            if found is not None:
                entries.append((f"{words} by {row.title}", row.row, found))
    if len(entries) < 2:
        return None
    ours = [found for _, name, found in entries if name and name not in upper_bounds]
    top = max((round(stat_of_runs(found, "dice").mean, 2) for found in ours), default=nan)
    lines = []
    for words, name, found in entries:
        stat = stat_of_runs(found, "dice")
        best = round(stat.mean, 2) == top and bool(name) and name not in upper_bounds
        seeds = len(found.seeds) if name else None
        lines.append(
            Line(
                (
                    words,
                    replace(stat, best=best),
                    Interval(*crossed_interval(printed(found, "dice"))),
                    len(found.cases),
                    seeds,
                )
            )
        )
    return DataTable(
        f"labels-{dataset.name}",
        f"{dataset.title}: labels of the LQ training images",
        (
            Column("labels", "labels", numeric=False),
            Column("dice", "Dice (%)", "higher"),
            Column("dice_interval", "95 % interval"),
            Column("cases", "cases"),
            Column("seeds", "seeds"),
        ),
        tuple(lines),
        ("Against the clean labels, which no training reads. The networks were trained on these images.",),
    )
