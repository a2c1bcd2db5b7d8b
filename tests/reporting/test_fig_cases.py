"""The best methods on chosen cases, the worst with its errors circled."""

import numpy as np
import pytest
from matplotlib.patches import Ellipse

from alcseg.reporting.fig_cases import best_rows, cases_figure, chosen_cases, largest_errors
from alcseg.reporting.records import Benchmark


def test_best_rows_by_mean_dice_without_upper_bounds(fake):
    benchmark = Benchmark.open(fake.root)
    shown = best_rows(benchmark, benchmark.datasets[0])
    assert [row.row for row, _ in shown] == ["alc", "alc_wo_lr", "mean_teacher"]
    assert {run.record.seed for _, run in shown} == {0}


def test_at_most_four_rows_are_shown(empty):
    for number in range(5):
        empty.add_row(0.5 + 0.05 * number)
    benchmark = Benchmark.open(empty.root)
    shown = best_rows(benchmark, benchmark.datasets[0])
    assert [row.row for row, _ in shown] == ["row-4", "row-3", "row-2", "row-1"]


def test_alc_judges_the_cases_also_where_another_is_better(fake):
    for seed in (0, 1):
        fake.add_run("few", "mean_teacher", seed, dice=(0.85, 0.9, 0.95))
    fake.add_images()
    benchmark = Benchmark.open(fake.root)
    grid = np.array(cases_figure(benchmark, benchmark.datasets[0]).axes).reshape(3, 5)
    assert grid[0, 2].get_title().startswith("Mean Teacher")
    assert [axes.get_ylabel() for axes in grid[:, 0]] == ["best\ncase_a", "median\ncase_b", "worst\ncase_c"]


def test_best_median_and_worst_case():
    assert chosen_cases({"a": 0.1, "b": 0.9, "c": 0.5, "d": 0.7, "e": 0.3}) == {
        "best": "b",
        "median": "c",
        "worst": "a",
    }
    assert chosen_cases({"a": 0.1, "b": 0.9}) == {"best": "b", "worst": "a"}
    assert chosen_cases({"a": 0.1}) == {"worst": "a"}


def test_the_largest_errors():
    wrong = np.zeros((10, 10), dtype=bool)
    wrong[0:2, 0:2] = True  # 4 voxels
    wrong[5:8, 5:9] = True  # 12 voxels
    wrong[9, 0] = True  # too small
    assert largest_errors(wrong) == [(slice(5, 8), slice(5, 9)), (slice(0, 2), slice(0, 2))]
    wrong[9, 4:9] = True  # a third one of 5 voxels
    wrong[8, 4:9] = False
    assert len(largest_errors(wrong)) == 2
    assert largest_errors(np.zeros((4, 4), dtype=bool)) == []


@pytest.mark.parametrize(("voxels", "circles"), [(3, 0), (4, 1)])
def test_few_wrong_voxels_are_not_circled(voxels, circles):
    wrong = np.zeros((10, 10), dtype=bool)
    wrong[5, :voxels] = True
    assert len(largest_errors(wrong)) == circles


def test_panels(fake):
    fake.add_images()
    benchmark = Benchmark.open(fake.root)
    figure = cases_figure(benchmark, benchmark.datasets[0])
    grid = np.array(figure.axes).reshape(3, 5)
    assert [axes.get_title() for axes in grid[0]] == [
        "image", "truth", "ALC\nmean 71.0 %", "ALC w/o LR\nmean 69.0 %", "Mean Teacher\nmean 61.0 %",
    ]  # fmt: skip
    assert [axes.get_ylabel() for axes in grid[:, 0]] == ["best\ncase_a", "median\ncase_b", "worst\ncase_c"]
    assert grid[1, 2].texts[0].get_text() == "70.0 %"
    # The truth is 3..9 along x, the prediction lacks its last millimetre, in the worst case only circled.
    circles = [[any(isinstance(patch, Ellipse) for patch in axes.patches) for axes in row] for row in grid]
    assert circles == [[False] * 5, [False] * 5, [False, False, True, True, True]]
    # Radiological: RAS x = 8.5 mm of 12 lies 3.5 mm from the left.
    assert grid[2, 2].patches[0].center[0] == 3.5


def test_no_images_no_figure(fake):
    benchmark = Benchmark.open(fake.root)
    assert cases_figure(benchmark, benchmark.datasets[0]) is None
    fake.add_images()
    (fake.path("few", "alc", 0) / "pred" / "case_a.nii.gz").unlink()
    assert cases_figure(benchmark, benchmark.datasets[0]) is None
