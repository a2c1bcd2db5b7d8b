"""The average of a student that a teacher is."""

import copy
from typing import Literal

import torch
from torch import Tensor, nn

__all__ = ["Buffers", "ema_decay_at", "ema_update", "fit_decay", "make_teacher"]


Buffers = Literal["ema", "copy"]


def make_teacher(student: nn.Module) -> nn.Module:
    """A frozen copy of `student`."""
    teacher = copy.deepcopy(student)
    teacher.requires_grad_(False)
    return teacher


def fit_decay(ema_decay: float | None, steps: int) -> float:
    """The decay that was set, or one that suits a run of so many steps.

    An average remembers the last 1/(1 - decay) steps. 0.99 is customary for runs of thousands of steps; in
    one of a few hundred it would remember networks that had learned nothing yet, so None remembers a
    twentieth of the run at most.
    """
    return min(0.99, max(0.0, 1 - 20 / max(steps, 1))) if ema_decay is None else ema_decay


def ema_decay_at(step: int, ema_decay: float) -> float:
    """`min(1 - 1/(step + 1), ema_decay)`: after step 0 the teacher equals the student."""
    return min(1 - 1 / (step + 1), ema_decay)


@torch.no_grad()
def ema_update(teacher: nn.Module, student: nn.Module, decay: float, *, buffers: Buffers = "ema") -> None:
    """`teacher <- decay * teacher + (1 - decay) * student`.

    Args:
        teacher: Changed in place.
        student: Same architecture.
        decay: Share of the old teacher that stays.
        buffers: What happens to BatchNorm statistics: `ema` averages them like the weights they belong to,
            `copy` takes the student's of this step. Counters are copied.
    """
    pairs: list[tuple[Tensor, Tensor]] = []
    pairs += zip(teacher.parameters(), student.parameters(), strict=True)
    for own, theirs in zip(teacher.buffers(), student.buffers(), strict=True):
        if buffers == "ema" and own.is_floating_point():
            pairs.append((own, theirs))
        else:
            own.copy_(theirs)
    averaged, current = zip(*pairs, strict=True)
    torch._foreach_lerp_(averaged, current, 1 - decay)
