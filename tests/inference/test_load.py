"""The networks of a run: those that are asked for, and nothing beside them."""

from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch

from alcseg.errors import CheckpointError
from alcseg.inference import load
from alcseg.inference.load import build_method, load_networks
from alcseg.networks import NETWORKS
from alcseg.records.plan import Plan
from alcseg.records.run import RunRecord
from alcseg.records.settings import ChosenMethod, ChosenNetwork, RunSettings
from alcseg.run import Run

PLAN = Plan(
    spacing=(1.0, 1.0, 1.0),
    patch=(16, 16, 32),
    normalization="zscore",
    clip=None,
    label_values=(0, 1),
    label_names=("background", "organ"),
    channel_names=("MRI",),
)
Make = Callable[..., Path]


@pytest.fixture
def make_run(tmp_path: Path) -> Make:
    """Write a run as a training leaves it, with weights of its seed; student and teacher differ."""

    def make(method: str, **settings: object) -> Path:
        chosen = ChosenMethod(name=method, **settings)
        written = RunSettings(method=chosen, network=ChosenNetwork(filters=2), seed=4)
        written.write(tmp_path)
        PLAN.write(tmp_path)
        RunRecord().write(tmp_path)
        for name, network in build_method(written, PLAN).export_networks().items():
            weights = {key: value.contiguous() for key, value in network.state_dict().items()}
            if name == "teacher":
                weights = {key: value + 0.1 * value.is_floating_point() for key, value in weights.items()}
            safetensors.torch.save_file(weights, tmp_path / f"{name}.safetensors")
        return tmp_path

    return make


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of all networks that are built from here on."""
    names: list[str] = []
    build = load.build_network

    def counted(name: str, **options: object) -> torch.nn.Module:
        names.append(name)
        return build(name, **options)

    monkeypatch.setattr(load, "build_network", counted)
    return names


def test_only_what_is_asked_for_is_built(make_run: Make, built: list[str]) -> None:
    run = make_run("alc")
    built.clear()
    (run / "teacher.safetensors").rename(run / "elsewhere.safetensors")
    networks = load_networks(str(run))
    assert built == []
    assert networks.predict is networks.predict
    assert built == ["vnet"]
    (run / "elsewhere.safetensors").rename(run / "teacher.safetensors")
    image = torch.rand(1, 1, 16, 16, 32)
    with torch.no_grad():
        assert not torch.equal(networks.predict(image), networks.teacher(image))
    assert networks.teacher is networks.teacher
    assert built == ["vnet", "vnet"]


def test_what_is_absent_is_missed_when_it_is_asked_for(make_run: Make) -> None:
    run = make_run("alc")
    (run / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"model\.safetensors: expected the weights"):
        _ = load_networks(run).predict
    assert load_networks(run).teacher is not None


def test_a_method_without_a_teacher_has_none(make_run: Make) -> None:
    assert load_networks(make_run("h_sup")).teacher is None


@pytest.mark.parametrize(
    ("method", "settings", "count"),
    [
        ("h_sup", {}, 1),
        ("two_stage_rnt", {}, 1),
        ("kdem", {}, 1),
        ("decoupled", {"split_at": "head"}, 1),
        ("tbrats", {}, 1),
        ("trinet", {}, 3),
        ("trinet", {"eval_network": "first"}, 1),
        ("mixsegnet", {"second_view": "same"}, 1),
        ("mean_teacher", {"eval_network": "teacher"}, 1),
    ],
)
def test_it_answers_as_the_network_that_was_trained(
    method: str, settings: dict[str, object], count: int, make_run: Make, built: list[str]
) -> None:
    run = Run.open(make_run(method, **settings))
    built.clear()
    network = load_networks(run).predict
    assert len(built) == count
    trained = build_method(run.settings, run.plan).export_networks()["model"]
    trained.load_state_dict(safetensors.torch.load_file(run.weights_path("model")))
    image = torch.rand(1, 1, 16, 16, 32)
    with torch.no_grad():
        assert torch.equal(network(image), trained.eval()(image))
    assert not network.training
    strides = [weight.stride() for weight in network.parameters() if weight.ndim == 5 and weight.numel() > 99]
    assert all(stride[1] == 1 for stride in strides)  # channels last, as it was trained


def test_a_method_that_is_not_installed_is_named(make_run: Make) -> None:
    run = make_run("h_sup")
    RunSettings(method=ChosenMethod(name="elsewhere")).write(run)
    with pytest.raises(CheckpointError, match="method 'elsewhere' is not among"):
        load_networks(run)


@pytest.mark.parametrize("line", ["wermup_fraction: 0.1", "ema_decay: 7"])
def test_settings_that_were_damaged_are_told_of_the_file_that_holds_them(make_run: Make, line: str) -> None:
    run = make_run("mean_teacher")
    path = run / "config.yaml"
    path.write_text(path.read_text().replace("method:\n", f"method:\n  {line}\n"))
    with pytest.raises(CheckpointError, match=rf"config\.yaml: .*{line.split(':')[0]}.* Restore the file"):
        load_networks(run)


def test_a_network_that_wants_the_patch_gets_that_of_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def build(in_channels: int, num_classes: int, *, patch: object, **settings: object) -> torch.nn.Module:
        asked.append((patch, settings))
        return torch.nn.Conv3d(in_channels, num_classes, 1)

    monkeypatch.setitem(NETWORKS.builtin, "toy", build)
    toy = ChosenNetwork.model_validate({"name": "toy", "filters": 4})
    build_method(RunSettings(method=ChosenMethod(name="h_sup"), network=toy), PLAN)
    assert asked == [((16, 16, 32), {"filters": 4})]


def test_weights_that_are_not_finite_are_refused(make_run: Make) -> None:
    run = Run.open(make_run("h_sup"))
    weights = safetensors.torch.load_file(run.weights_path("model"))
    name = next(name for name in weights if name.endswith("running_var"))
    weights[name][0] = torch.inf
    safetensors.torch.save_file(weights, run.weights_path("model"))
    with pytest.raises(CheckpointError, match=rf"model\.safetensors: expected finite weights, .* in {name}"):
        load_networks(run).predict  # noqa: B018 - loads it
