"""Rows that differ in one setting, whatever they are called."""

import pytest

from alcseg.reporting.records import Benchmark
from alcseg.reporting.sweeps import sweep


def test_rows_are_known_by_their_settings(empty):
    empty.add_row(0.7, select_fraction=0.8)
    empty.add_row(0.5, select_fraction=0.2)
    empty.add_row(0.6, select_fraction=1.0, method="alc_wo_ls")  # another word for the same method
    empty.add_row(0.9, select_fraction=0.4, beta=2.0)  # differs in something else, too
    benchmark = Benchmark.open(empty.root)
    points = sweep(benchmark, benchmark.datasets[0], ["method.select_fraction"])
    assert [point.at for point in points] == [(0.2,), (0.8,), (1.0,)]
    assert [point.mean for point in points] == pytest.approx([50, 70, 60])
    low, high = points[0].interval
    assert 40 <= low < 50 < high <= 60


def test_upper_bounds_are_a_sweep_of_their_own(empty):
    """They learn from other labels than the rows beside them."""
    empty.add_row(0.5, select_fraction=0.2)
    empty.add_row(0.7, select_fraction=0.8)
    rows = [*empty.plan["rows"][:1], {**empty.plan["rows"][1], "labels": "clean"}]
    empty.write_plan(rows=rows)
    benchmark = Benchmark.open(empty.root)
    assert len(sweep(benchmark, benchmark.datasets[0], ["method.select_fraction"])) == 1
