"""The report of a benchmark with the claims and figures of the paper, in order."""

from collections.abc import Iterator
from functools import partial

from alcseg.reporting.exhibits import (
    Exhibit,
    Kind,
    cases,
    costs,
    figure,
    labels,
    learning,
    missing,
    offsets,
    results,
)
from alcseg.reporting.records import Benchmark
from alcseg.reproduction.claims import claims_table
from alcseg.reproduction.fig_noise import noise_figure
from alcseg.reproduction.fig_pseudo_labels import pseudo_label_figure
from alcseg.reproduction.fig_selection import selection_figure
from alcseg.reproduction.fig_weights import weights_figure
from alcseg.reproduction.paper import published

__all__ = ["KINDS"]

_INTERVAL = "95 % bootstrap intervals over seeds and cases"


def _claims(benchmark: Benchmark) -> Iterator[Exhibit | None]:
    yield claims_table(benchmark)


def _noise(benchmark: Benchmark) -> Iterator[Exhibit | None]:
    for dataset in benchmark.datasets[:1]:  # the noise of the others is of the same kind
        caption = "Clean and given outline of a dilated and an eroded case, each of median Dice for its kind."
        yield figure("fig1-noise", "Noisy labels", noise_figure(dataset), caption)


def _pseudo_labels(benchmark: Benchmark) -> Iterator[Exhibit | None]:
    caption = (
        "Dice of the K least uncertain patches against the clean labels, which no training reads: as given, "
        f"as one pass of the teacher generates them, and refined. Bands: {_INTERVAL}."
    )
    yield figure("fig3-pseudo-labels", "Quality of pseudo-labels", pseudo_label_figure(benchmark), caption)


def _selection(benchmark: Benchmark) -> Iterator[Exhibit | None]:
    caption = f"Dice against the number K of LQ patches that learn from refined labels. Bars: {_INTERVAL}."
    yield figure("fig5-selection", "Number of selected patches", selection_figure(benchmark), caption)


def _weights(benchmark: Benchmark) -> Iterator[Exhibit | None]:
    caption = f"Dice against the weights of the refined (α) and the noisy (β) labels. Bars: {_INTERVAL}."
    yield figure("fig6-weights", "Weights α and β", weights_figure(benchmark), caption)


KINDS: tuple[Kind, ...] = (
    partial(results, published=published),
    _claims,
    labels,
    learning,
    offsets,
    _noise,
    _pseudo_labels,
    partial(cases, prefix="fig4-"),
    _selection,
    _weights,
    costs,
    missing,
)
"""In the order of the page."""
