"""The average of a student that a teacher is."""

import copy

import torch
from torch import nn

__all__ = ["ema_decay_at", "ema_update", "make_teacher"]


def make_teacher(student: nn.Module) -> nn.Module:
    """A frozen copy of `student`."""
    teacher = copy.deepcopy(student)
    teacher.requires_grad_(False)
    return teacher


def ema_decay_at(step: int, ema_decay: float) -> float:
    """`min(1 - 1/(step + 1), ema_decay)`: after step 0 the teacher equals the student."""
    return min(1 - 1 / (step + 1), ema_decay)


@torch.no_grad()
def ema_update(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    """`teacher <- decay * teacher + (1 - decay) * student` for weights; buffers are copied.

    BatchNorm buffers are copied rather than averaged so that an evaluated teacher has the statistics of its
    own time; the public ports leave them to drift.
    """
    torch._foreach_lerp_(list(teacher.parameters()), list(student.parameters()), 1 - decay)
    for own, theirs in zip(teacher.buffers(), student.buffers(), strict=True):
        own.copy_(theirs)
