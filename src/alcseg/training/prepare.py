"""What is settled before a run begins: settings, cases, plan, and a method that can be trained."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from alcseg import machine
from alcseg.data.folder import Dataset
from alcseg.data.plan import make_plan
from alcseg.data.transforms import Augmentation
from alcseg.data.twins import require_apart_splits
from alcseg.inference.load import build_method, create_method, make_task
from alcseg.records.cases import CaseRow
from alcseg.records.plan import Plan
from alcseg.records.settings import RunSettings
from alcseg.training.cases import choose_cases
from alcseg.training.smallest_batch import require_statistics
from alcseg.training_methods import Method

__all__ = ["Prepared", "augmentation", "complete_settings", "plan_run", "prepare"]


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
    """

    settings: RunSettings
    device: torch.device
    plan: Plan
    method: Method
    fresh: bool
    train: Sequence[CaseRow]
    val: Sequence[CaseRow]


def prepare(
    folder: Dataset, settings: RunSettings, device: torch.device, *, plan: Plan | None = None
) -> Prepared:
    """Choose cases, plan, and build the method, so that nothing is begun that cannot be trained.

    Args:
        folder: The dataset.
        settings: Of the run, complete; what they leave open of the plan the data decides.
        device: Where it will run.
        plan: Of a run that was begun; else it is made.

    Raises:
        DataError: If the dataset lacks what the method needs, or has a scan in two splits.
        ConfigError: If patch and batch are too small for the network, or the patch cannot be turned.
    """
    method = create_method(settings)
    train, val = choose_cases(folder, method.streams, val_hq=settings.trainer.val_hq)
    if plan is None:
        require_apart_splits(folder, [*train, *val])
        plan = _make_plan(folder, settings)
    augmentation(settings).check(plan.patch)
    method.prepare(make_task(settings, plan))
    tried = require_statistics(method, settings)
    return Prepared(settings, device, plan, method, not tried, train, val)


def plan_run(folder: Dataset, settings: RunSettings) -> Plan:
    """The plan of a run: what complete settings give, the rest made from the data.

    Raises:
        ConfigError: If patch and batch are too small for the network.
    """
    plan = _make_plan(folder, settings)
    require_statistics(build_method(settings, plan), settings)
    return plan


def augmentation(settings: RunSettings) -> Augmentation:
    """What the data section asks for."""
    data = settings.data
    return Augmentation(data.flip_axes, data.rotate_plane, data.intensity_scale, data.intensity_shift)


def _make_plan(folder: Dataset, settings: RunSettings) -> Plan:
    data = settings.data
    return make_plan(
        folder, patch=data.patch, spacing=data.spacing, normalization=data.normalization, clip=data.clip
    )


def complete_settings(settings: RunSettings, device: torch.device) -> RunSettings:
    """Fill in what depends on the machine or on other settings."""
    on_gpu = device.type == "cuda"
    data, trainer = settings.data, settings.trainer
    steps = trainer.steps or (30_000 if on_gpu else 1_000)
    validate, checkpoint = trainer.validate_every, trainer.checkpoint_every
    precision = trainer.precision
    if precision == "auto":
        native = torch.cuda.is_bf16_supported() if on_gpu else bool(machine.has_native_bf16())
        precision = "bf16" if native else "32"
    batches = {
        "hq_batch": data.hq_batch or (4 if on_gpu else 2),
        "lq_batch": data.lq_batch or (20 if on_gpu else 4),
    }
    schedule = {
        "steps": steps,
        "validate_every": max(1, steps // 10) if validate is None else validate,
        "checkpoint_every": max(10, steps // 20) if checkpoint is None else checkpoint,
        "precision": precision,
    }
    return settings.model_copy(
        update={
            "data": data.model_copy(update=batches),
            "trainer": trainer.model_copy(update=schedule),
        }
    )
