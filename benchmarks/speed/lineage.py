"""The training step and the windows that 3D semi-supervised code passes on from project to project, for ALC.

float32, contiguous layout, one call of the teacher per pass, the Dice of each class in a loop, a teacher that
follows weight by weight. Equations are those of `alcseg.training_methods.alc`.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["count_windows", "lineage_step"]

ALPHA, BETA, DECAY = 5.0, 1.0, 0.99
STRIDE = (18, 18, 4)


def lineage_step(
    student: nn.Module,
    teacher: nn.Module,
    optimizer: torch.optim.Optimizer,
    hq: tuple[Tensor, Tensor],
    lq: tuple[Tensor, Tensor],
    ramp: float,
    noises: Sequence[Callable[[], Tensor]],
) -> float:
    """One step; returns the loss.

    Args:
        student: Trained.
        teacher: Its average, in training mode like it.
        optimizer: Of the student.
        hq: Images `(B, 1, X, Y, Z)` and labels `(B, X, Y, Z)`.
        lq: The same.
        ramp: Weight of all that LQ patches teach.
        noises: Draw the noise of each pass.
    """
    images, labels = lq
    passes = []
    for draw in noises:
        noise = draw()
        with torch.no_grad():
            passes.append(teacher(images + noise).softmax(1))
    mean = torch.stack(passes).mean(0)
    divergence = torch.stack([(probs * (probs.log() - mean.log())).sum(1) for probs in passes])
    weight = 1 / (divergence.clamp_min(0) + 1e-6)
    weight = weight / weight.sum(0)
    refined = (weight.unsqueeze(2) * torch.stack(passes)).sum(0).argmax(1)
    order = divergence.mean(0).mean((1, 2, 3)).argsort()
    surest, rest = order[: len(order) // 4], order[len(order) // 4 :]

    logits = student(torch.cat([hq[0], images]))
    on_hq, on_lq = logits[: len(hq[0])], logits[len(hq[0]) :]
    probs = on_lq.softmax(1)
    consistency = sum(((probs - one) ** 2).mean() for one in passes) / len(passes)
    of_lq = ALPHA * _supervised(on_lq[surest], refined[surest]) + BETA * _supervised(
        on_lq[rest], labels[rest]
    )
    loss = _supervised(on_hq, hq[1]) + ramp * (of_lq + consistency)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    for own, theirs in zip(teacher.parameters(), student.parameters(), strict=True):
        own.data.mul_(DECAY).add_(theirs.data, alpha=1 - DECAY)
    return float(loss)


def _supervised(logits: Tensor, label: Tensor) -> Tensor:
    """Half cross-entropy, half Dice."""
    probs = logits.softmax(1)
    dice = 0.0
    for index in range(probs.shape[1]):
        own, target = probs[:, index], (label == index).float()
        overlap = (own * target).sum()
        dice += 1 - (2 * overlap + 1e-5) / ((own * own).sum() + (target * target).sum() + 1e-5)
    return 0.5 * functional.cross_entropy(logits, label) + 0.5 * dice / probs.shape[1]


def count_windows(shape: Sequence[int], patch: Sequence[int]) -> int:
    """How often the sliding window of the same code calls the network for a volume."""
    sides = zip(shape, patch, STRIDE, strict=True)
    return math.prod(-(-max(0, have - side) // step) + 1 for have, side, step in sides)
