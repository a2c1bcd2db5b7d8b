"""Fig. 3: means of selected patches over the steps."""

import pytest

from alcseg.reporting.records import Benchmark
from alcseg.reproduction.fig_pseudo_labels import courses, pseudo_label_figure


def test_only_selected_patches_count(fake):
    fake.add_pseudo_labels("few", 0, gain=0.05)
    found = courses(Benchmark.open(fake.root).done("few", "alc"))
    assert found["generated"].steps == (10, 20, 30)
    assert found["generated"].means == pytest.approx((30, 50, 70))
    assert found["refined"].means == pytest.approx((35, 55, 75))
    assert found["refined"].low == pytest.approx((35, 55, 75))  # both cases are alike
    assert found["given"].means == pytest.approx((50, 50, 50))


def test_lines_follow_the_data_and_carry_their_names(fake):
    fake.add_pseudo_labels("few", 0, gain=0.05)
    figure = pseudo_label_figure(Benchmark.open(fake.root))
    (axes,) = figure.axes
    lines = {line.get_label(): line.get_ydata() for line in axes.lines}
    assert list(lines["refined"]) == pytest.approx([35, 55, 75])
    assert {text.get_text() for text in axes.texts} == {"refined", "generated", "given"}


def test_no_records_no_figure(fake):
    assert pseudo_label_figure(Benchmark.open(fake.root)) is None
