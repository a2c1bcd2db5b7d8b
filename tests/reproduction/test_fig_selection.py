"""Fig. 5: Dice over the number of selected patches."""

import pytest

from alcseg.records.settings import RunSettings
from alcseg.reporting.records import Benchmark
from alcseg.reproduction.fig_selection import selection_figure


def test_dice_against_k(empty):
    for fraction, dice in ((0.2, 0.5), (0.8, 0.7), (1.0, 0.6)):
        empty.add_row(dice, select_fraction=fraction)
    (axes,) = selection_figure(Benchmark.open(empty.root)).axes
    line = axes.lines[0]
    assert list(line.get_xdata()) == [4, 16, 20]  # of 20 LQ patches
    assert list(line.get_ydata()) == pytest.approx([50, 70, 60])
    assert axes.get_xlabel() == "K of 20 LQ patches"
    assert axes.get_title() == "Toy, 10 % HQ"


def test_batches_of_two_sizes_are_both_named(empty):
    rows = [{"row": f"row-{k}", "title": f"K {k}", "method": "alc"} for k in (1, 2, 4)]
    empty.write_plan(rows=rows, reference=None, seeds=[0])
    for k in (1, 2, 4):
        for dataset, batch in (("few", 20), ("more", 4)):
            path = empty.add_run(dataset, f"row-{k}", 0, config={"select_fraction": k / 4})
            settings = RunSettings.read(path)
            data = settings.data.model_copy(update={"lq_batch": batch})
            settings.model_copy(update={"data": data}).write(path)
    (axes,) = selection_figure(Benchmark.open(empty.root)).axes
    assert axes.get_xlabel() == "K of 4 or 20 LQ patches"


def test_rows_that_score_all_cases_alike_have_intervals_of_no_length(empty):
    seeds = [0, 1]
    rows = [{"row": f"row-{k}", "title": f"K {k}", "method": "alc"} for k in (1, 2, 3)]
    empty.write_plan(rows=rows, reference=None, seeds=seeds)
    for k in (1, 2, 3):
        for seed in seeds:
            empty.add_run("few", f"row-{k}", seed, dice=(0.701,) * 3, config={"select_fraction": k / 4})
    (axes,) = selection_figure(Benchmark.open(empty.root)).axes
    assert list(axes.lines[0].get_ydata()) == pytest.approx([70.1] * 3)


def test_an_ablation_is_no_curve(empty):
    empty.add_row(0.5, select_fraction=0.5)
    empty.add_row(0.6, select_fraction=1.0)
    assert selection_figure(Benchmark.open(empty.root)) is None
