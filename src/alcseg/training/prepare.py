"""What is settled before a run begins: settings, cases, plan, and a method that can be trained."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from alcseg.data.folder import Dataset
from alcseg.data.plan import make_plan
from alcseg.data.transforms import Augmentation
from alcseg.data.twins import require_apart_splits
from alcseg.errors import ConfigError, ResourceError
from alcseg.inference.bf16 import prefers_bf16
from alcseg.inference.load import build_method, create_method, make_task
from alcseg.listing import has_file
from alcseg.networks import has_flat_levels
from alcseg.processes import launched
from alcseg.records.cases import CaseRow
from alcseg.records.plan import Plan
from alcseg.records.settings import Precision, RunSettings, TrainerSettings
from alcseg.run import Run
from alcseg.training.cases import choose_cases, stream_sizes
from alcseg.training.initial import Initial, take_weights
from alcseg.training.smallest_batch import require_statistics
from alcseg.training_methods import Method

__all__ = ["Prepared", "augmentation", "complete_settings", "plan_run", "prepare"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Prepared:
    """What is known of a run before anything is written.

    Attributes:
        settings: Complete ones.
        device: Where to train.
        plan: Of the run.
        method: With networks, planned for the last stage.
        fresh: Whether its weights are those that training begins with.
        train: Cases that train.
        val: Cases that validate.
        initial: What its networks begin with; fresh weights where None.
    """

    settings: RunSettings
    device: torch.device
    plan: Plan
    method: Method
    fresh: bool
    train: Sequence[CaseRow]
    val: Sequence[CaseRow]
    initial: Initial | None = None

    @property
    def initial_network(self) -> nn.Module | None:
        """The network of `initial`."""
        return None if self.initial is None else self.initial.network


def prepare(
    folder: Dataset,
    settings: RunSettings,
    device: torch.device,
    *,
    begun: Run | None = None,
    init: Run | None = None,
) -> Prepared:
    """Choose cases, plan, and build the method, so that nothing is begun that cannot be trained.

    Args:
        folder: The dataset.
        settings: Of the run, complete; what they leave open of the plan the data decides.
        device: Where it will run.
        begun: A run that was begun, whose plan and first weights stay; else they are made.
        init: The run whose weights a new one begins with; fresh ones where None.

    Raises:
        DataError: If the dataset lacks what the method needs, or has a scan in two splits.
        ConfigError: If patch and batch are too small for the network, the patch cannot be turned, the
            processes cannot share the batch, the weights to begin with do not fit, or labels are not complete
            and the method does not obey that.
        ResourceError: If there are fewer GPUs.
    """
    method = create_method(settings)
    if folder.incomplete and not method.incomplete_labels:
        raise ConfigError(
            f"method '{settings.method.name}': expected complete labels, found in {folder.root} voxels to "
            "ignore or cases with classes_drawn, which it would take for background. Choose another method, "
            "or let it obey them and set its incomplete_labels."
        )
    _require_equal_shares(method.streams, settings)
    _require_devices(settings, device)
    train, val = choose_cases(folder, method.streams, val_hq=settings.trainer.val_hq)
    if begun is None:
        if settings.trainer.val_hq and val and val[0].split == "val":
            logger.warning(
                "--val-hq %d: not used, since the dataset has validation cases of its own",
                settings.trainer.val_hq,
            )
        require_apart_splits(folder, train, val)
        plan = _make_plan(folder, settings)
        initial = None if init is None else take_weights(init, settings, plan)
    else:
        plan, initial = begun.plan, Initial.of_run(begun)
    augmentation(settings, plan).check(plan.patch)
    method.prepare(make_task(settings, plan, initial=None if initial is None else initial.network))
    tried = require_statistics(method, settings)
    return Prepared(settings, device, plan, method, not tried, train, val, initial)


def _require_equal_shares(streams: Sequence[str], settings: RunSettings) -> None:
    """Refuse a batch that the processes cannot share out evenly."""
    processes = settings.trainer.processes
    for stream, size in stream_sizes(streams, settings.data).items():
        if size % processes:
            key = "data.hq_batch and data.lq_batch together" if stream == "union" else f"data.{stream}_batch"
            raise ConfigError(
                f"{key}: expected a multiple of the {processes} processes, got {size}. Every process takes "
                "an equal share of each stream."
            )


def _require_devices(settings: RunSettings, device: torch.device) -> None:
    """Refuse more GPUs than there are."""
    wanted = settings.trainer.devices or 1
    if device.type != "cuda" or wanted == 1:
        return
    if ":" in str(device):
        raise ConfigError(
            f"trainer.devices: expected 1 on the one device {device}, got {wanted}. Use --device cuda."
        )
    if (count := torch.cuda.device_count()) < wanted:
        raise ResourceError(
            f"trainer.devices={wanted}: expected as many GPUs on this machine, found {count}. Lower it."
        )


def plan_run(folder: Dataset, settings: RunSettings) -> Plan:
    """The plan of a run: what complete settings give, the rest made from the data.

    Raises:
        ConfigError: If patch and batch are too small for the network.
    """
    plan = _make_plan(folder, settings)
    require_statistics(build_method(settings, plan), settings)
    return plan


def augmentation(settings: RunSettings, plan: Plan) -> Augmentation:
    """What the data section asks for, on the voxels of the plan."""
    data = settings.data
    a, b, c = (None if levels else side for side, levels in zip(plan.spacing, plan.flat_levels, strict=True))
    return Augmentation(
        data.flip_axes,
        data.rotate_plane,
        data.intensity_scale,
        data.intensity_shift,
        data.rotate_degrees,
        data.zoom,
        spacing=(a, b, c),
    )


def _make_plan(folder: Dataset, settings: RunSettings) -> Plan:
    data = settings.data
    flat_levels = data.flat_levels
    if not has_flat_levels(settings.network.name):
        if flat_levels is not None and any(flat_levels):
            raise ConfigError(
                f"data.flat_levels: network '{settings.network.name}' has none, expected [0,0,0], got "
                f"{list(flat_levels)}. Leave it out, or set network.name=vnet or dynunet."
            )
        flat_levels = (0, 0, 0)
    return make_plan(
        folder,
        patch=data.patch,
        spacing=data.spacing,
        flat_levels=flat_levels,
        normalization=data.normalization,
        clip=data.clip,
    )


def complete_settings(settings: RunSettings, device: torch.device, out: Path | None = None) -> RunSettings:
    """Fill in what depends on the machine or on other settings.

    Args:
        settings: Of the run.
        device: Where it trains.
        out: Its folder; what follows from the machine or from its steps stays as a run there began with.
    """
    on_gpu = device.type == "cuda"
    data, trainer = settings.data, settings.trainer
    begun = None if out is None else _begun_with(out)
    steps = trainer.steps or (30_000 if on_gpu else 1_000)
    validate, checkpoint = trainer.validate_every, trainer.checkpoint_every
    if begun is not None:
        validate = begun.validate_every if validate is None else validate
        checkpoint = begun.checkpoint_every if checkpoint is None else checkpoint
    batches = {
        "hq_batch": data.hq_batch or (4 if on_gpu else 2),
        "lq_batch": data.lq_batch or (20 if on_gpu else 4),
    }
    schedule = {
        **_processes(settings),
        "steps": steps,
        "validate_every": max(1, steps // 10) if validate is None else validate,
        "checkpoint_every": max(10, steps // 20) if checkpoint is None else checkpoint,
        "precision": _choose_precision(trainer.precision, device, begun),
    }
    return settings.model_copy(
        update={
            "data": data.model_copy(update=batches),
            "trainer": trainer.model_copy(update=schedule),
        }
    )


def _begun_with(out: Path) -> TrainerSettings | None:
    """What the run of a folder was begun with; None if none was."""
    run = Run(out)
    return run.settings.trainer if has_file(run.record_path) and has_file(run.config_path) else None


def _choose_precision(asked: Precision, device: torch.device, begun: TrainerSettings | None) -> Precision:
    """`32` or `bf16`; a run that was begun goes on as it began, whatever a new measurement would say."""
    if asked != "auto":
        return asked
    if begun is not None:
        return begun.precision
    return "bf16" if prefers_bf16(device) else "32"


def _processes(settings: RunSettings) -> dict[str, int]:
    """How many processes on how many machines: what is set, else what a launcher started, else one.

    Raises:
        ConfigError: If both are known and differ.
    """
    found, trainer = launched(), settings.trainer
    if found is None:
        return {"devices": trainer.devices or 1, "nodes": trainer.nodes or 1}
    there = {"devices": found.per_node, "nodes": found.nodes}
    for key, count in there.items():
        asked = getattr(trainer, key)
        if asked is not None and asked != count:
            raise ConfigError(
                f"trainer.{key}: expected {count}, as {found.by} started the processes, got {asked}. "
                "Leave it out, or start as many."
            )
    return there
