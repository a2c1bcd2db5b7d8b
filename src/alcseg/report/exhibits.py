"""Everything that a report of a benchmark shows, in order: tables and figures with their captions."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from matplotlib.figure import Figure

from alcseg.report.claims import claims_table
from alcseg.report.costs import cost_table
from alcseg.report.fig_cases import cases_figure
from alcseg.report.fig_noise import noise_figure
from alcseg.report.fig_offsets import offset_figure
from alcseg.report.fig_pseudo_labels import pseudo_label_figure
from alcseg.report.fig_selection import selection_figure
from alcseg.report.fig_weights import weights_figure
from alcseg.report.label_quality import label_table
from alcseg.report.missing import missing_table
from alcseg.report.offsets import offset_table
from alcseg.report.overview import overview_table
from alcseg.report.records import Benchmark
from alcseg.report.results import results_table
from alcseg.report.table import DataTable

__all__ = ["KINDS", "Exhibit", "FigureExhibit", "exhibits"]


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
    """What the records suffice for.

    Raises:
        DataError: If a record is damaged.
    """
    found = (exhibit for kind in KINDS for exhibit in kind(benchmark))
    return [exhibit for exhibit in found if exhibit is not None]


def _figure(name: str, title: str, figure: Figure | None, caption: str) -> FigureExhibit | None:
    return None if figure is None else FigureExhibit(name, title, figure, caption)


def _claims(benchmark: Benchmark) -> Iterator[Exhibit | None]:
    yield claims_table(benchmark)


def _results(benchmark: Benchmark) -> Iterator[Exhibit | None]:
    yield overview_table(benchmark)
    for dataset in benchmark.datasets:
        yield results_table(benchmark, dataset)


def _labels(benchmark: Benchmark) -> Iterator[Exhibit | None]:
    for dataset in benchmark.datasets:
        yield label_table(benchmark, dataset)


def _offsets(benchmark: Benchmark) -> Iterator[Exhibit | None]:
    yield offset_table(benchmark)
    caption = (
        "How far labels were drawn outside of the clean boundary, a dot per case and class: what the network "
        "found when it corrected them, against the truth. Dashed: found as it is. Offsets within a voxel "
        "count as none."
    )
    yield _figure("offsets", "Offsets of the LQ labels", offset_figure(benchmark), caption)


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


KINDS: tuple[Callable[[Benchmark], Iterator[Exhibit | None]], ...] = (
    _results,
    _claims,
    _labels,
    _offsets,
    _noise,
    _pseudo_labels,
    _cases,
    _selection,
    _weights,
    _costs,
    _missing,
)
"""In the order of the page."""
