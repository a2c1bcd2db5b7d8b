"""Learning curves: means over the seeds, the teacher beside, runs that did not end as far as they came."""

from math import nan

import pytest

from alcseg.records.steps import Step, StepTable
from alcseg.reporting.fig_learning import learning_curves, learning_figure
from alcseg.reporting.records import Benchmark


def write_curve(fake, row, seed, values, teacher=nan):
    steps = tuple(
        Step(step=500 * number, val_dice=value, val_dice_teacher=teacher, time_s=number)
        for number, value in enumerate(values, start=1)
    )
    folder = fake.path("few", row, seed)
    folder.mkdir(parents=True, exist_ok=True)
    StepTable(terms=("hq",), steps=steps).write_file(folder / StepTable.NAME)


def curves(fake):
    benchmark = Benchmark.open(fake.root)
    return learning_curves(benchmark, benchmark.datasets[0])


def test_a_step_is_the_mean_of_the_seeds_that_came_so_far(fake):
    write_curve(fake, "alc", 0, [0.5, 0.6, nan, 0.7], teacher=0.9)
    write_curve(fake, "alc", 1, [0.7], teacher=0.8)
    found = curves(fake)["alc"]
    assert found.steps == (500, 1000, 2000)  # nothing was validated at 1500
    assert found.student == pytest.approx((60, 60, 70))
    assert found.teacher == pytest.approx((85, 90, 90))
    assert found.seeds == 2


def test_two_points_make_no_curve_and_a_run_needs_no_record(empty):
    write_curve(empty, "mean_teacher", 0, [0.5, 0.6])
    assert learning_figure(Benchmark.open(empty.root)) is None
    write_curve(empty, "mean_teacher", 0, [0.5, 0.6, 0.7])
    found = curves(empty)["mean_teacher"]
    assert found.teacher == ()
    figure = learning_figure(Benchmark.open(empty.root))
    assert figure is not None
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["Mean Teacher"]
