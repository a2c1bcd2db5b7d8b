"""Everything that a report of a benchmark shows, in order: tables and figures with their captions."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from matplotlib.figure import Figure

from alcseg.errors import DataError
from alcseg.report.claims import claims_table
from alcseg.report.costs import cost_table
from alcseg.report.fig_cases import cases_figure
from alcseg.report.fig_noise import noise_figure
from alcseg.report.fig_pseudo_labels import pseudo_label_figure
from alcseg.report.fig_selection import selection_figure
from alcseg.report.fig_weights import weights_figure
from alcseg.report.label_quality import label_table
from alcseg.report.missing import missing_table
from alcseg.report.records import Benchmark
from alcseg.report.results import results_table
from alcseg.report.table import DataTable

__all__ = ["EXHIBITS", "Exhibit", "FigureExhibit", "exhibits"]


@dataclass(frozen=True)
class FigureExhibit:
    """A figure of a report.

    Attributes:
        name: Of its files.
        title: Its heading.
        figure: Itself.
        caption: How it is to be read; also what a blind reader gets.
    """

    name: str
    title: str
    figure: Figure
    caption: str


Exhibit = DataTable | FigureExhibit
_INTERVAL = "95 % bootstrap intervals over seeds and cases"


def exhibits(benchmark: Benchmark) -> list[Exhibit]:
    """What the records suffice for, of those kinds that the plan lists under `outputs`, or of all.

    Raises:
        DataError: If the plan lists an unknown kind, or a record is damaged.
    """
    wanted = [str(word) for word in benchmark.plan.get("outputs") or EXHIBITS]
    for word in wanted:
        if word not in EXHIBITS:
            raise DataError(
                f"{benchmark.path / 'plan.yaml'}: outputs: expected some of {', '.join(EXHIBITS)}, "
                f"got '{word}'."
            )
    kinds = [kind for word, kind in EXHIBITS.items() if word in wanted]
    return [exhibit for kind in kinds for exhibit in kind(benchmark) if exhibit is not None]


def _figure(name: str, title: str, figure: Figure | None, caption: str) -> FigureExhibit | None:
    return None if figure is None else FigureExhibit(name, title, figure, caption)


def _claims(benchmark: Benchmark) -> Iterator[Exhibit | None]:
    yield claims_table(benchmark)


def _results(benchmark: Benchmark) -> Iterator[Exhibit | None]:
    for dataset in benchmark.datasets:
        yield results_table(benchmark, dataset)


def _labels(benchmark: Benchmark) -> Iterator[Exhibit | None]:
    for dataset in benchmark.datasets:
        yield label_table(benchmark, dataset)


def _noise(benchmark: Benchmark) -> Iterator[Exhibit | None]:
    for dataset in benchmark.datasets[:1]:  # the noise of the others is of the same kind
        figure = noise_figure(dataset)
        caption = "Clean and given outline of a dilated and an eroded case, each of median Dice for its kind."
        yield _figure("fig1-noise", "Noisy labels", figure, caption)


def _pseudo_labels(benchmark: Benchmark) -> Iterator[Exhibit | None]:
    figure = pseudo_label_figure(benchmark)
    caption = (
        "Dice of the K least uncertain patches against the clean labels, which no training reads: as given, "
        f"as one pass of the teacher generates them, and refined. Bands: {_INTERVAL}."
    )
    yield _figure("fig3-pseudo-labels", "Quality of pseudo-labels", figure, caption)


def _cases(benchmark: Benchmark) -> Iterator[Exhibit | None]:
    for dataset in benchmark.datasets:
        figure = cases_figure(benchmark, dataset)
        caption = (
            "The four methods of highest mean Dice on a case each of the best, the median and the worst "
            "Dice, in the axial slice with most of the truth; the patient's right is on the left. In the "
            "worst case the largest errors are circled. The numbers in the panels are of the whole case."
        )
        name = f"fig4-cases-{dataset.name}"
        yield _figure(name, f"{dataset.title}: cases", figure, caption)


def _selection(benchmark: Benchmark) -> Iterator[Exhibit | None]:
    figure = selection_figure(benchmark)
    caption = f"Dice against the number K of LQ patches that learn from refined labels. Bars: {_INTERVAL}."
    yield _figure("fig5-selection", "Number of selected patches", figure, caption)


def _weights(benchmark: Benchmark) -> Iterator[Exhibit | None]:
    figure = weights_figure(benchmark)
    caption = f"Dice against the weights of the refined (α) and the noisy (β) labels. Bars: {_INTERVAL}."
    yield _figure("fig6-weights", "Weights α and β", figure, caption)


def _costs(benchmark: Benchmark) -> Iterator[Exhibit | None]:
    yield cost_table(benchmark)


def _missing(benchmark: Benchmark) -> Iterator[Exhibit | None]:
    yield missing_table(benchmark)


EXHIBITS: dict[str, Callable[[Benchmark], Iterator[Exhibit | None]]] = {
    "results": _results,
    "claims": _claims,
    "labels": _labels,
    "noise": _noise,
    "pseudo_labels": _pseudo_labels,
    "cases": _cases,
    "selection": _selection,
    "weights": _weights,
    "costs": _costs,
    "missing": _missing,
}
"""Kinds of exhibits in the order of the page; a plan may list some of them under `outputs`."""
