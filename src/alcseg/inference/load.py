"""The networks of a finished or running training, ready to predict."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from alcseg.errors import CheckpointError
from alcseg.methods import Method, Stage, Task, available_methods, stage_seed
from alcseg.networks import build_network
from alcseg.records.plan import Plan
from alcseg.run_folder import RunFolder

__all__ = ["Networks", "build_method", "create_method", "load_networks", "load_weights", "make_task"]


@dataclass(frozen=True)
class Networks:
    """Networks in evaluation mode, each `(B, C, X, Y, Z)` to logits `(B, K, X, Y, Z)`.

    Attributes:
        predict: Answers at prediction.
        teacher: Averaged network, if the method has one.
    """

    predict: nn.Module
    teacher: nn.Module | None


def create_method(config: dict[str, Any]) -> Method:
    """The method of a run with its settings, without networks.

    Args:
        config: Resolved settings as in `config.yaml`.

    Raises:
        CheckpointError: If the method is not installed.
    """
    arguments = dict(config["method"])
    name = arguments.pop("name")
    methods = available_methods()
    if name not in methods:
        raise CheckpointError(
            f"config.yaml: method '{name}' is not among {', '.join(methods)}. Install what provides it."
        )
    return methods[name][0](**arguments)


def make_task(config: dict[str, Any], plan: Plan, stage: Stage | None = None) -> Task:
    """What the method of a run is trained on.

    Args:
        config: Resolved settings as in `config.yaml`.
        plan: Of the run.
        stage: One of the run's; its last where None.
    """
    network, trainer = config["network"], config["trainer"]

    def network_builder() -> nn.Module:
        settings = {key: value for key, value in network.items() if key != "name"}
        if network["name"] == "unetr":
            settings["patch"] = plan.patch
        return build_network(
            network["name"], in_channels=len(plan.channel_names), num_classes=plan.num_classes, **settings
        )

    return Task(
        build_network=network_builder,
        num_classes=plan.num_classes,
        steps=trainer["steps"] if stage is None else stage.steps,
        seed=config["seed"] if stage is None else stage_seed(config["seed"], stage.name),
        stage="" if stage is None else stage.name,
        learning_rate=trainer["learning_rate"],
        momentum=trainer["momentum"],
        weight_decay=trainer["weight_decay"],
        poly_power=trainer["poly_power"],
        in_channels=len(plan.channel_names),
        patch=plan.patch,
        # A case keeps its own along an axis that the plan leaves; the finest of the others stands for it.
        spacing=tuple(step or min(filter(None, plan.spacing), default=1.0) for step in plan.spacing),
    )


def build_method(config: dict[str, Any], plan: Plan, stage: Stage | None = None) -> Method:
    """Build the method of a run with fresh weights.

    Args:
        config: Resolved settings as in `config.yaml`.
        plan: Of the run.
        stage: One of the run's; its last where None.

    Raises:
        CheckpointError: If the method is not installed.
    """
    return create_method(config).prepare(make_task(config, plan, stage))


def load_networks(run: RunFolder, device: torch.device | str = "cpu") -> Networks:
    """Load the weights that a run has written.

    Args:
        run: The run.
        device: Where the networks go.

    Raises:
        CheckpointError: If weights are absent or do not fit the networks of the run's method.
    """
    exported = load_weights(build_method(run.config, run.plan), run, device)
    return Networks(predict=exported["model"], teacher=exported.get("teacher"))


def load_weights(
    method: Method, run: RunFolder, device: torch.device | str, snapshot: Path | None = None
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
        _load(network, path if snapshot is None else snapshot / path.name)
        network.to(device).eval()
    return exported


def _load(network: nn.Module, path: Path) -> None:
    if not path.is_file():
        raise CheckpointError(
            f"{path}: expected the weights of a trained run, found none. "
            "Let `alcseg train` write a checkpoint."
        )
    try:
        network.load_state_dict(safetensors.torch.load_file(path))
    except (RuntimeError, safetensors.SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"{path}: the weights do not fit the networks of this run's method ({reason}). "
            "They are of another method or network; use the run folder they came from."
        ) from None
