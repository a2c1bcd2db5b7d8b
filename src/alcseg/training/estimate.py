"""What a training will cost, measured on one patch per stream before it begins."""

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from alcseg.config import Settings
from alcseg.data.plan import PATCH_MULTIPLE
from alcseg.data.sampling import Patches
from alcseg.inference.load import build_method
from alcseg.records.plan import Plan
from alcseg.training.cases import stream_sizes

__all__ = ["Estimate", "estimate_cost"]


@dataclass(frozen=True)
class Estimate:
    """Expected cost of a run on this machine, while nothing else runs on it.

    Attributes:
        seconds_per_step: Of a training step; validation comes on top.
        hours: Of all steps.
        memory_gib: Weights, optimizer and activations of a batch on the training device.
    """

    seconds_per_step: float
    hours: float
    memory_gib: float


def estimate_cost(settings: Settings, plan: Plan, device: torch.device) -> Estimate:
    """Time forward and backward on random patches, one per stream, and scale to the batch.

    Args:
        settings: Complete ones.
        plan: Of the run.
        device: Where training would run.
    """
    method = build_method(settings.to_dict(), plan).to(device).train()
    sizes = stream_sizes(method.streams, settings.data)
    # The smallest patch is one voxel at the bottleneck, and one value is too few for its BatchNorm.
    count = 2 if max(plan.patch) <= PATCH_MULTIPLE else 1
    batch = {
        stream: Patches(
            torch.zeros(count, len(plan.channel_names), *plan.patch, device=device),
            torch.zeros(count, *plan.patch, dtype=torch.long, device=device),
            ["estimate"] * count,
            torch.arange(count),
        )
        for stream in sizes
    }
    saved: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    seconds = []
    enabled = settings.trainer.precision == "bf16"
    for _ in range(2):  # the first one also pays for set-up
        saved.clear()
        started = time.perf_counter()
        with (
            torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
            torch.autocast(device.type, torch.bfloat16, enabled=enabled),
        ):
            loss = torch.stack(list(method.training_terms(batch).values())).sum()
        torch.autograd.backward(loss)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - started)
    weights = sum(tensor.numel() * tensor.element_size() for tensor in method.state_dict().values())
    trained = sum(parameter.numel() * 4 for parameter in method.parameters() if parameter.requires_grad)
    activations = sum(saved.values()) - trained  # the weights are saved for the backward pass too
    steps = sum(stage.steps for stage in method.plan_stages({stream: [] for stream in sizes}))
    share = sum(sizes.values()) / (count * len(sizes))
    per_step = seconds[-1] * share
    memory = weights + 2 * trained + max(activations, 0) * share
    return Estimate(
        seconds_per_step=round(per_step, 3),
        hours=round(per_step * steps / 3600, 2),
        memory_gib=round(memory / 2**30, 2),
    )
