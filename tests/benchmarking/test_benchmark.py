"""`alcseg benchmark` in this process: done runs stay, failed ones are tried again, stopped ones go on."""

import json
import re
import signal

import pytest

from alcseg.benchmarking import estimate
from alcseg.launching import cores
from alcseg.machine import processor
from alcseg.records.benchmark_run import BenchmarkRecord
from alcseg.records.pseudo_labels import PseudoLabelRow
from alcseg.records.run import RunRecord
from alcseg.records.steps import StepTable
from alcseg.training_methods import Method

RESULTS = ("eval/summary.json", "lq-eval/summary.json", "corrected-eval/summary.json", "pseudo_labels.csv")


def times(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def call(alcseg, tmp_path):
    """Run the plan file in this process."""
    return lambda plan, *words: alcseg(
        "benchmark", plan, "--out", tmp_path / "out", "--jobs", 0, "--device", "cpu", *words
    )


def test_a_run_has_all_results_and_is_not_done_again(content, write, call, tmp_path):
    content |= {"rows": ["alc"], "lq_labels": True, "correct": ["alc"], "pseudo_labels": ["alc"]}
    content["set"]["trainer.snapshot_every"] = 2
    plan = write(content)
    told = call(plan, "--json")
    assert told.code == 0, told.err
    assert [line["state"] for line in json.loads(told.out)["runs"]] == ["done"]
    assert "nan" not in told.err
    root = tmp_path / "out/runs/tiny/alc/seed-0"
    assert [name for name in RESULTS if not (root / name).is_file()] == []
    record = BenchmarkRecord.read(root)
    facts = ("status", "dataset", "row", "method", "seed", "steps", "hq_cases", "lq_cases", "test_cases")
    assert [getattr(record, key) for key in facts] == ["done", "tiny", "alc", "alc", 0, 4, 2, 2, 1]
    assert record.settings["trainer.steps"] == 4
    assert record.hardware == processor()
    assert record.train_s is not None
    assert record.validation_dice is None  # nothing validated
    labels = PseudoLabelRow.read(root)
    assert sorted({label.step for label in labels}) == [2, 4]
    assert len(labels) == 2 * 16 * 2  # snapshots, batches, LQ patches
    assert sum(label.selected for label in labels) == len(labels) / 2  # ALC refines half of a batch
    before = times(root)
    assert call(plan).code == 0
    assert call(plan, "--device", "tpu").code == 2  # nothing to do, but wrong words
    assert times(root) == before

    RunRecord.read(root).model_copy(update={"gpu": "A card", "peak_gpu_memory_mib": 5.5}).write(root)
    BenchmarkRecord.path(root).unlink()
    assert call(plan).code == 0
    again = BenchmarkRecord.read(root)
    assert (again.hardware, again.peak_gpu_memory_mib) == ("A card", 5.5)
    assert again.train_s == record.train_s  # nothing was trained again
    before = times(root)

    content["set"]["trainer.learning_rate"] = 0.5
    changed = call(write(content))
    assert changed.code == 2
    assert "done with settings=" in changed.err
    assert times(root) == before


def test_runs_share_the_cores_and_go_on_as_they_began(content, write, call, tmp_path, launched):
    """Four cores: four runs of a thread each; after one of two threads was begun, two of two."""
    plan = write(content | {"seeds": [0, 1, 2, 3, 4]})
    assert call(plan, "--jobs", "auto").code == 130
    RunRecord(device="cpu", threads=2).write(tmp_path / "out/runs/tiny/hl_sup/seed-0")
    assert call(plan, "--jobs", "auto").code == 130
    assert call(plan, "--jobs", "auto", "--runs", "*/seed-3").code == 130
    assert call(plan, "--jobs", 3).code == 130
    assert launched == [(4, 1, 5), (2, 2, 5), (1, 2, 1), (3, None, 5)]

    found = json.loads(call(plan, "--jobs", "auto", "--dry-run", "--json").out)
    cost = found["cost"]
    assert (cost["side_by_side"], cost["threads"]) == (2, 2)
    assert cost["total_hours"] == pytest.approx(sum(cost["hours"].values()) / 2, abs=0.01)
    alone = json.loads(call(plan, "--dry-run", "--json").out)["cost"]
    assert (alone["side_by_side"], alone["threads"]) == (1, None)


def test_runs_of_which_memory_holds_few_have_more_threads(content, write, call, monkeypatch):
    monkeypatch.setattr(cores, "usable_cores", lambda: 4)
    monkeypatch.setattr(cores, "free_memory_gib", lambda: 8.0)
    need = estimate.Estimate(
        seconds_per_step=1, hours=1, memory_gib=1
    )  # 3.75 GiB for a method of three networks
    monkeypatch.setattr(estimate, "estimate_cost", lambda *given: need)
    found = json.loads(
        call(write(content | {"seeds": [0, 1, 2]}), "--jobs", "auto", "--dry-run", "--json").out
    )
    assert (found["cost"]["side_by_side"], found["cost"]["threads"]) == (2, 2)


def test_a_failed_run_is_recorded_and_tried_again(content, write, call, tmp_path, monkeypatch):
    plan = write(content | {"rows": ["h_sup", "hl_sup"]})
    train = Method.take_step

    def broken(self, batch, optimizers, **options):
        if "lq" in self.streams or "union" in self.streams:
            raise RuntimeError("no luck")
        train(self, batch, optimizers, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Method, "take_step", broken)
        told = call(plan)
    assert told.code == 3
    assert "tiny/hl_sup/seed-0" in told.out
    assert "no luck" in told.out
    roots = {row: tmp_path / f"out/runs/tiny/{row}/seed-0" for row in ("h_sup", "hl_sup")}
    record = BenchmarkRecord.read(roots["hl_sup"])
    assert (record.status, record.error) == ("failed", "RuntimeError: no luck")
    assert "no luck" in (roots["hl_sup"] / "error.txt").read_text()
    done = times(roots["h_sup"])
    assert call(plan).code == 0
    assert times(roots["h_sup"]) == done
    assert BenchmarkRecord.read(roots["hl_sup"]).done
    assert not (roots["hl_sup"] / "error.txt").exists()


def test_a_stopped_run_goes_on_from_its_checkpoint(content, write, call, tmp_path, monkeypatch):
    content["set"]["trainer.validate_every"] = 3
    plan = write(content)
    train, steps = Method.take_step, []

    def interrupted(self, batch, optimizers, **options):
        steps.append(self.done)
        if len(steps) == 3:
            signal.raise_signal(signal.SIGINT)
        train(self, batch, optimizers, **options)

    monkeypatch.setattr(Method, "take_step", interrupted)
    told = call(plan)
    assert told.code == 130
    assert "the same command goes on" in told.err
    root = tmp_path / "out/runs/tiny/hl_sup/seed-0"
    assert (root / "config.yaml").is_file()
    assert not BenchmarkRecord.path(root).exists()
    assert call(plan).code == 0
    assert steps == [0, 1, 2, 3]  # no step twice
    record = BenchmarkRecord.read(root)
    assert record.done
    assert record.validation_dice == StepTable.read_file(root / "metrics.csv").last.val_dice


def test_a_dry_run_computes_nothing(content, write, call, tmp_path):
    content["set"]["data.patch"] = None
    told = call(write(content), "--dry-run", "--json")
    assert told.code == 0, told.err
    found = json.loads(told.out)
    assert [line["state"] for line in found["runs"]] == ["open"]
    assert found["cost"]["not_estimated"] == ["tiny/hl_sup/seed-0"]
    assert "no patch is set" in found["cost"]["left_out"][0]
    assert not (tmp_path / "out").exists()

    content["set"]["data.patch"] = [16, 16, 16]
    del content["datasets"]["tiny"]["phantoms"]
    told = call(write(content), "--dry-run")
    assert told.code == 0, told.err
    assert "--data is not given" in " ".join(told.out.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--slurm", "partition=gpu"], "expected --launcher slurm"),
        (["--launcher", "slurm", "--slurm", "gpu"], "expected KEY=VALUE"),
        (["--launcher", "slurm", "--slurm", "partitoin=gpu", "cluster=local"], "--slurm: .*partitoin"),
        (["--jobs", "-1"], "expected at least 0"),
        (["--device", "tpu"], "--device: expected auto, cpu"),
        (["--device", "tpu", "--dry-run"], "--device: expected auto, cpu"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_made(content, write, alcseg, tmp_path, words, message):
    told = alcseg("benchmark", write(content), "--out", tmp_path / "out", *words)
    assert told.code == 2
    assert re.search(message, told.err)
    assert not (tmp_path / "out/datasets").exists()


def test_chosen_runs_alone_are_done_and_their_records_make_a_report(content, write, call, alcseg, tmp_path):
    """What a report reads is kept apart, without weights, predictions and folders of this machine."""
    content |= {"rows": ["h_sup", "hl_sup", "alc"], "lq_labels": True}
    content["datasets"]["other"] = content["datasets"]["tiny"]
    kept = tmp_path / "records"
    told = call(write(content), "--json", "--records", kept, "--runs", "tiny/alc/*", "tiny/h*/seed-0")
    assert told.code == 0, told.err
    runs = {line["run"]: line["dice"] for line in json.loads(told.out)["runs"]}
    assert list(runs) == ["tiny/alc/seed-0", "tiny/h_sup/seed-0", "tiny/hl_sup/seed-0"]
    assert not (tmp_path / "out/datasets/other").exists()

    files = {path.relative_to(kept): path.read_text() for path in kept.rglob("*") if path.is_file()}
    assert {path.name for path in files} <= {
        "plan.yaml", "noise.json", "record.json", "config.yaml", "metrics.csv", "summary.json", "per_case.csv"
    }  # fmt: skip
    assert [path for path, text in files.items() if str(tmp_path) in text] == []
    reports = [
        alcseg("report", folder, "--out", tmp_path / f"of-{folder.name}")
        for folder in (kept, tmp_path / "out")
    ]
    assert [told.code for told in reports] == [0, 0]
    for table in ("results-tiny.csv", "labels-tiny.csv", "costs.csv"):
        ours, whole = (
            (tmp_path / f"of-{name}" / "tables" / table).read_text() for name in ("records", "out")
        )
        assert ours == whole

    assert call(write(content), "--records", kept / "later", "--runs", "tiny/alc/*").code == 0
    assert [path.parent.parent.name for path in (kept / "later").rglob("record.json")] == [
        "alc"
    ]  # done before
    told = call(write(content), "--runs", "tiny/acl/*")
    assert told.code == 2
    assert "none that matches" in told.err


def test_a_row_begins_with_the_weights_of_another(content, write, call, tmp_path):
    """Whatever the order of the rows; without that run it fails, and says which is wanted."""
    first = {"row": "later", "method": "hl_sup", "init": "h_sup"}
    content |= {"rows": [first, "h_sup"]}
    plan = write(content)
    alone = call(plan, "--runs", "*/later/*")
    assert alone.code == 3
    assert "a finished run tiny/h_sup/seed-0 to begin with" in " ".join(alone.out.split())
    assert call(plan).code == 0
    root = tmp_path / "out/runs/tiny/later/seed-0"
    assert BenchmarkRecord.read(root).init == "h_sup"
    assert "h_sup" in str(RunRecord.read(root).initial)


@pytest.mark.parametrize("init", ["nobody", "later"])
def test_a_row_that_begins_with_none_is_refused(content, write, call, init):
    content |= {"rows": ["h_sup", {"row": "later", "method": "hl_sup", "init": init}]}
    told = call(write(content))
    assert told.code == 2
    assert "init: expected another row" in told.err
