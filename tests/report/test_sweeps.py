"""Fig. 5 and 6: rows that differ in one setting, whatever they are called."""

import pytest

from alcseg.report.fig_selection import selection_figure
from alcseg.report.fig_weights import weights_figure
from alcseg.report.records import Benchmark
from alcseg.report.sweeps import sweep


@pytest.fixture
def run(empty):
    """Add one row of ALC with these settings; its Dice on all cases."""
    rows = []

    def add(dice, *, dataset="few", method="alc", **config):
        name = f"row-{len(rows)}"
        rows.append({"row": name, "title": name, "method": method, "labels": "given", "set": {}})
        empty.write_plan(rows=rows, reference=None, seeds=[0])
        empty.add_run(dataset, name, 0, dice=(dice - 0.1, dice, dice + 0.1), config=config)
        return empty.root

    return add


def test_rows_are_known_by_their_settings(run):
    run(0.7, select_fraction=0.8)
    run(0.5, select_fraction=0.2)
    run(0.6, select_fraction=1.0, method="alc_wo_ls")  # another word for the same method
    root = run(0.9, select_fraction=0.4, beta=2.0)  # differs in something else, too
    benchmark = Benchmark.open(root)
    points = sweep(benchmark, benchmark.datasets[0], ["method.select_fraction"])
    assert [point.at for point in points] == [(0.2,), (0.8,), (1.0,)]
    assert [point.mean for point in points] == pytest.approx([50, 70, 60])
    low, high = points[0].interval
    assert 40 <= low < 50 < high <= 60


def test_dice_against_k(run):
    for fraction, dice in ((0.2, 0.5), (0.8, 0.7), (1.0, 0.6)):
        root = run(dice, select_fraction=fraction)
    (axes,) = selection_figure(Benchmark.open(root)).axes
    line = axes.lines[0]
    assert list(line.get_xdata()) == [4, 16, 20]  # of 20 LQ patches
    assert list(line.get_ydata()) == pytest.approx([50, 70, 60])
    assert axes.get_xlabel() == "K of 20 LQ patches"
    assert axes.get_title() == "Toy, 10 % HQ"


def test_an_ablation_is_no_curve(run):
    run(0.5, select_fraction=0.5)
    root = run(0.6, select_fraction=1.0)
    assert selection_figure(Benchmark.open(root)) is None
    assert weights_figure(Benchmark.open(root)) is None


def test_weights_one_at_a_time(run):
    for alpha, beta, dice in ((1, 1, 0.5), (5, 1, 0.7), (10, 1, 0.6), (5, 0, 0.4), (5, 2, 0.3)):
        root = run(dice, alpha=float(alpha), beta=float(beta))
    first, second = weights_figure(Benchmark.open(root)).axes
    assert list(first.lines[0].get_xdata()) == [1, 5, 10]
    assert list(first.lines[0].get_ydata()) == pytest.approx([50, 70, 60])
    assert first.get_xlabel() == "α  (β = 1)"
    assert list(second.lines[0].get_xdata()) == [0, 1, 2]
    assert list(second.lines[0].get_ydata()) == pytest.approx([40, 70, 30])


def test_a_full_grid_is_a_heat_map(run):
    for alpha, beta, dice in ((1, 0, 0.1), (5, 0, 0.2), (1, 2, 0.3), (5, 2, 0.4)):
        root = run(dice, alpha=float(alpha), beta=float(beta))
    axes = weights_figure(Benchmark.open(root)).axes[0]
    assert axes.images[0].get_array().ravel().tolist() == pytest.approx([10, 20, 30, 40])  # a row per beta
    assert [text.get_text() for text in axes.texts] == ["10.0", "30.0", "20.0", "40.0"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("α", "β")
