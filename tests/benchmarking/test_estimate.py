"""What a plan will cost: hours from one measured step, room from sizes of data and networks."""

import pytest

from alcseg.benchmarking import estimate
from alcseg.benchmarking.datasets import make_datasets
from alcseg.benchmarking.estimate import estimate_plan
from alcseg.benchmarking.plan import read_plan, resolve_run
from alcseg.data.folder import Dataset
from alcseg.inference.load import build_method
from alcseg.records.method_costs import MethodCosts
from alcseg.training.estimate import Estimate


@pytest.fixture
def measured(monkeypatch):
    """Methods whose step was measured; each step of them takes a thousandth of an hour."""
    asked = []

    def measure(method, settings, device):
        asked.append(settings.method.name)
        return Estimate(3.6, 0.001 * settings.trainer.steps, 0.1)

    monkeypatch.setattr(estimate, "estimate_cost", measure)
    return asked


def estimated(plan, out, sources=(), runs=None):
    return estimate_plan(plan, plan.runs if runs is None else runs, sources, out, "cpu")


def test_hours_follow_from_one_step_by_the_steps_and_the_costs_of_the_methods(
    content, write, tmp_path, measured
):
    content["set"]["trainer.steps"] = 400
    content["rows"] = ["hl_sup", "alc", {"row": "long", "method": "hl_sup", "set": {"trainer.steps": 1200}}]
    cost = estimated(read_plan(write(content)), tmp_path / "out")
    ratio = MethodCosts.shipped().cost["alc"]
    assert cost.hours == {
        "tiny/hl_sup/seed-0": 0.4,
        "tiny/alc/seed-0": pytest.approx(0.4 * ratio),
        "tiny/long/seed-0": 1.2,
    }
    assert cost.total_hours == pytest.approx(1.6 + 0.4 * ratio, abs=0.005)
    assert measured == ["hl_sup"]  # of one network and patch


def test_another_patch_is_measured_anew(content, write, tmp_path, measured):
    content["rows"] = ["hl_sup", {"row": "large", "method": "hl_sup", "set": {"data.patch": [32, 32, 32]}}]
    estimated(read_plan(write(content)), tmp_path / "out")
    assert measured == ["hl_sup", "hl_sup"]


def test_a_method_of_unknown_cost_is_measured_itself(content, write, tmp_path, measured, monkeypatch):
    costs = MethodCosts.shipped()
    known = costs.model_copy(update={"cost": {"hl_sup": 1.0}})
    monkeypatch.setattr(MethodCosts, "shipped", lambda: known)
    cost = estimated(read_plan(write(content | {"rows": ["alc"]})), tmp_path / "out")
    assert measured == ["alc"]
    assert cost.hours == {"tiny/alc/seed-0": 0.004}


def test_only_the_runs_that_are_left_cost_anything(content, write, tmp_path, measured):
    plan = read_plan(write(content | {"seeds": [0, 1, 2]}))
    assert set(estimated(plan, tmp_path / "out", runs=plan.runs[1:]).hours) == {
        "tiny/hl_sup/seed-1",
        "tiny/hl_sup/seed-2",
    }


def test_what_is_imported_takes_room_for_folder_and_cache(content, write, tmp_path, measured):
    del content["datasets"]["tiny"]["phantoms"]
    source = tmp_path / "source" / "deep"
    source.mkdir(parents=True)
    with (source / "volume.nii").open("wb") as stream:
        stream.truncate(2 * 2**30)  # takes no room itself
    cost = estimated(read_plan(write(content)), tmp_path / "out", [tmp_path / "source"])
    assert cost.disk_gib == 5.0  # two and a half times the source
    assert cost.left_out == []
    assert cost.free_gib > 0


def test_what_is_there_takes_room_in_the_cache_only(content, write, tmp_path):
    plan = read_plan(write(content))
    make_datasets(plan, None, tmp_path)
    # Four training cases and one that validates, 24 x 24 x 16 voxels of three bytes.
    assert estimate._data_bytes(plan, [], tmp_path) == 3 * 24 * 24 * 16 * 5


def test_a_run_holds_its_weights_thrice_and_once_per_snapshot(content, write, tmp_path):
    (run,) = read_plan(write(content)).runs
    settings = resolve_run(run)
    plan = estimate._plan(run, settings, tmp_path, Dataset.open)
    state = build_method(settings, plan).state_dict().values()
    size = sum(tensor.numel() * tensor.element_size() for tensor in state)
    assert estimate._run_bytes(settings, plan) == 3 * size
    content["set"]["trainer.snapshot_every"] = 2
    (run,) = read_plan(write(content)).runs
    assert estimate._run_bytes(resolve_run(run), plan) == 5 * size  # of 4 steps
