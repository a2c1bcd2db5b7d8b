"""What a training will cost, measured on one patch per stream before it begins."""

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from alcseg.data.plan import PATCH_MULTIPLE
from alcseg.data.sampling import Patches
from alcseg.records.settings import RunSettings
from alcseg.training.cases import blank_batch, stream_sizes
from alcseg.training_methods import Method

__all__ = ["Estimate", "Measured", "estimate_cost", "measure"]


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


@dataclass(frozen=True)
class Measured:
    """One pass forward and back.

    Attributes:
        seconds: It took.
        weights: Bytes of all weights and buffers.
        trained: Bytes of the trained ones; gradients and momentum take as much each.
        saved: Bytes kept for the backward pass, the trained weights among them.
    """

    seconds: float
    weights: int
    trained: int
    saved: int

    def scaled(self, share: float, steps: int) -> Estimate:
        """The cost of a run.

        Args:
            share: Patches of a batch over those of the pass.
            steps: Optimizer steps of all stages.
        """
        per_step = self.seconds * share
        activations = max(self.saved - self.trained, 0)
        memory = self.weights + 2 * self.trained + activations * share
        return Estimate(
            seconds_per_step=round(per_step, 3),
            hours=round(per_step * steps / 3600, 2),
            memory_gib=round(memory / 2**30, 2),
        )


def estimate_cost(method: Method, settings: RunSettings, device: torch.device) -> Estimate:
    """Time forward and backward on blank patches, one per stream, and scale to the batch.

    Args:
        method: Prepared for the run; it is moved to the device, and can no longer be trained from the start.
        settings: Complete ones.
        device: Where training would run.
    """
    sizes = stream_sizes(method.streams, settings.data)
    # The smallest patch is one voxel at the bottleneck, and one value is too few for its BatchNorm.
    count = 2 if max(method.task.patch) <= PATCH_MULTIPLE else 1
    batch = blank_batch(method.task, dict.fromkeys(sizes, count), device)
    half = settings.trainer.precision == "bf16"
    measured = measure(method.to(device).train(), batch, half=half)
    steps = sum(stage.steps for stage in method.plan_stages({stream: [] for stream in sizes}))
    return measured.scaled(sum(sizes.values()) / (count * len(sizes)), steps)


def measure(method: Method, batch: dict[str, Patches], *, half: bool = False) -> Measured:
    """Pass a batch forward and back, under autocast to bfloat16 where `half` is set."""
    saved: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    device = method.device
    seconds = 0.0
    for _ in range(2):  # the first one also pays for set-up
        saved.clear()
        started = time.perf_counter()
        with (
            torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
            torch.autocast(device.type, torch.bfloat16, enabled=half),
        ):
            loss = torch.stack(list(method.training_terms(batch).values())).sum()
        torch.autograd.backward(loss)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds = time.perf_counter() - started
    weights = sum(tensor.numel() * tensor.element_size() for tensor in method.state_dict().values())
    trained = sum(parameter.numel() * 4 for parameter in method.parameters() if parameter.requires_grad)
    return Measured(seconds, weights, trained, sum(saved.values()))
