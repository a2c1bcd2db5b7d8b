"""The base of all methods: settings, networks, ramp-up, weighing of terms, one step.

A method names its streams and terms, builds its networks, and returns unweighted loss terms; see
`mean_teacher.py` for a short one. It is a plain module of torch: what trains it is `alcseg.training`.
"""

import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, cast, get_args, get_origin

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from typing_extensions import TypeVar

from alcseg.data.sampling import Patches
from alcseg.distances import class_distances
from alcseg.errors import ConfigError
from alcseg.losses.partial import joined, merge_undrawn
from alcseg.records.checked import check
from alcseg.records.settings import MethodSettings
from alcseg.training_methods._processes import gather_patches, spread
from alcseg.types import Spacing

__all__ = [
    "Batch",
    "Card",
    "HeldOut",
    "Method",
    "MethodSettings",
    "Stage",
    "Task",
    "batch_statistics",
    "seed_of",
    "stage_seed",
]

S = TypeVar("S", bound=MethodSettings, default=Any)

Batch = Mapping[str, Patches]
"""One step's patches by stream: `hq` and `lq`, or `union`."""


HeldOut = Iterable[tuple[str, NDArray[np.float32], NDArray[np.unsignedinteger], NDArray[np.bool_] | None]]
"""Case, class probabilities `(K, X, Y, Z)`, label as given and voxels that somebody labeled, `(X, Y, Z)` each
and None for all; may be iterated several times. Classes that nobody drew count as background in both.
"""


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


class Method(nn.Module, Generic[S]):
    """A training method; `Method[ALCSettings]` has these settings.

    A subclass sets `card`, `streams` and `terms`, and overrides `build_networks`, `training_terms`,
    `export_networks` and, where it has such, `build_exported`, `term_weights`, `before_step`, `after_step`,
    `configure_optimizers`, `state_beside_weights` and `take_up`, `plan_stages` and `hand_on`.

    Args:
        settings: Those that differ from the defaults. One of the name `quality_aware` decides on the streams:
            `hq` and `lq`, or `union`.

    Raises:
        ConfigError: If there is no such setting, with the nearest one, or its value is not allowed.

    Attributes:
        card: What the table of methods says.
        streams: What a batch holds: `hq`, `lq`, or `union` (all cases, quality hidden).
        terms: Names of the loss terms, in the order they are logged.
        readings: Names of what else is logged; see `note`.
        exports: Names of the networks that are kept; see `export_networks`.
        needs_distance: Whether patches carry distances to the given boundaries.
        incomplete_labels: Whether it leaves out what `Patches.known` leaves out and takes logits from
            `logits_of`; without it labels that are not complete are refused.
        settings_class: What the settings are checked against.
        settings: All of them.
        done: Optimizer steps taken so far.
        last_terms: Unweighted terms of the last step, `loss`, and what was noted, detached.
    """

    card: ClassVar[Card]
    streams: tuple[str, ...]
    terms: ClassVar[tuple[str, ...]]
    readings: ClassVar[tuple[str, ...]] = ()
    exports: ClassVar[tuple[str, ...]] = ("model",)
    needs_distance: ClassVar[bool] = False
    incomplete_labels: ClassVar[bool] = False
    settings_class: ClassVar[type[MethodSettings]] = MethodSettings
    settings: S
    task: Task

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for base in getattr(cls, "__orig_bases__", ()):
            if get_origin(base) is Method:
                (cls.settings_class,) = get_args(base)

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.settings = cast(S, check(self.settings_class, settings, type(self).__name__, "method."))
        aware = getattr(self.settings, "quality_aware", None)
        if aware is not None:
            self.streams = ("hq", "lq") if aware else ("union",)
        self.done = 0
        self.last_terms: dict[str, Tensor] = {}
        self.noted: dict[str, Tensor] = {}

    def prepare(self, task: Task) -> Self:
        """Bind the method to a task and build its networks, reproducibly from the task's seed."""
        self.task = task
        torch.manual_seed(seed_of(task.seed, "weights"))
        self.build_networks()
        self.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        return self

    @property
    def device(self) -> torch.device:
        """Where its networks are."""
        return next(self.parameters()).device

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

    def plan_stages(
        self, streams: Mapping[str, Sequence[str]], groups: Mapping[str, str] | None = None
    ) -> list[Stage]:
        """The fits of a run, in order; called before the networks are built.

        Args:
            streams: Training cases of each stream.
            groups: Group of each case, such as the patient, which no stage may divide; None: all stand alone.
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

    def build_exported(self, name: str) -> nn.Module:
        """One of the networks of `export_networks` with fresh weights, without the others.

        Only `task` is there when it is called. By default it is a network as the task builds it.

        Args:
            name: One of `exports`.
        """
        return self.task.build_network()

    def state_beside_weights(self) -> dict[str, Any]:
        """What a resumed run needs beside weights and step, as tensors and plain types."""
        return {}

    def take_up(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_beside_weights` gave."""

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """SGD over all weights that are trained."""
        weights = [parameter for parameter in self.parameters() if parameter.requires_grad]
        return [self.sgd(weights)]

    # What a method calls

    def spread(self, network: nn.Module, *inputs: Tensor) -> Any:
        """`network(*inputs)`, shared out among the processes; every pass of a training step goes this way."""
        return spread(network, *inputs)

    def logits_of(self, network: nn.Module, *parts: Patches, image: Tensor | None = None) -> Tensor:
        """What a network says of groups of patches, `(B, K, X, Y, Z)`, by `spread`.

        Where a class was not drawn, its probability is that of background, too; see `merge_undrawn`.

        Args:
            network: Image to logits.
            parts: The patches.
            image: In place of their images, all of them in order.
        """
        if image is None:
            image = torch.cat([patches.image for patches in parts])
        logits: Tensor = self.spread(network, image)
        return merge_undrawn(logits, joined([patches.undrawn for patches in parts]))

    def note(self, **values: Tensor | float) -> None:
        """Log values of this step that are not loss terms, under names in `readings`."""
        self.noted.update({name: torch.as_tensor(value).detach() for name, value in values.items()})

    def ramp(self, ramp_max: float, ramp_fraction: float) -> float:
        """Ramp-up `ramp_max * exp(-5 (1 - min(t / (ramp_fraction T), 1))^2)` at this step."""
        return ramp_max * math.exp(-5 * (1 - self.progress(ramp_fraction)) ** 2)

    def distance_to_given(self, patches: Patches) -> Tensor:
        """Signed distance in mm to the given boundaries, `(B, K - 1, X, Y, Z)`.

        Where the patches do not carry it, it is measured within each patch, without what lies outside.
        """
        if patches.distance is not None:
            return patches.distance
        labels = patches.label.cpu().numpy()
        known = [None] * len(labels) if patches.known is None else patches.known.cpu().numpy()
        maps = [
            class_distances(label, self.task.num_classes, self.task.spacing, known=there)
            for label, there in zip(labels, known, strict=True)
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

    def noisy_image(self, patches: Patches, name: str) -> Tensor:
        """The image with `input_noise`, for methods with the settings `noise_std` and `noise_clip`."""
        settings: Any = self.settings
        noise = self.input_noise(patches, name, std=settings.noise_std, clip=settings.noise_clip)
        return patches.image + noise

    def progress(self, fraction: float) -> float:
        """How much of the first `fraction` of the run is done, 0 to 1."""
        return min(self.done / (fraction * self.task.steps), 1.0) if fraction > 0 else 1.0

    def sgd(self, weights: Iterable[Any]) -> torch.optim.Optimizer:
        """SGD as the task wants it.

        Args:
            weights: Parameters, or groups of them.
        """
        task = self.task
        return torch.optim.SGD(
            weights, lr=task.learning_rate, momentum=task.momentum, weight_decay=task.weight_decay
        )

    # What training calls

    def take_step(
        self,
        batch: Mapping[str, Patches],
        optimizers: Sequence[torch.optim.Optimizer],
        *,
        backward: Callable[[Tensor], None] = Tensor.backward,
        rank: int = 0,
    ) -> None:
        """One step of all optimizers after one backward.

        Args:
            batch: This process's share of the patches of each stream.
            optimizers: Of `configure_optimizers`.
            backward: From the loss to gradients.
            rank: Number of this process.

        Raises:
            ConfigError: If the loss is not finite.
        """
        torch.manual_seed(seed_of(self.task.seed, "dropout", self.done, rank))
        batch = {stream: gather_patches(patches) for stream, patches in batch.items()}
        for patches in batch.values():
            patches.image = patches.image.contiguous(memory_format=torch.channels_last_3d)
        self.noted = {}
        terms = self.training_terms(batch)
        weights = self.term_weights()
        loss = torch.stack([weights.get(name, 1.0) * term for name, term in terms.items()]).sum()
        if not torch.isfinite(loss):
            values = ", ".join(f"{name}={float(term.detach()):g}" for name, term in terms.items())
            raise ConfigError(
                f"step {self.done}: expected a finite loss, got {values}. The training diverges with "
                f"trainer.learning_rate={self.task.learning_rate:g}; lower it."
            )
        factor = self.learning_rate_factor()
        for optimizer in optimizers:
            optimizer.zero_grad()
        backward(loss)
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
