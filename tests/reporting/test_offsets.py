"""Found against true offsets: what is read, and every column of the table by hand."""

from math import nan

import pytest

from alcseg.errors import DataError
from alcseg.records.noise import NoiseEntry
from alcseg.records.offsets import OffsetRow
from alcseg.records.plan import Plan
from alcseg.reporting.fig_offsets import offset_figure
from alcseg.reporting.offsets import offset_table, read_offsets
from alcseg.reporting.records import Benchmark

FOUND = {
    "a": (3.0, "moved"),
    "b": (1.0, "posterior"),
    "c": (-2.0, "moved"),
    "d": (0.0, "given"),
    "e": (nan, "given"),
}
TRUE = {"a": 3.5, "b": 2.25, "c": -1.75, "d": 0.5, "e": 9.0}


@pytest.fixture
def corrected(fake):
    """One run of `few` that corrected five cases on a grid of 1.25 mm."""
    run = fake.path("few", "alc", 0)
    rows = [
        OffsetRow(
            case_id=case, class_name="organ", drawn_mm=drawn, shape_mm=nan, agreement=0.8,
            agreement_as_given=0.5, label=label,
        )
        for case, (drawn, label) in FOUND.items()
    ]  # fmt: skip
    OffsetRow.write(run / "corrected", rows)
    plan = Plan(
        spacing=(1.25, 1.25, 2.5),
        patch=(16, 16, 16),
        normalization="zscore",
        clip=None,
        label_values=(0, 1),
        label_names=("background", "organ"),
        channel_names=("MR",),
    )
    plan.write(run)
    fake.write_noise({case: NoiseEntry(offset_mm_mean=value) for case, value in TRUE.items()})
    return fake


def test_a_line_counts_what_was_found_and_written(corrected):
    table = offset_table(Benchmark.open(corrected.root))
    assert table is not None
    (line,) = table.lines
    cells = {column.key: cell for column, cell in zip(table.columns, line.cells, strict=True)}
    assert (cells["dataset"], cells["method"], cells["labels"]) == ("Toy, 10 % HQ", "ALC", 5)
    assert (cells["large"], cells["large_mm"].value) == (2, 2.0)  # 3 and 1 mm
    assert (cells["small"], cells["small_mm"].value) == (1, 2.0)
    # Errors 0.5, 1.25, 0.25, 0.5 mm; the fifth has none to be found. Three are below a voxel of 1.25 mm.
    assert cells["error_mm"].value == 0.5
    assert cells["within_voxel"].value == 75
    assert [cells[word] for word in ("moved", "posterior", "given")] == [2, 1, 2]


def test_the_figure_has_a_panel_for_what_is_known(corrected):
    figure = offset_figure(Benchmark.open(corrected.root))
    assert figure is not None
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in shown] == ["Toy, 10 % HQ"]
    (dots,) = shown[0].collections
    assert sorted(map(tuple, dots.get_offsets().tolist())) == [(-1.75, -2), (0.5, 0), (2.25, 1), (3.5, 3)]


def test_nothing_is_shown_where_no_label_was_aligned(fake):
    benchmark = Benchmark.open(fake.root)
    assert offset_table(benchmark) is None
    assert offset_figure(benchmark) is None


@pytest.mark.parametrize("broken", ["case_id\na\n", "case_id,class,drawn_mm,label\na,organ,far,moved\n"])
def test_a_damaged_table_is_named(corrected, broken):
    run = corrected.path("few", "alc", 0)
    OffsetRow.path(run / "corrected").write_text(broken)
    benchmark = Benchmark.open(corrected.root)
    with pytest.raises(DataError, match=r"offsets\.csv, line 2: expected case_id"):
        read_offsets(benchmark.datasets[0], next(entry for entry in benchmark.runs if entry.path == run))
