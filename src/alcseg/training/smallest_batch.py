"""Whether patch and batch leave every layer something to normalize, asked before a run begins."""

import torch

from alcseg.data.plan import PATCH_MULTIPLE
from alcseg.errors import ConfigError
from alcseg.networks import StridePadded
from alcseg.records.settings import DataSettings, RunSettings
from alcseg.training.cases import blank_batch, stream_sizes
from alcseg.training_methods import Method

__all__ = ["require_statistics"]

_TOO_FEW = "Expected more than 1"  # how torch begins what BatchNorm and InstanceNorm say of a single value


def require_statistics(method: Method, settings: RunSettings) -> bool:
    """Refuse a patch and batch of which a layer would see one value per channel, which has no variance.

    Args:
        method: Prepared for the run.
        settings: Complete ones.

    Returns:
        Whether the method had to be tried, and so is not as it was.

    Raises:
        ConfigError: Naming the nearest patch and batch that can be trained.
    """
    strides = [max(module.strides) for module in method.modules() if isinstance(module, StridePadded)]
    stride = max(strides, default=PATCH_MULTIPLE)
    patch = [*method.task.patch]
    if max(patch) > stride:
        return False  # more than one voxel at the deepest level
    data, processes = settings.data, settings.trainer.processes
    if _trains(method, data, processes):
        return True
    longest = max(range(3), key=lambda axis: (patch[axis], axis))
    remedy = [2 * stride if axis == longest else side for axis, side in enumerate(patch)]
    remedies = [f"data.patch={remedy}"]
    two = 2 * processes
    remedies += [
        f"data.{key}={two}"
        for key in ("hq_batch", "lq_batch")
        if _trains(method, data.model_copy(update={key: two}), processes)
    ]
    raise ConfigError(
        f"data.patch={patch}: expected more than one value per channel to normalize at the deepest "
        f"level of network '{settings.network.name}', got one voxel of one patch. "
        f"Use {' or '.join(remedies)}."
    )


def _trains(method: Method, data: DataSettings, processes: int) -> bool:
    """Whether all layers take the batch of one process; only asked of the smallest patches, so fast."""
    sizes = {stream: max(1, size // processes) for stream, size in stream_sizes(method.streams, data).items()}
    try:
        with torch.no_grad():
            method.training_terms(blank_batch(method.task, sizes))
    except ValueError as error:
        if str(error).startswith(_TOO_FEW):
            return False
        raise
    return True
