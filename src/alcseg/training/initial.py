"""Weights of another run that a training begins with.

They go by name and shape. What belongs to a class or to an image channel goes by the name of that, so that a
run on three classes may begin from one on two, or from one that lists the same classes in another order; what
the other run did not know begins as it would without it.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from alcseg.errors import ConfigError
from alcseg.files import atomic_path, file_hash
from alcseg.inference.load import load_file, load_network, network_maker
from alcseg.listing import has_file
from alcseg.networks import build_network
from alcseg.records.plan import Plan
from alcseg.records.run import InitialRecord
from alcseg.records.settings import RunSettings
from alcseg.run import Run
from alcseg.training_methods.base import seed_of

__all__ = ["Initial", "require_same_start", "settings_of", "take_weights"]

logger = logging.getLogger(__name__)

Axes = dict[str, tuple[int, ...]]

_SHOWN = 5  # names in a message


@dataclass(frozen=True, eq=False)
class Initial:
    """What every network of a method begins with.

    Attributes:
        network: It, on the CPU.
        record: Where it is from.
    """

    network: nn.Module
    record: InitialRecord

    def write(self, path: Path) -> None:
        """Keep the weights, so that the run can be begun again without the other one."""
        with atomic_path(path) as partial_path:
            safetensors.torch.save_model(self.network, str(partial_path))

    @classmethod
    def of_run(cls, run: Run) -> "Initial | None":
        """What a run that is on its way was begun with; None if with nothing."""
        record = run.record.initial
        if record is None:
            return None
        network = network_maker(run.settings, run.plan)()
        load_file(network, run.initial_path)
        return cls(network, record)


def settings_of(run: Run) -> dict[str, dict[str, object]]:
    """Settings that a training has to share with a run for its weights to mean the same, by section."""
    plan, network = run.plan, run.settings.network
    return {
        "network": {"name": network.name, **network.settings},
        "data": {
            "patch": plan.patch,
            "flat_levels": plan.flat_levels,
            "spacing": plan.spacing,
            "normalization": plan.normalization,
            "clip": plan.clip,
        },
    }


def require_same_start(run: Run, init: Run | None) -> None:
    """Refuse to go on with a run that began with other weights.

    Args:
        run: One that may have been begun.
        init: What is asked for.

    Raises:
        ConfigError: Naming what it began with.
    """
    if not has_file(run.record_path):
        return
    known = run.record.initial
    here = None if init is None else file_hash(init.weights_path("model"))
    if here == (known and known.weights_hash):
        return
    was = "fresh weights" if known is None else f"the weights of {known.run}"
    asked = "fresh ones" if init is None else f"those of {init.path}"
    raise ConfigError(
        f"{run.path}: holds a run that began with {was}, asked for {asked}. Give the same --init to resume "
        "it, another --out folder, or --overwrite."
    )


def take_weights(source: Run, settings: RunSettings, plan: Plan) -> Initial:
    """The network of a run, made to fit another training.

    Args:
        source: The run; its network that predicts is taken, of several the first.
        settings: Of the training.
        plan: Of the training.

    Raises:
        ConfigError: If it is a network of another kind, or nothing of it fits.
        CheckpointError: If the run has no weights.
    """
    torch.manual_seed(seed_of(settings.seed, "weights"))
    network = network_maker(settings, plan)()
    wanted, has = settings.network.name, source.settings.network.name
    if wanted != has:
        raise ConfigError(
            f"--init {source.path}: expected a run of the network '{wanted}', found one of '{has}'. "
            f"Leave network.name out, or set network.name={has}."
        )
    known = _first_like(network, load_network(source, "model", "cpu"))
    if known is None:
        raise ConfigError(
            f"--init {source.path}: expected a network as '{wanted}' builds it, found the one of "
            f"method '{source.method}', which is built another way. Give a run of another method."
        )
    old, new = known.state_dict(), network.state_dict()
    labels = _common(source.plan.label_names, plan.label_names)
    channels = _common(source.plan.channel_names, plan.channel_names)
    class_axes, channel_axes = _axes(settings, plan, source.plan)
    left: list[str] = []
    for name, value in new.items():
        pairs = dict.fromkeys(class_axes.get(name, ()), labels)
        pairs |= dict.fromkeys(channel_axes.get(name, ()), channels)
        if name not in old or not _copy(old[name], value, pairs):
            left.append(name)
    if 2 * len(left) > len(new):
        raise ConfigError(
            f"--init {source.path}: expected weights that fit the network '{wanted}' of this training, found "
            f"{len(left)} of {len(new)} that do not, such as {left[0]}. Leave out settings of the network."
        )
    record = InitialRecord(
        run=str(source.path),
        weights_hash=file_hash(source.weights_path("model")),
        method=source.method,
        taken=len(new) - len(left),
        train_cases=tuple(sorted(source.learned_from(()))),
        fresh=tuple(left),
        fresh_classes=_without(plan.label_names, source.plan.label_names),
        dropped_classes=_without(source.plan.label_names, plan.label_names),
        fresh_channels=_without(plan.channel_names, source.plan.channel_names),
    )
    _tell(record, len(new))
    return Initial(network, record)


def _first_like(network: nn.Module, found: nn.Module) -> nn.Module | None:
    """The first network within another that is built like the first."""
    names = set(network.state_dict())
    return next(
        (one for one in found.modules() if type(one) is type(network) and names & set(one.state_dict())),
        None,
    )


def _axes(settings: RunSettings, plan: Plan, source: Plan) -> tuple[Axes, Axes]:
    """Axes along which weights have an entry per class, and per channel, by the name of the weight.

    They are those that grow by one when the network is built for one more. None are looked for where the
    other run has the same classes and channels in the same order: then whole weights go over.
    """
    same_classes = source.label_names == plan.label_names
    same_channels = source.channel_names == plan.channel_names
    if same_classes and same_channels:
        return {}, {}
    build = partial(build_network, settings.network.name, patch=plan.patch, **settings.network.settings)
    count, classes = len(plan.channel_names), plan.num_classes
    shapes = _shapes(build, count, classes)
    return (
        {} if same_classes else _grown(shapes, _shapes(build, count, classes + 1)),
        {} if same_channels else _grown(shapes, _shapes(build, count + 1, classes)),
    )


def _shapes(build: Callable[..., nn.Module], channels: int, classes: int) -> dict[str, torch.Size]:
    network = build(in_channels=channels, num_classes=classes)
    return {name: value.shape for name, value in network.state_dict().items()}


def _grown(before: Mapping[str, torch.Size], after: Mapping[str, torch.Size]) -> Axes:
    return {
        name: tuple(axis for axis, (a, b) in enumerate(zip(shape, after[name], strict=True)) if b == a + 1)
        for name, shape in before.items()
        if after[name] != shape
    }


def _common(old: Sequence[str], new: Sequence[str]) -> tuple[list[int], list[int]]:
    """Places of the names that both have, in each."""
    both = [name for name in new if name in old]
    return [list(old).index(name) for name in both], [list(new).index(name) for name in both]


def _without(names: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in others)


def _copy(old: Tensor, new: Tensor, pairs: Mapping[int, tuple[list[int], list[int]]]) -> bool:
    """Copy what fits into `new`; False if nothing does.

    Args:
        old: Of the other run.
        new: To be changed.
        pairs: By axis, the places to copy from and those to copy to; whole where an axis is not among them.
    """
    if old.dim() != new.dim() or any(
        a != b for axis, (a, b) in enumerate(zip(old.shape, new.shape, strict=True)) if axis not in pairs
    ):
        return False
    rows = old
    for axis, (here, _) in pairs.items():
        rows = rows.index_select(axis, torch.tensor(here, dtype=torch.long))  # which may be none
    if not rows.numel():
        return False
    where = tuple(
        torch.tensor(pairs[axis][1] if axis in pairs else range(size), dtype=torch.long)
        for axis, size in enumerate(new.shape)
    )
    new[torch.meshgrid(*where, indexing="ij") if where else ()] = rows
    return True


def _tell(record: InitialRecord, count: int) -> None:
    logger.info("begins with the weights of %s: %d of %d", record.run, record.taken, count)
    for kind, names in (
        ("classes that it does not know", record.fresh_classes),
        ("classes of it that are not here", record.dropped_classes),
        ("channels that it does not know", record.fresh_channels),
        ("weights that do not fit and begin anew", record.fresh),
    ):
        if names:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            logger.warning("%s: %s: %s%s", record.run, kind, ", ".join(names[:_SHOWN]), more)
