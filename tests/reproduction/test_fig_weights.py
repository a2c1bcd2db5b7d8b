"""Fig. 6: Dice over the weights of the refined and the noisy labels."""

import pytest

from alcseg.reporting.records import Benchmark
from alcseg.reproduction.fig_weights import weights_figure


def test_weights_one_at_a_time(empty):
    for alpha, beta, dice in ((1, 1, 0.5), (5, 1, 0.7), (10, 1, 0.6), (5, 0, 0.4), (5, 2, 0.3)):
        empty.add_row(dice, alpha=float(alpha), beta=float(beta))
    first, second = weights_figure(Benchmark.open(empty.root)).axes
    assert list(first.lines[0].get_xdata()) == [1, 5, 10]
    assert list(first.lines[0].get_ydata()) == pytest.approx([50, 70, 60])
    assert first.get_xlabel() == "α  (β = 1)"
    assert list(second.lines[0].get_xdata()) == [0, 1, 2]
    assert list(second.lines[0].get_ydata()) == pytest.approx([40, 70, 30])


def test_a_full_grid_is_a_heat_map(empty):
    for alpha, beta, dice in ((1, 0, 0.1), (5, 0, 0.2), (1, 2, 0.3), (5, 2, 0.4)):
        empty.add_row(dice, alpha=float(alpha), beta=float(beta))
    axes = weights_figure(Benchmark.open(empty.root)).axes[0]
    assert axes.images[0].get_array().ravel().tolist() == pytest.approx([10, 20, 30, 40])  # a row per beta
    assert [text.get_text() for text in axes.texts] == ["10.0", "30.0", "20.0", "40.0"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("α", "β")


def test_two_rows_are_no_curve(empty):
    empty.add_row(0.5, alpha=1.0)
    empty.add_row(0.6, alpha=5.0)
    assert weights_figure(Benchmark.open(empty.root)) is None


def test_weights_that_only_change_together_are_no_curve(empty):
    for weight, dice in ((1, 0.5), (5, 0.6), (10, 0.7)):
        empty.add_row(dice, alpha=float(weight), beta=float(weight))
    assert weights_figure(Benchmark.open(empty.root)) is None
