"""What is read from a benchmark's folder, and what is said of damaged files."""

import shutil
from math import isnan, nan

import numpy as np
import pytest

from alcseg.errors import DataError
from alcseg.records.benchmark_plan import BenchmarkPlan
from alcseg.records.benchmark_run import BenchmarkRecord
from alcseg.records.pseudo_labels import PseudoLabelRow
from alcseg.records.scores import ScoreRow
from alcseg.reporting.records import Benchmark
from benchmark_folder import write_evaluation


def test_entries_come_in_the_order_of_the_plan(fake):
    found = Benchmark.open(fake.root)
    assert [dataset.title for dataset in found.datasets] == ["Toy, 10 % HQ", "Toy, 20 % HQ"]
    assert [row.row for row in found.rows] == ["mean_teacher", "alc_wo_lr", "alc", "oracle"]
    assert [row.upper_bound for row in found.rows] == [False, False, False, True]
    assert [(*run.place, run.record.seed) for run in found.runs[:3]] == [
        ("few", "mean_teacher", 0),
        ("few", "mean_teacher", 1),
        ("few", "alc_wo_lr", 0),
    ]
    assert found.cases("few") == (2, 6, 3)
    assert found.missing == ()


def test_values_are_by_seed_and_case(fake):
    values = Benchmark.open(fake.root).values("few", "alc", "dice")
    assert values.seeds == (0, 1)
    assert values.cases == ("case_a", "case_b", "case_c")
    assert values.array == pytest.approx(np.array([[0.80, 0.70, 0.60], [0.82, 0.72, 0.62]]))


def test_cases_that_a_seed_lacks_are_left_out(fake):
    write_evaluation(fake.path("few", "alc", 1) / "eval", {"case_c": 0.5, "case_a": 0.7, "case_d": 0.1})
    values = Benchmark.open(fake.root).values("few", "alc", "dice")
    assert values.cases == ("case_a", "case_c")
    assert values.array == pytest.approx(np.array([[0.80, 0.60], [0.7, 0.5]]))


def test_a_run_without_scores_does_not_count(fake):
    shutil.rmtree(fake.path("few", "alc", 0) / "eval")
    assert [run.record.seed for run in Benchmark.open(fake.root).done("few", "alc")] == [1]


def test_missing_and_failed_runs_are_told_apart(empty):
    empty.add_run("few", "alc", 0)
    empty.add_run("few", "alc", 1, status="failed", error="ResourceError: no room")
    found = Benchmark.open(empty.root)
    assert ("few", "alc", 0, "not run") not in found.missing
    assert ("few", "alc", 1, "ResourceError: no room") in found.missing
    assert ("more", "oracle", 1, "not run") in found.missing
    assert len(found.missing) == 15  # of 2 datasets, 4 rows, 2 seeds one is done
    assert found.values("few", "alc", "dice").seeds == (0,)


def test_a_method_stands_for_its_only_row(empty):
    rows = [{"row": "mine", "title": "Mine", "method": "alc"}]
    empty.write_plan(rows=rows)
    assert Benchmark.open(empty.root).row("alc").row == "mine"
    empty.write_plan(rows=[*rows, {"row": "other", "title": "Other", "method": "alc"}])
    assert Benchmark.open(empty.root).row("alc") is None  # which of them is not ours to say


def test_settings_are_flat(fake):
    run = Benchmark.open(fake.root).done("few", "alc")[0]
    assert run.settings["method.alpha"] == 5.0
    assert run.settings["data.lq_batch"] == 20


def test_pseudo_labels_of_empty_patches_are_nan(fake):
    fake.add_pseudo_labels("few", 0, generated=nan)
    run, other = Benchmark.open(fake.root).done("few", "alc")
    assert len(run.pseudo_labels) == 12
    first = run.pseudo_labels[0]
    assert (first.step, first.case_id, first.selected) == (10, "train_a", 1)
    assert first.refined == pytest.approx(0.35)
    assert isnan(first.generated)
    assert other.pseudo_labels == ()


@pytest.mark.parametrize("text", ["{", "[]", '{"row": "alc"}'])
def test_a_damaged_record_is_named(fake, text):
    BenchmarkRecord.path(fake.path("few", "alc", 1)).write_text(text)
    with pytest.raises(DataError, match=r"few/alc/seed-1/record\.json"):
        Benchmark.open(fake.root)


@pytest.mark.parametrize("text", ["", "case_id,class\na,b\n"])
def test_a_damaged_table_of_scores_is_named(fake, text):
    path = ScoreRow.path(fake.path("few", "alc", 1) / "eval")
    path.write_text(text)
    with pytest.raises(DataError, match=r"few/alc/seed-1/eval/per_case\.csv"):
        Benchmark.open(fake.root).values("few", "alc", "dice")


@pytest.mark.parametrize("text", ["step,selected\n1,1\n", "step,case_id,selected\n1"])
def test_a_damaged_table_of_pseudo_labels_is_named(fake, text):
    PseudoLabelRow.path(fake.path("few", "alc", 1)).write_text(text)
    with pytest.raises(DataError, match=r"seed-1/pseudo_labels\.csv"):
        Benchmark.open(fake.root).done("few", "alc")[1].pseudo_labels  # noqa: B018 - read when asked for


@pytest.mark.parametrize("text", ["rows: [", "just words", "datasets: [1]", "rows: 3", "rows: [3]"])
def test_a_damaged_plan_is_named(fake, text):
    BenchmarkPlan.path(fake.root).write_text(text)
    with pytest.raises(DataError, match=r"plan\.yaml"):
        Benchmark.open(fake.root)


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="alcseg benchmark"):
        Benchmark.open(tmp_path)


def test_seeds_that_the_plan_does_not_name_are_left_out(fake):
    fake.write_plan(seeds=[1])
    values = Benchmark.open(fake.root).values("few", "alc", "dice")
    assert values is not None
    assert values.seeds == (1,)
