"""The base of all methods: optimizer and schedule, ramp-up, weighing of terms, one backward per step.

A method names its streams and terms, builds its networks, and returns unweighted loss terms; see
`mean_teacher.py` for a short one.
"""

import inspect
import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alcseg.data.sampling import Patches
from alcseg.distances import signed_distance
from alcseg.errors import AlcsegError, ConfigError
from alcseg.methods._processes import gather_patches, spread
from alcseg.types import Spacing

__all__ = ["Batch", "Card", "HeldOut", "Method", "Stage", "Task", "batch_statistics", "seed_of", "stage_seed"]

Batch = Mapping[str, Patches]
"""One step's patches by stream: `hq` and `lq`, or `union`."""


HeldOut = Iterable[tuple[str, NDArray[np.float32], NDArray[np.uint8]]]
"""Case, class probabilities `(K, X, Y, Z)` and label as given `(X, Y, Z)`; may be iterated several times."""


@dataclass(frozen=True)
class Card:
    """What the table of methods says.

    Attributes:
        paper: Authors, venue and year, as one cites in running text.
        networks: Which networks are trained or averaged.
        predicts: Which of them answers at prediction.
    """

    paper: str
    networks: str
    predicts: str


@dataclass(frozen=True)
class Stage:
    """One fit of a run that consists of several.

    Attributes:
        name: Of its folder; the last stage of a run has none.
        steps: Optimizer steps.
        cases: Training cases it sees; all where None.
        held_out: Cases that it predicts when it is trained; `Method.hand_on` makes labels of them.
        relabeled: Whether it trains on the labels that earlier stages handed on instead of the given ones.
    """

    name: str
    steps: int
    cases: frozenset[str] | None = None
    held_out: tuple[str, ...] = ()
    relabeled: bool = False


@dataclass(frozen=True)
class Task:
    """What a method is trained on, beside its own settings.

    Attributes:
        build_network: Makes one network, image `(B, C, X, Y, Z)` to logits `(B, K, X, Y, Z)`.
        num_classes: Classes, background counted.
        steps: Optimizer steps of the whole run.
        seed: Of the run.
        learning_rate: Of SGD at step 0.
        momentum: Of SGD.
        weight_decay: Of SGD.
        poly_power: The learning rate falls as (1 - step/steps)^power.
        in_channels: Channels of an image.
        patch: Side lengths of a patch in voxels.
        spacing: Voxel size in mm of the patches.
        stage: Name of the stage, where a run has several.
    """

    build_network: Callable[[], nn.Module]
    num_classes: int
    steps: int
    seed: int
    learning_rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 1e-4
    poly_power: float = 0.9
    in_channels: int = 1
    patch: tuple[int, int, int] = (96, 96, 96)
    spacing: Spacing = (1.0, 1.0, 1.0)
    stage: str = ""


class Method(lightning.LightningModule):
    """A training method.

    A subclass sets `card`, `streams` and `terms`, and overrides `build_networks`, `training_terms`,
    `export_networks` and, where it has such, `term_weights`, `before_step`, `after_step`, `plan_stages` and
    `hand_on`.

    Attributes:
        card: What the table of methods says.
        streams: What a batch holds: `hq`, `lq`, or `union` (all cases, quality hidden). A constructor may set
            others where a setting asks for it.
        terms: Names of the loss terms, in the order they are logged.
        readings: Names of what else is logged; see `note`.
        needs_distance: Whether patches carry distances to the given boundaries.
        done: Optimizer steps taken so far.
        last_terms: Unweighted terms of the last step, `loss`, and what was noted, detached.
    """

    card: ClassVar[Card]
    streams: tuple[str, ...]
    terms: ClassVar[tuple[str, ...]]
    readings: ClassVar[tuple[str, ...]] = ()
    needs_distance: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.done = 0
        self.last_terms: dict[str, Tensor] = {}
        self.noted: dict[str, Tensor] = {}

    def keep_settings(self) -> None:
        """Check and keep what the constructor was called with; each constructor ends with it.

        Settings stand in `self.settings` under their own names. A word must be one of its `Literal`; what
        ends in `_fraction` or `_decay` is a share from 0 to 1.

        Raises:
            ConfigError: Naming the setting.
        """
        frame = inspect.currentframe()
        self.save_hyperparameters(frame=None if frame is None else frame.f_back)
        hints = get_type_hints(type(self).__init__)
        self.settings: Any = self.hparams
        for name, value in self.hparams.items():
            if get_origin(hints[name]) is Literal and value not in get_args(hints[name]):
                choices = ", ".join(map(str, get_args(hints[name])))
                raise ConfigError(f"method.{name}: expected one of {choices}, got '{value}'.")
            if name.endswith(("_fraction", "_decay")) and not 0 <= value <= 1:
                raise ConfigError(f"method.{name}: expected a share from 0 to 1, got {value}.")

    def prepare(self, task: Task) -> "Method":
        """Bind the method to a task and build its networks, reproducibly from the task's seed."""
        self.task = task
        torch.manual_seed(seed_of(task.seed, "weights"))
        self.build_networks()
        self.to(memory_format=torch.channels_last_3d)
        return self

    # What a method overrides

    def build_networks(self) -> None:
        """Create the networks as attributes; freeze those that are not trained."""
        raise TypeError(f"{type(self).__name__} must override build_networks")

    def training_terms(self, batch: Batch) -> dict[str, Tensor]:
        """Unweighted loss terms of one step, scalars under the names in `terms`."""
        raise TypeError(f"{type(self).__name__} must override training_terms")

    def term_weights(self) -> dict[str, float]:
        """Weight of each term at this step; 1 where a name is left out."""
        return {}

    def before_step(self) -> None:
        """Called between backward and the optimizers' steps, to clip gradients."""

    def after_step(self) -> None:
        """Called after each optimizer step."""

    def plan_stages(self, streams: Mapping[str, Sequence[str]]) -> list[Stage]:
        """The fits of a run, in order; called before the networks are built.

        Args:
            streams: Training cases of each stream.
        """
        return [Stage("", self.task.steps)]

    def hand_on(self, held_out: HeldOut) -> Iterator[tuple[str, NDArray[np.unsignedinteger]]]:
        """Labels `(X, Y, Z)` of the held-out cases, by case; for stages that are `relabeled`.

        Args:
            held_out: What the stage's `model` says of them.
        """
        raise TypeError(f"{type(self).__name__} plans a stage that holds cases out and must override hand_on")

    def export_networks(self) -> dict[str, nn.Module]:
        """The networks to keep: `model` predicts; `teacher`, if there is one, corrects labels."""
        raise TypeError(f"{type(self).__name__} must override export_networks")

    # What a method calls

    def spread(self, network: nn.Module, *inputs: Tensor) -> Any:
        """`network(*inputs)`, shared out among the processes; every pass of a training step goes this way."""
        return spread(network, *inputs)

    def note(self, **values: Tensor | float) -> None:
        """Log values of this step that are not loss terms, under names in `readings`."""
        self.noted.update({name: torch.as_tensor(value).detach() for name, value in values.items()})

    def ramp(self, ramp_max: float, ramp_fraction: float) -> float:
        """Ramp-up `ramp_max * exp(-5 (1 - min(t / (ramp_fraction T), 1))^2)` at this step."""
        progress = min(self.done / (ramp_fraction * self.task.steps), 1.0) if ramp_fraction > 0 else 1.0
        return ramp_max * math.exp(-5 * (1 - progress) ** 2)

    def distance_to_given(self, patches: Patches) -> Tensor:
        """Signed distance in mm to the given boundaries, `(B, K - 1, X, Y, Z)`.

        Where the patches do not carry it, it is measured within each patch, without what lies outside.
        """
        if patches.distance is not None:
            return patches.distance
        maps = [
            [signed_distance(label == value, self.task.spacing) for value in range(1, self.task.num_classes)]
            for label in patches.label.cpu().numpy()
        ]
        return torch.from_numpy(np.array(maps)).to(patches.image.device)

    def input_noise(self, patches: Patches, name: str, *, std: float, clip: float) -> Tensor:
        """Clipped Gaussian noise of the shape of `patches.image`, seeded per step, slot and `name`."""
        image = patches.image
        noise = torch.empty_like(image, memory_format=torch.contiguous_format)
        generator = torch.Generator(image.device)
        for position, slot in enumerate(patches.slots.tolist()):
            generator.manual_seed(seed_of(self.task.seed, "noise", name, self.done, slot))
            noise[position].normal_(0, std, generator=generator)
        return noise.clamp_(-clip, clip).contiguous(memory_format=torch.channels_last_3d)

    # What Lightning calls

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """SGD over all weights that are trained."""
        weights = [parameter for parameter in self.parameters() if parameter.requires_grad]
        task = self.task
        return [
            torch.optim.SGD(
                weights, lr=task.learning_rate, momentum=task.momentum, weight_decay=task.weight_decay
            )
        ]

    def training_step(self, batch: dict[str, Patches], batch_index: int) -> None:
        """One optimizer step of all optimizers after one backward."""
        torch.manual_seed(seed_of(self.task.seed, "dropout", self.done, self.global_rank))
        batch = {stream: gather_patches(patches) for stream, patches in batch.items()}
        for patches in batch.values():
            patches.image = patches.image.contiguous(memory_format=torch.channels_last_3d)
        self.noted = {}
        terms = self.training_terms(batch)
        weights = self.term_weights()
        loss = torch.stack([weights.get(name, 1.0) * term for name, term in terms.items()]).sum()
        if not torch.isfinite(loss):
            values = ", ".join(f"{name}={float(term.detach()):g}" for name, term in terms.items())
            raise AlcsegError(
                f"step {self.done}: expected a finite loss, got {values}. Lower the learning rate."
            )
        optimizers = self.optimizers()
        optimizers = optimizers if isinstance(optimizers, list) else [optimizers]
        factor = self.learning_rate_factor()
        for optimizer in optimizers:
            optimizer.zero_grad()
        self.manual_backward(loss)
        self.before_step()
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor
            optimizer.step()
        self.after_step()
        self.done += 1
        detached = {name: term.detach() for name, term in terms.items()}
        self.last_terms = detached | {"loss": loss.detach()} | self.noted

    def learning_rate_factor(self) -> float:
        """Polynomial decay at this step."""
        return float((1 - self.done / self.task.steps) ** self.task.poly_power)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the step; all else that a resumed run needs follows from it and the seed."""
        checkpoint["method"] = type(self).__name__
        checkpoint["done"] = self.done
        del checkpoint["loops"]  # one pass over the steps still to do, counted by `done` alone

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on at the step that was saved."""
        self.done = checkpoint["done"]


@contextmanager
def batch_statistics(network: nn.Module) -> Iterator[nn.Module]:
    """Dropout active, BatchNorm on statistics of the batch, running buffers left alone, no gradient."""
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    was_training = network.training
    network.train()
    for norm in norms:
        norm.track_running_stats = False
    try:
        with torch.no_grad():
            yield network
    finally:
        for norm in norms:
            norm.track_running_stats = True
        network.train(was_training)


def stage_seed(seed: int, stage: str) -> int:
    """Seed of a stage; the last one, without a name, has that of the run."""
    return seed_of(seed, "stage", stage) if stage else seed


def seed_of(*parts: object) -> int:
    """A seed from words and numbers, such as the run's seed, a purpose and the step."""
    return zlib.crc32(" ".join(map(str, parts)).encode())
