"""How far a run is, by what lies in its folder."""

import pytest

from alcseg.benchmarking.datasets import make_datasets
from alcseg.benchmarking.plan import read_plan
from alcseg.benchmarking.run import RunPaths, _Job, _results, fail, failed_record, find_state
from alcseg.data.predicted import Predictions
from alcseg.errors import ConfigError, DataError
from alcseg.records.benchmark_run import BenchmarkRecord, RunIdentity
from alcseg.records.predictions import PredictedCase, PredictionRecord
from alcseg.run import Run

OTHERS = {
    "dataset": "other", "row": "other", "method": "mtcl_hard", "labels": "clean", "init": "h_sup",
    "preset": "la",
    "settings": {"trainer.steps": 5}, "seed": 1, "protocol": "paper", "window": "lineage", "split": "val",
}  # fmt: skip


@pytest.fixture
def run(content, write, tmp_path):
    """A run that asks for every kind of result; its paths, its plan, and a record of it as done."""
    content |= {"rows": ["alc"], "lq_labels": True, "correct": ["alc"], "pseudo_labels": ["alc"]}
    content["set"]["trainer.snapshot_every"] = 2
    plan = read_plan(write(content))
    done = failed_record(plan.runs[0], plan, "").model_copy(update={"status": "done", "error": None})
    return RunPaths(tmp_path / "out", plan.runs[0]), plan, done


def write_results(paths, plan, *, without=()):
    for path in _results(paths, plan):
        if path.name not in without and path.parent.name not in without:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()


def test_a_run_is_open_until_it_trains(run):
    paths, plan, _ = run
    assert find_state(paths, plan).state == "open"
    paths.root.mkdir(parents=True)
    assert find_state(paths, plan).state == "open"
    (paths.root / "config.yaml").touch()
    assert find_state(paths, plan).state == "begun"


def test_a_run_is_done_with_its_record_and_all_results(run):
    paths, plan, done = run
    done.write(paths.root)
    assert find_state(paths, plan).state == "begun"
    write_results(paths, plan)
    found = find_state(paths, plan)
    assert (found.state, found.record) == ("done", done)


@pytest.mark.parametrize("missing", ["eval", "lq-eval", "corrected-eval", "pseudo_labels.csv"])
def test_a_run_that_lacks_a_result_is_begun(run, missing):
    paths, plan, done = run
    done.write(paths.root)
    write_results(paths, plan, without=[missing])
    assert find_state(paths, plan).state == "begun"


@pytest.mark.parametrize("key", RunIdentity.model_fields)
def test_a_run_done_in_another_way_is_refused_and_a_failed_one_is_not(run, key):
    """Also where results are wanting: what is there would be mixed with what comes."""
    paths, plan, done = run
    other = done.model_copy(update={key: OTHERS[key]})
    other.model_copy(update={"status": "failed"}).write(paths.root)
    assert find_state(paths, plan).state == "failed"
    other.write(paths.root)
    with pytest.raises(ConfigError, match=f"done with {key}="):
        find_state(paths, plan)
    write_results(paths, plan)
    with pytest.raises(ConfigError, match=f"done with {key}="):
        find_state(paths, plan)


def test_predictions_of_which_some_failed_are_no_result_and_made_again(run, monkeypatch):
    paths, plan, _ = run
    make_datasets(plan, None, paths.out)
    job, calls, status = _Job(paths, plan, "cpu", 0), [], ["failed"]

    def predicted(run, images, *, out, window, device, overwrite):
        calls.append([path.name for path in images])
        case = PredictedCase(status=status[0], error=None if status[0] == "ok" else "no header")
        record = PredictionRecord(run=str(run), method="alc", cases={"phantom_006": case})
        record.write(out)
        return Predictions(out, record)

    monkeypatch.setattr("alcseg.benchmarking.run.predict", predicted)
    with pytest.raises(DataError, match="1 of 1 cases failed; the first, 'phantom_006': no header"):
        job._predict(Run(paths.root), "pred", split="test")
    status[0] = "ok"
    first = job._predict(Run(paths.root), "pred", split="test")
    assert calls == [["phantom_006_0000.nii.gz"]] * 2
    assert job._predict(Run(paths.root), "pred", split="test").record == first.record
    assert len(calls) == 2


def test_a_failure_is_recorded_with_its_trace_unless_it_is_the_users(run):
    paths, plan, _ = run
    for error, traced in ((DataError("no\n  case"), False), (RuntimeError("no luck"), True)):
        try:
            raise error
        except (DataError, RuntimeError) as caught:
            record = fail(paths, plan, caught)
        assert record == BenchmarkRecord.read(paths.root)
        assert record.error == f"{type(error).__name__}: {' '.join(str(error).split())}"
        assert (record.status, record.row, record.title) == ("failed", "alc", "ALC")
        assert paths.trace.is_file() == traced
