"""The results table: means, spread, tests and the paper's rows."""

import csv
import io

import pytest

from alcseg.report.markup import to_csv, to_markdown
from alcseg.report.records import Benchmark
from alcseg.report.results import results_table


def lines(fake, number=0):
    benchmark = Benchmark.open(fake.root)
    table = results_table(benchmark, benchmark.datasets[number])
    return list(csv.DictReader(io.StringIO(to_csv(table)))), table


def test_mean_and_deviation_over_seeds(fake):
    rows, _ = lines(fake)
    alc = next(row for row in rows if row["method"] == "ALC")
    # Seeds have the means 70 and 72 %: together 71, standard deviation sqrt(2).
    assert float(alc["dice"]) == pytest.approx(71.0)
    assert float(alc["dice_std"]) == pytest.approx(2**0.5, rel=1e-5)
    assert float(alc["hd95"]) == pytest.approx(20 * 0.29)  # distances are no percentages
    assert alc["p"] == ""  # not against itself


def test_the_papers_values_stand_under_ours_and_say_how_they_differ(fake):
    rows, table = lines(fake)
    names = [row["method"] for row in rows]
    assert names[names.index("ALC") + 1] == "ALC, paper (other split)"  # ours has 8 training cases, not 80
    paper = rows[names.index("ALC") + 1]
    assert [float(paper[key]) for key in ("dice", "jaccard", "hd95", "asd")] == [88.87, 80.23, 8.36, 2.29]
    assert paper["source"] == "paper"
    assert "voxels" in table.notes[-1]
    assert names[-1] == "V-Net, all labels clean"  # of which the paper's table says nothing


def test_the_same_split_bears_no_remark_and_a_cut_test_set_does(empty):
    for cases, remark in ((20, ""), (16, " (other test set)")):
        run = empty.add_run("few", "alc", 0, hq_cases=8, lq_cases=72, test_cases=cases)
        empty.write_scores(run / "eval", {f"case_{number}": 0.8 for number in range(cases)})
        assert f"ALC, paper{remark}" in {row["method"] for row in lines(empty)[0]}


def test_a_row_names_the_published_row_under_it(empty):
    rows = [
        {"row": "alc", "title": "ALC"},
        {"row": "tuned", "title": "Tuned", "method": "alc", "reference": "alc"},
    ]
    empty.write_plan(rows=[{"method": "alc", "labels": "given", "set": {}} | row for row in rows])
    empty.add_run("few", "tuned", 0)
    names = [row["method"] for row in lines(empty)[0]]
    assert names == ["ALC", "Tuned", "Tuned, paper (other split)"]


def test_upper_bounds_are_neither_best_nor_tested(fake):
    rows, table = lines(fake)
    best = [line.cells[0] for line in table.lines if getattr(line.cells[1], "best", False)]
    assert best == ["ALC"]
    assert rows[-1]["p"] == ""


def test_lower_distances_are_better(fake):
    _, table = lines(fake)
    column = [column.key for column in table.columns].index("hd95")
    assert table.columns[column].better == "down"
    assert [line.cells[0] for line in table.lines if getattr(line.cells[column], "best", False)] == ["ALC"]


def test_what_was_not_run_is_said_and_not_invented(empty):
    empty.add_run("few", "alc", 0)
    rows, table = lines(empty)
    teacher = next(row for row in rows if row["method"] == "Mean Teacher")
    assert teacher["dice"] == teacher["dice_interval_low"] == ""
    assert teacher["seeds"] == "0"
    assert "not run" in to_markdown(table)
    assert "1 of 2" in to_markdown(table)
    benchmark = Benchmark.open(empty.root)
    assert results_table(benchmark, benchmark.datasets[1]) is None
