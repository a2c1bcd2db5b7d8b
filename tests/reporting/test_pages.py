"""The verb: a folder of records to a page and its tables and figures as files."""

import re

import pytest
import yaml

from alcseg.commands.report import report
from alcseg.errors import DataError, UsageError
from alcseg.records.run import RunRecord
from alcseg.records.steps import Step, StepTable
from alcseg.reporting.records import Benchmark
from alcseg.run import Run


def test_a_benchmark(fake):
    fake.add_images()
    fake.add_images("more")
    fake.add_pseudo_labels()
    result = report(Benchmark.open(fake.root))
    names = [
        "overview",
        "results-few",
        "results-more",
        "claims",
        "fig1-noise",
        "fig3-pseudo-labels",
        "fig4-cases-few",
        "fig4-cases-more",
        "costs",
    ]
    assert result.shown == names
    folder = fake.root / "report"
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    figures = {f"figures/{name}.{end}" for name in names if name.startswith("fig") for end in ("png", "svg")}
    tables = {
        f"tables/{name}.{end}" for name in names if not name.startswith("fig") for end in ("md", "csv", "tex")
    }
    assert files == {"report.html"} | figures | tables
    page = result.page.read_text(encoding="utf-8")
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)  # nothing is fetched from elsewhere
    assert page.count("data:image/png") == 4
    assert "Toy &lt;benchmark&gt;" in page
    assert "71.00 ± 1.41" in page
    assert result.not_done == {}


def test_an_unfinished_benchmark(empty):
    empty.add_run("few", "alc", 0)
    empty.add_run("few", "oracle", 0, status="failed", error="RuntimeError: no luck")
    result = report(empty.root)
    assert result.shown == ["results-few", "costs", "missing"]
    assert len(result.not_done) == 15
    assert result.not_done["few/alc/seed-1"] == "not run"
    assert result.not_done["few/oracle/seed-0"] == "RuntimeError: no luck"
    assert "1 of 16 runs" in result.page.read_text(encoding="utf-8")


def test_a_benchmark_without_any_run(empty):
    assert report(empty.root).shown == ["missing"]


def test_a_run(fake):
    run = fake.add_run("few", "alc", 0)
    RunRecord(status="done", seed=7, device="cpu").write(run)
    (run / "plan.json").write_text("{}")
    steps = (Step(step=1, loss=1.0, terms={"hq": 0.9}), Step(step=2, loss=0.5, val_dice=0.3))
    StepTable(terms=("hq",), steps=steps).write_file(Run(run).metrics_path)
    result = report(run)
    assert result.shown == ["training", "scores", "settings"]
    assert (run / "report" / "figures" / "training.svg").is_file()
    assert "method.alpha,5.0" in (run / "report" / "tables" / "settings.csv").read_text()
    page = result.page.read_text()
    lines = (run / "report" / "tables" / "scores.csv").read_text().splitlines()
    assert lines[:2] == ["source,metric,mean,unit,better", "ours,Dice,70,%,higher"]  # of 0.8, 0.7 and 0.6
    assert "70.00" in page
    assert "<dt>seed</dt><dd>7</dd>" in page


def test_a_report_is_not_replaced_unasked(empty):
    report(empty.root)
    with pytest.raises(UsageError, match="--overwrite"):
        report(empty.root)
    report(empty.root, overwrite=True)


@pytest.mark.parametrize("out", [".", "..", "runs"])
def test_records_are_never_replaced(fake, out):
    with pytest.raises(UsageError):
        report(fake.root, out=fake.root / out, overwrite=True)
    assert (fake.root / "plan.yaml").is_file()


def test_a_damaged_record_leaves_no_half_report(fake):
    (fake.path("few", "alc", 0) / "eval" / "per_case.csv").write_text("case_id\nx\n")
    with pytest.raises(DataError, match=r"per_case\.csv"):
        report(fake.root)
    assert not (fake.root / "report").exists()


def test_another_folder_is_refused(tmp_path):
    (tmp_path / "notes.yaml").write_text(yaml.safe_dump({}))
    with pytest.raises(DataError, match="alcseg train"):
        report(tmp_path)
