"""Whether patch and batch leave every layer something to normalize, asked before a run begins."""

from dataclasses import replace

import torch

from alcseg.config import Settings
from alcseg.data.plan import PATCH_MULTIPLE
from alcseg.data.sampling import Patches
from alcseg.errors import ConfigError
from alcseg.inference.load import build_method
from alcseg.methods import Method
from alcseg.networks import StridePadded
from alcseg.records.plan import Plan
from alcseg.training.cases import stream_sizes

__all__ = ["require_statistics"]

_TOO_FEW = "Expected more than 1"  # how torch begins what BatchNorm and InstanceNorm say of a single value


def require_statistics(settings: Settings, plan: Plan) -> None:
    """Refuse a patch and batch of which a layer would see one value per channel, which has no variance.

    Args:
        settings: Complete ones.
        plan: Of the run.

    Raises:
        ConfigError: Naming the nearest patch and batch that can be trained.
    """
    method = build_method(settings.to_dict(), plan).train()
    strides = [module.multiple for module in method.modules() if isinstance(module, StridePadded)]
    stride = max(strides, default=PATCH_MULTIPLE)
    if max(plan.patch) > stride or _trains(method, settings, plan):
        return  # more than one voxel at the deepest level
    patch = [*plan.patch]
    longest = max(range(3), key=lambda axis: (patch[axis], axis))
    patch[longest] = 2 * stride
    remedies = [f"data.patch={patch}"]
    two = 2 * settings.trainer.devices * settings.trainer.nodes
    for key, data in (
        ("hq_batch", replace(settings.data, hq_batch=two)),
        ("lq_batch", replace(settings.data, lq_batch=two)),
    ):
        if _trains(method, replace(settings, data=data), plan):
            remedies.append(f"data.{key}={two}")
    raise ConfigError(
        f"data.patch={[*plan.patch]}: expected more than one value per channel to normalize at the deepest "
        f"level of network '{settings.network.name}', got one voxel of one patch. "
        f"Use {' or '.join(remedies)}."
    )


def _trains(method: Method, settings: Settings, plan: Plan) -> bool:
    """Whether all layers take the batch of one process; only asked of the smallest patches, so fast."""
    processes = settings.trainer.devices * settings.trainer.nodes
    batch = {}
    for stream, size in stream_sizes(method.streams, settings.data).items():
        count = max(1, size // processes)
        batch[stream] = Patches(
            torch.zeros(count, len(plan.channel_names), *plan.patch),
            torch.zeros(count, *plan.patch, dtype=torch.long),
            ["blank"] * count,
            torch.arange(count),
        )
    try:
        with torch.no_grad():
            method.training_terms(batch)
    except ValueError as error:
        if str(error).startswith(_TOO_FEW):
            return False
        raise
    return True
