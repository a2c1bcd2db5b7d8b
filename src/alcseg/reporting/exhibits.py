"""What a report of any study can show, in order: tables and figures with their captions.

A kind makes all exhibits of one sort from the records of a benchmark; None stands for what they do not
suffice for.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from matplotlib.figure import Figure

from alcseg.reporting.costs import cost_table
from alcseg.reporting.entries import DatasetEntry
from alcseg.reporting.fig_cases import cases_figure
from alcseg.reporting.fig_learning import learning_figure
from alcseg.reporting.fig_offsets import offset_figure
from alcseg.reporting.label_quality import label_table
from alcseg.reporting.missing import missing_table
from alcseg.reporting.offsets import offset_table
from alcseg.reporting.overview import overview_table
from alcseg.reporting.records import Benchmark
from alcseg.reporting.results import Published, results_table
from alcseg.reporting.table import DataTable

__all__ = [
    "KINDS",
    "Exhibit",
    "FigureExhibit",
    "Kind",
    "cases",
    "costs",
    "exhibits",
    "figure",
    "labels",
    "learning",
    "missing",
    "offsets",
    "results",
]


@dataclass(frozen=True)
class FigureExhibit:
    """A figure of a report.

    Attributes:
        name: Of its files.
        title: Its heading.
        figure: Itself.
        caption: How it is to be read; also what a blind reader gets.
        plot: Whether it is curves on white alone.
    """

    name: str
    title: str
    figure: Figure
    caption: str
    plot: bool = False


Exhibit: TypeAlias = DataTable | FigureExhibit
Kind: TypeAlias = Callable[[Benchmark], Iterator[Exhibit | None]]


def exhibits(benchmark: Benchmark, kinds: Iterable[Kind] | None = None) -> list[Exhibit]:
    """What the records suffice for.

    Args:
        benchmark: With its records.
        kinds: In the order of the page; None: `KINDS`.

    Raises:
        DataError: If a record is damaged.
    """
    found = (exhibit for kind in (KINDS if kinds is None else kinds) for exhibit in kind(benchmark))
    return [exhibit for exhibit in found if exhibit is not None]


def figure(name: str, title: str, drawn: Figure | None, caption: str) -> FigureExhibit | None:
    """A figure with its caption; None if there is none."""
    return None if drawn is None else FigureExhibit(name, title, drawn, caption)


def results(
    benchmark: Benchmark, published: Callable[[Benchmark, DatasetEntry], Published | None] | None = None
) -> Iterator[Exhibit | None]:
    """Scores, over all datasets and for each; `published` gives the values to stand under ours."""
    yield overview_table(benchmark)
    for dataset in benchmark.datasets:
        yield results_table(benchmark, dataset, published and published(benchmark, dataset))


def labels(benchmark: Benchmark) -> Iterator[Exhibit | None]:
    """Quality of the LQ labels."""
    for dataset in benchmark.datasets:
        yield label_table(benchmark, dataset)


def learning(benchmark: Benchmark) -> Iterator[Exhibit | None]:
    """How they came to it."""
    caption = (
        "Dice on the validation cases over the steps, mean over the seeds: of the network that predicts "
        "and, dashed, of its teacher. Dotted: the LQ training labels against the clean ones, which no "
        "training reads. Runs that did not end are drawn as far as they came."
    )
    yield figure("learning", "Learning curves", learning_figure(benchmark), caption)


def offsets(benchmark: Benchmark) -> Iterator[Exhibit | None]:
    """How the LQ labels were drawn."""
    yield offset_table(benchmark)
    caption = (
        "How far labels were drawn outside of the clean boundary, a dot per case and class: what the network "
        "found when it corrected them, against the truth. Dashed: found as it is. Offsets within a voxel "
        "count as none."
    )
    yield figure("offsets", "Offsets of the LQ labels", offset_figure(benchmark), caption)


def cases(benchmark: Benchmark, prefix: str = "") -> Iterator[Exhibit | None]:
    """The best methods on an easy, a middling and the worst case of each dataset."""
    for dataset in benchmark.datasets:
        caption = (
            "The four methods of highest mean Dice on a case each of the best, the median and the worst "
            "Dice, in the axial slice with most of the truth; the patient's right is on the left. In the "
            "worst case the largest errors are circled. The numbers in the panels are of the whole case."
        )
        title = f"{dataset.title}: cases"
        yield figure(f"{prefix}cases-{dataset.name}", title, cases_figure(benchmark, dataset), caption)


def costs(benchmark: Benchmark) -> Iterator[Exhibit | None]:
    """What the runs took."""
    yield cost_table(benchmark)


def missing(benchmark: Benchmark) -> Iterator[Exhibit | None]:
    """Runs without a result."""
    yield missing_table(benchmark)


KINDS: tuple[Kind, ...] = (results, labels, learning, offsets, cases, costs, missing)
"""Of any study, in the order of the page."""
