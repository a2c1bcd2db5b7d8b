"""Tables beside the results: label quality, costs, missing runs."""

import csv
import io

import pytest

from alcseg.reporting.costs import cost_table
from alcseg.reporting.label_quality import label_table
from alcseg.reporting.markup import to_csv
from alcseg.reporting.missing import missing_table
from alcseg.reporting.overview import overview_table
from alcseg.reporting.records import Benchmark
from benchmark_folder import write_evaluation


def rows(table):
    return list(csv.DictReader(io.StringIO(to_csv(table))))


def test_labels_as_given_predicted_and_corrected(fake):
    for seed in (0, 1):
        predicted = {"train_a": 0.6, "train_b": 0.6 + 0.1 * seed}
        write_evaluation(fake.path("few", "alc", seed) / "lq-eval", predicted)
        write_evaluation(fake.path("few", "alc", seed) / "corrected-eval", {"train_a": 0.7, "train_b": 0.5})
    write_evaluation(fake.path("few", "oracle", 0) / "lq-eval", {"train_a": 0.95, "train_b": 0.95})
    benchmark = Benchmark.open(fake.root)
    table = label_table(benchmark, benchmark.datasets[0])
    found = {row["labels"]: row for row in rows(table)}
    assert float(found["as given"]["dice"]) == pytest.approx(35.0)
    assert float(found["predicted by ALC"]["dice"]) == pytest.approx(62.5)  # of 60 and 65
    assert float(found["predicted by ALC"]["dice_std"]) == pytest.approx(12.5**0.5, rel=1e-5)
    assert float(found["corrected by ALC"]["dice"]) == pytest.approx(60.0)
    assert [line.cells[0] for line in table.lines if line.cells[1].best] == ["predicted by ALC"]
    assert label_table(benchmark, benchmark.datasets[1]) is None  # the given labels alone say nothing


def test_time_per_step_and_memory(fake):
    fake.add_run("few", "alc", 0, train_s=30.0)  # 300 ms a step, the other seed 600
    fake.add_run("few", "oracle", 0, peak_gpu_memory_mib=1024)
    found = rows(cost_table(Benchmark.open(fake.root)))
    alc = next(row for row in found if (row["dataset"], row["method"]) == ("Toy, 10 % HQ", "ALC"))
    assert float(alc["ms_per_step"]) == pytest.approx(450.0)
    assert float(alc["ms_per_step_std"]) == pytest.approx(300 / 2**0.5, rel=1e-5)
    assert float(alc["peak_memory_gib"]) == pytest.approx(2.0)
    assert alc["peak_gpu_memory_gib"] == ""
    assert float(alc["train_min"]) == pytest.approx(0.75)  # of half a minute and one
    assert float(alc["parameters_millions"]) == pytest.approx(0.5)
    assert float(alc["validation_dice"]) == pytest.approx(50)
    assert float(found[3]["peak_gpu_memory_gib"]) == pytest.approx(1.0)


def test_tables_of_an_unfinished_benchmark(empty):
    assert cost_table(Benchmark.open(empty.root)) is None
    assert len(rows(missing_table(Benchmark.open(empty.root)))) == 16


def test_nothing_is_missing(fake):
    assert missing_table(Benchmark.open(fake.root)) is None


def test_all_datasets_side_by_side(fake):
    fake.add_run("few", "alc", 0, dice=(0.9, 0.8, 0.7))
    fake.add_run("few", "alc", 1, dice=(0.9, 0.9, 0.9))
    table = overview_table(Benchmark.open(fake.root))
    found = rows(table)
    assert [row["dataset"] for row in found] == [entry["title"] for entry in fake.plan["datasets"].values()]
    assert float(found[0]["alc"]) == pytest.approx(85.0)  # of 80 and 90
    assert float(found[0]["alc_std"]) == pytest.approx(50**0.5, rel=1e-5)
    marked = [column.key for column, cell in zip(table.columns, table.lines[0].cells, strict=True)
              if getattr(cell, "best", False)]  # fmt: skip
    assert marked == ["alc"]  # the upper bound, which is better, is never marked


def test_one_dataset_needs_no_overview(empty):
    empty.add_run("few", "alc", 0, dice=(0.9, 0.8, 0.7))
    assert overview_table(Benchmark.open(empty.root)) is None
