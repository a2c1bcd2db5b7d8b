"""A training that begins with the weights of another run."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from alcseg.commands.train import plan_training, train
from alcseg.data.folder import Dataset
from alcseg.errors import ConfigError
from alcseg.inference.load import build_method, load_network
from alcseg.networks import NETWORKS
from alcseg.records.plan import Plan
from alcseg.records.run import RunRecord
from alcseg.records.settings import ChosenMethod, ChosenNetwork, RunSettings
from alcseg.run import Run
from alcseg.training.initial import settings_of, take_weights

PLAN = Plan(
    spacing=(1.0, 1.0, 1.0),
    patch=(16, 16, 32),
    normalization="zscore",
    clip=None,
    label_values=(0, 1, 2),
    label_names=("background", "left", "right"),
    channel_names=("T1", "T2"),
)


def settings(method: str = "h_sup", network: str = "vnet", seed: int = 1, **of_network: Any) -> RunSettings:
    chosen = ChosenNetwork(name=network, **of_network or {"filters": 2})
    return RunSettings(method=ChosenMethod(name=method), network=chosen, seed=seed)


def with_names(labels: tuple[str, ...], channels: tuple[str, ...] = PLAN.channel_names) -> Plan:
    values = tuple(range(len(labels)))
    return PLAN.model_copy(update={"label_names": labels, "label_values": values, "channel_names": channels})


@pytest.fixture
def write_run(tmp_path: Path) -> Callable[..., Run]:
    """A run as a training leaves it."""

    def write(known: RunSettings, plan: Plan = PLAN) -> Run:
        path = tmp_path / "source"
        known.write(path)
        plan.write(path)
        RunRecord(train_cases=("a", "b")).write(path)
        network = build_method(known, plan).export_networks()["model"]
        safetensors.torch.save_model(network, str(path / "model.safetensors"))
        return Run.open(path)

    return write


def _words(value: torch.Tensor) -> bytes:
    return value.detach().contiguous().numpy().tobytes()


def head(network: torch.nn.Module, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias that answer for the classes."""
    *_, weight, bias = (value for value in network.state_dict().values() if value.shape[:1] == (classes,))
    return weight, bias


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_network_takes_all_weights_of_its_like(name: str, write_run: Callable[..., Run]) -> None:
    small: dict[str, Any] = {
        "segresnet": {"filters": 8},
        "swin_unetr": {"filters": 12},
        "unetr": {"filters": 4, "hidden_size": 12, "mlp_dim": 12, "num_heads": 2},
    }.get(name, {"filters": 2})
    known = settings(network=name, **small)
    source = write_run(known)
    initial = take_weights(source, known.model_copy(update={"seed": 2}), PLAN)
    assert initial.record.fresh == initial.record.fresh_classes == ()
    expected = load_network(source, "model", "cpu").state_dict()
    for key, value in initial.network.state_dict().items():
        assert torch.equal(value, expected[key]), key


@pytest.mark.parametrize("method", ["alc", "mean_teacher", "trinet", "mixsegnet", "tbrats", "kdem"])
def test_a_method_begins_with_what_a_supervised_run_learned(
    method: str, write_run: Callable[..., Run]
) -> None:
    source = write_run(settings())
    other = settings(method, seed=2)
    built = build_method(other, PLAN, initial=take_weights(source, other, PLAN).network)
    known = {_words(value) for value in load_network(source, "model", "cpu").parameters()}
    taken = [value for value in built.parameters() if _words(value) in known]
    assert len(taken) >= len(known)


def test_classes_go_by_name(write_run: Callable[..., Run]) -> None:
    source = write_run(settings())
    plan = with_names(("background", "tumor", "right", "left"))
    other = settings(seed=2)
    initial = take_weights(source, other, plan)
    fresh = build_method(other, plan).export_networks()["model"]
    (weight, bias), (old, old_bias), (new, _) = (
        head(initial.network, 4),
        head(load_network(source, "model", "cpu"), 3),
        head(fresh, 4),
    )
    assert torch.equal(weight[[0, 2, 3]], old[[0, 2, 1]])
    assert torch.equal(bias[[0, 2, 3]], old_bias[[0, 2, 1]])
    assert torch.equal(weight[1], new[1])
    assert initial.record.fresh_classes == ("tumor",)
    assert initial.record.dropped_classes == ()


def test_as_many_classes_in_another_order_are_not_mixed_up(write_run: Callable[..., Run]) -> None:
    source = write_run(settings())
    initial = take_weights(source, settings(seed=2), with_names(("background", "right", "cyst")))
    assert torch.equal(head(initial.network, 3)[0][1], head(load_network(source, "model", "cpu"), 3)[0][2])
    assert initial.record.fresh_classes == ("cyst",)
    assert initial.record.dropped_classes == ("left",)


def test_no_network_is_built_to_find_what_names_already_tell(
    write_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(settings())
    monkeypatch.setattr("alcseg.training.initial.build_network", None)
    assert take_weights(run, settings(seed=2), PLAN).record.fresh == ()


def test_channels_go_by_name(write_run: Callable[..., Run]) -> None:
    source = write_run(settings())
    plan = with_names(PLAN.label_names, ("T2", "FLAIR", "T1"))
    initial = take_weights(source, settings(seed=2), plan)
    first = next(iter(initial.network.parameters()))
    old = next(iter(load_network(source, "model", "cpu").parameters()))
    assert torch.equal(first[:, [0, 2]], old[:, [1, 0]])
    assert initial.record.fresh_channels == ("FLAIR",)


def test_where_no_channel_has_the_same_name_all_that_sees_channels_begins_anew(
    write_run: Callable[..., Run],
) -> None:
    source = write_run(settings())
    initial = take_weights(source, settings(seed=2), with_names(PLAN.label_names, ("MRI",)))
    first = next(iter(initial.network.state_dict()))
    assert initial.record.fresh == (first,)
    assert initial.record.fresh_channels == ("MRI",)


def test_of_a_network_of_other_width_nothing_is_taken(write_run: Callable[..., Run]) -> None:
    source = write_run(settings())
    with pytest.raises(ConfigError, match="expected weights that fit the network 'vnet'"):
        take_weights(source, settings(filters=3), with_names(("background", "one")))


def test_another_network_is_refused(write_run: Callable[..., Run]) -> None:
    with pytest.raises(ConfigError, match="a run of the network 'unet', found one of 'vnet'"):
        take_weights(write_run(settings()), settings(network="unet"), PLAN)


def test_a_training_shares_network_and_grid_with_the_run_it_begins_with(
    write_run: Callable[..., Run], dataset: Dataset, tiny_settings: tuple[str, ...]
) -> None:
    """Also where its own data would have said otherwise."""
    plan = PLAN.model_copy(update={"channel_names": ("MRI",), "spacing": (1.0, 1.0, 2.0)})
    source = write_run(settings(filters=3), plan)
    assert settings_of(source)["network"]["filters"] == 3
    planned = plan_training(
        dataset.root,
        method="h_sup",
        init=source,
        set=["trainer.precision=32", "data.hq_batch=2"],
        steps=3,
        device="cpu",
    )
    assert planned.spacing_mm == (1.0, 1.0, 2.0)
    assert planned.patch == (16, 16, 32)
    assert planned.steps == 3


def test_a_training_that_began_with_other_weights_ends_bit_identical_when_it_is_stopped(
    dataset: Dataset,
    tiny_settings: tuple[str, ...],
    tmp_path: Path,
    interrupted: Callable[..., AbstractContextManager[None]],
) -> None:
    def train_tiny(out: str, **options: Any) -> Run:
        return train(dataset.root, out=tmp_path / out, set=tiny_settings, device="cpu", **options)

    source = train_tiny("source", method="h_sup")
    whole = train_tiny("whole", method="mean_teacher", init=source)
    with interrupted(at=3), pytest.raises(KeyboardInterrupt):
        train_tiny("stopped", method="mean_teacher", init=source)
    with pytest.raises(ConfigError, match="asked for fresh ones"):
        train_tiny("stopped", method="mean_teacher")
    stopped = train_tiny("stopped", method="mean_teacher", init=source)
    assert stopped.weights_path("model").read_bytes() == whole.weights_path("model").read_bytes()
    assert stopped.record.initial is not None
    assert stopped.record.initial.run == str(source.path)
    assert stopped.learned_from(()) >= source.learned_from(())
    with pytest.raises(ConfigError, match="began with fresh weights, asked for those of"):
        train_tiny("source", method="h_sup", init=whole)
