"""The networks of a finished or running training, ready to predict."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path

import safetensors.torch
import torch
from torch import nn

from alcseg.errors import CheckpointError, ConfigError
from alcseg.listing import has_file
from alcseg.networks import build_network, not_finite
from alcseg.records.plan import Plan
from alcseg.records.settings import RunSettings
from alcseg.run import Run
from alcseg.training_methods import METHODS, Method, Stage, Task, stage_seed

__all__ = [
    "Networks",
    "build_method",
    "create_method",
    "load_file",
    "load_network",
    "load_networks",
    "load_weights",
    "make_task",
    "network_maker",
]

NetworkMaker = Callable[[], nn.Module]


@dataclass(frozen=True)
class Networks:
    """Networks in evaluation mode, each `(B, C, X, Y, Z)` to logits `(B, K, X, Y, Z)`; see `load_networks`.

    Attributes:
        run: Whose.
        device: Where they go.
        names: Those that the run's method has.
    """

    run: Run
    device: torch.device | str
    names: tuple[str, ...]

    @cached_property
    def predict(self) -> nn.Module:
        """Answers at prediction."""
        return load_network(self.run, "model", self.device)

    @cached_property
    def teacher(self) -> nn.Module | None:
        """Averaged network, if the method has one."""
        return load_network(self.run, "teacher", self.device) if "teacher" in self.names else None


def create_method(settings: RunSettings) -> Method:
    """The method of a run with its settings, without networks.

    Raises:
        CheckpointError: If the method is not installed.
    """
    name = settings.method.name
    if name not in METHODS:
        raise CheckpointError(
            f"config.yaml: method '{name}' is not among {', '.join(METHODS)}. Install what provides it."
        )
    return METHODS[name][0](**settings.method.settings)


def network_maker(settings: RunSettings, plan: Plan, initial: nn.Module | None = None) -> NetworkMaker:
    """What builds a network of a run.

    Args:
        settings: Of the run.
        plan: Of the run.
        initial: Whose weights it begins with; fresh ones where None.
    """

    def make() -> nn.Module:
        network = build_network(
            settings.network.name,
            in_channels=len(plan.channel_names),
            num_classes=plan.num_classes,
            patch=plan.patch,
            flat_levels=plan.flat_levels,
            **settings.network.settings,
        )
        if initial is not None:
            network.load_state_dict(initial.state_dict())
        return network

    return make


def make_task(
    settings: RunSettings, plan: Plan, stage: Stage | None = None, initial: nn.Module | None = None
) -> Task:
    """What the method of a run is trained on.

    Args:
        settings: Of the run; its steps are known.
        plan: Of the run.
        stage: One of the run's; its last where None.
        initial: Whose weights its networks begin with; fresh ones where None.
    """
    trainer = settings.trainer
    return Task(
        build_network=network_maker(settings, plan, initial),
        num_classes=plan.num_classes,
        steps=(trainer.steps or 0) if stage is None else stage.steps,
        seed=settings.seed if stage is None else stage_seed(settings.seed, stage.name),
        stage="" if stage is None else stage.name,
        learning_rate=trainer.learning_rate,
        momentum=trainer.momentum,
        weight_decay=trainer.weight_decay,
        poly_power=trainer.poly_power,
        in_channels=len(plan.channel_names),
        patch=plan.patch,
        # A case keeps its own along an axis that the plan leaves; the finest of the others stands for it.
        spacing=tuple(step or min(filter(None, plan.spacing), default=1.0) for step in plan.spacing),
    )


def build_method(
    settings: RunSettings, plan: Plan, stage: Stage | None = None, initial: nn.Module | None = None
) -> Method:
    """Build the method of a run; see `make_task`.

    Raises:
        CheckpointError: If the method is not installed.
    """
    return create_method(settings).prepare(make_task(settings, plan, stage, initial))


def load_networks(run: str | PathLike[str], device: torch.device | str = "cpu") -> Networks:
    """The networks that a run has written, each loaded when it is first asked for.

    Args:
        run: The run.
        device: Where the networks go.

    Raises:
        CheckpointError: If the folder is no run, its method is not installed, or does not know its settings.
    """
    folder = Run.open(run)
    with _as_recorded(folder):
        return Networks(folder, device, create_method(folder.settings).exports)


def load_network(run: Run, name: str, device: torch.device | str) -> nn.Module:
    """One network of a run in evaluation mode; nothing else of its method is built.

    Args:
        run: The run at a stage.
        name: Of the method's `exports`.
        device: Where it goes.

    Raises:
        CheckpointError: If its weights are absent or do not fit, or its settings are none of its method.
    """
    with _as_recorded(run):
        method = create_method(run.settings)
        method.task = make_task(run.settings, run.plan)
        network = method.build_exported(name)
    network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    load_file(network, run.weights_path(name))
    return network.to(device).eval()


def load_weights(
    method: Method, run: Run, device: torch.device | str, snapshot: Path | None = None
) -> dict[str, nn.Module]:
    """The networks that a method exports, with the weights of a run's stage, in evaluation mode.

    Args:
        method: Of the run.
        run: The run at the stage.
        device: Where the networks go.
        snapshot: One of the run's `snapshots` in place of its last weights.
    """
    exported = method.export_networks()
    for name, network in exported.items():
        path = run.weights_path(name)
        load_file(network, path if snapshot is None else snapshot / path.name)
        network.to(device).eval()
    return exported


@contextmanager
def _as_recorded(run: Run) -> Iterator[None]:
    """Tell of settings that cannot be as of a fault of the run's own record, not of the command."""
    try:
        yield
    except ConfigError as error:
        raise CheckpointError(
            f"{run.config_path}: expected the settings of a training, found what it does not know: {error} "
            "Restore the file, or train again."
        ) from None


def load_file(network: nn.Module, path: Path) -> None:
    """Give a network the weights of a file.

    Raises:
        CheckpointError: If there is none, it is damaged, not finite, or of another network.
    """
    if not has_file(path):
        raise CheckpointError(
            f"{path}: expected the weights of a trained run, found none. "
            "Let `alcseg train` write a checkpoint."
        )
    try:
        safetensors.torch.load_model(network, path)
    except (RuntimeError, safetensors.SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"{path}: the weights do not fit the networks of this run's method ({reason}). "
            "They are of another method or network; use the run folder they came from."
        ) from None
    if wrong := not_finite(network):
        raise CheckpointError(
            f"{path}: expected finite weights, found nan or infinity in {wrong}. The training diverged or "
            "the file is damaged; restore it, or train again."
        )
