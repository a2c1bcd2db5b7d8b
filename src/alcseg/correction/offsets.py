"""How far a given boundary is off, how sharply it still tells the shape, and the given label moved.

A label drawn too large or too small still knows the shape of the organ, and a weak prediction is enough to
tell by how much it is off. With h_c(v) one where the network's most probable class is c, and d_c the signed
distance to the given boundary of c, negative inside, the given label moved by o is {d_c <= o}, and the best
offset agrees best,

    o_c = argmax_o  2 sum_v h_c(v) [d_c(v) <= o] / (sum_v h_c(v) + sum_v [d_c(v) <= o]).

Across the moved boundary h falls from one to zero within a width s_c, that of the likeliest

    h_c(v) ~ Phi((o_c - d_c(v)) / s_c).

It is the error of the network and that of the drawn shape together; clean labels of other cases tell the
first. All offsets are tried at once: the sums are cumulative histograms of d_c. They add up over patches, so
what patches of one volume say can be gathered in the course of a training.

Why not the Dice with probabilities m: its best set holds every voxel of m > D / 2, and so is too large
wherever the prediction is unsure; a network trained on such labels draws too large and confirms them. Why not
the fewest voxels on the wrong side: where the network misses a part of the organ it shrinks the label, and
where it misses all of it to nothing.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from alcseg.correction.refine import most_probable
from alcseg.errors import ConfigError

__all__ = ["Agreement", "Offsets", "measure_agreement", "measure_classes", "move_label", "offset_steps"]


_TIE = 1e-6  # Dice per mm: decides between offsets that are equally good
_WIDTHS = 40


@dataclass(frozen=True, eq=False)
class Offsets:
    """Where boundaries belong, for B volumes and the K - 1 foreground classes.

    Attributes:
        mm: `(B, K - 1)`, positive where the given label is drawn too small.
        dice: Of the prediction and the label moved by it, `(B, K - 1)`: how far to trust it; 0 where the
            class has no voxel.
        given: Dice with the label as given, `(B, K - 1)`.
        width_mm: Within which the prediction changes across the moved boundary, one standard deviation,
            `(B, K - 1)`.
        present: Whether the given label has the class within reach of the largest offset, `(B, K - 1)` bool.
    """

    mm: Tensor
    dice: Tensor
    given: Tensor
    width_mm: Tensor
    present: Tensor

    @classmethod
    def stack(cls, each: Sequence["Offsets"]) -> "Offsets":
        """Those of several volumes as one."""
        return cls(*(torch.cat(parts) for parts in zip(*map(_parts, each), strict=True)))

    def to(self, device: torch.device) -> "Offsets":
        """The same on a device."""
        return Offsets(*(part.to(device) for part in _parts(self)))


@dataclass(frozen=True, eq=False)
class Agreement:
    """Sums that tell how well a prediction agrees with the given label at each offset; they may be added.

    Attributes:
        steps: Offsets tried, mm, `(O,)`, ascending.
        overlap: Predicted voxels inside the moved label, `(B, K - 1, O)`.
        size: Voxels of the moved label, `(B, K - 1, O)`.
        mass: Predicted voxels everywhere, `(B, K - 1)`.
    """

    steps: Tensor
    overlap: Tensor
    size: Tensor
    mass: Tensor

    def of(self, index: int) -> "Agreement":
        """That of one volume."""
        part = slice(index, index + 1)
        return Agreement(self.steps, self.overlap[part], self.size[part], self.mass[part])

    def cpu(self) -> "Agreement":
        """The same in main memory."""
        return Agreement(*(part.cpu() for part in _parts(self)))

    def decayed_into(self, newer: "Agreement", decay: float) -> "Agreement":
        """`newer` plus `decay` times this one."""
        return Agreement(
            self.steps,
            decay * self.overlap + newer.overlap,
            decay * self.size + newer.size,
            decay * self.mass + newer.mass,
        )

    def best(self, *, tolerance_mm: float = 0.0) -> Offsets:
        """The offset of the highest Dice; 0 where it is within `tolerance_mm`.

        Of equally good ones it is the smallest.
        """
        total = self.size + self.mass.unsqueeze(-1)
        dice = torch.where(self.size > 0, 2 * self.overlap / total.clamp_min(1e-6), 0.0)
        zero = int(self.steps.abs().argmin())
        index = (dice - _TIE * self.steps.abs()).argmax(-1)
        index = torch.where(self.steps[index].abs() <= tolerance_mm, zero, index)
        at = dice.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        offset = self.steps[index]
        return Offsets(offset, at, dice[..., zero], self._width(offset), self.size[..., -1] > 0)

    def _width(self, offset: Tensor) -> Tensor:
        """The likeliest width of a boundary at `offset`, of a grid from half a step to all that was tried."""
        step = float(self.steps[1] - self.steps[0])
        widths = torch.logspace(math.log10(step / 2), math.log10(4 * float(self.steps[-1])), _WIDTHS)
        widths = widths.to(offset.device)
        middle = (self.steps[1:] + self.steps[:-1]) / 2
        voxels, mass = self.size.diff(dim=-1), self.overlap.diff(dim=-1)
        reach = (offset[..., None, None] - middle) / widths[:, None]  # (B, K - 1, widths, shells)
        inside, outside = torch.special.log_ndtr(reach), torch.special.log_ndtr(-reach)
        likelihood = (mass.unsqueeze(-2) * inside + (voxels - mass).unsqueeze(-2) * outside).sum(-1)
        return widths[likelihood.argmax(-1)]


def _parts(one: Offsets | Agreement) -> list[Tensor]:
    return [getattr(one, field.name) for field in fields(one)]


def offset_steps(limit_mm: float, step_mm: float) -> Tensor:
    """Offsets to try, `(O,)` float32: whole multiples of `step_mm` from -`limit_mm` to `limit_mm`.

    Raises:
        ConfigError: Unless 0 < `step_mm` <= `limit_mm`.
    """
    if not 0 < step_mm <= limit_mm:
        raise ConfigError(
            f"expected a step in mm of at most the limit, got step {step_mm} and limit {limit_mm}."
        )
    count = math.floor(limit_mm / step_mm + 1e-6)
    return torch.arange(-count, count + 1, dtype=torch.float32) * step_mm


def measure_agreement(
    probs: Tensor, distance: Tensor, steps: Tensor, *, known: Tensor | None = None
) -> Agreement:
    """Sums over all voxels of each volume or patch.

    Args:
        probs: Class probabilities, `(B, K, X, Y, Z)`.
        distance: Signed distance in mm to the given boundary of each foreground class, `(B, K - 1, X, Y, Z)`;
            infinite where the label lacks the class.
        steps: Offsets to try, mm, `(O,)` ascending.
        known: Voxels that count, bool, `(B, X, Y, Z)`, the others at an infinite distance; all where None.
    """
    return measure_classes(most_probable(probs), distance.unbind(1), steps, known=known)


def measure_classes(
    predicted: Tensor, distances: Iterable[Tensor], steps: Tensor, *, known: Tensor | None = None
) -> Agreement:
    """As `measure_agreement`, of one class after the other: no two distances are held at once.

    Args:
        predicted: The likeliest class of each voxel, `(B, X, Y, Z)`.
        distances: Of each foreground class, in order, `(B, X, Y, Z)` each.
        steps: As there.
        known: As there.
    """
    predicted = predicted.flatten(1)
    overlap, size, mass = [], [], []
    for index, distance in enumerate(distances, start=1):
        steps = steps.to(distance.dtype)
        bins = distance.new_zeros((len(distance), len(steps) + 1), dtype=torch.float32)
        foreground = (predicted == index).float()
        if known is not None:
            foreground *= known.flatten(1)
        # A voxel joins the moved label at the first offset that is at least its distance.
        joins = torch.bucketize(distance.flatten(1).contiguous(), steps)
        overlap.append(bins.scatter_add(1, joins, foreground).cumsum(1)[:, :-1])
        size.append(bins.scatter_add(1, joins, torch.ones_like(foreground)).cumsum(1)[:, :-1])
        mass.append(foreground.sum(1))
    return Agreement(steps, *(torch.stack(parts, 1) for parts in (overlap, size, mass)))


def move_label(distance: Tensor, offset: Tensor) -> Tensor:
    """The given label with its boundaries moved, `(B, X, Y, Z)` int64.

    Where moved classes meet, a voxel goes to the one into which it reaches deepest; so equal offsets leave
    the border between two classes where it was.

    Args:
        distance: Signed distance in mm to the given boundary of each foreground class, `(B, K - 1, X, Y, Z)`.
        offset: In mm, `(B, K - 1)`.
    """
    depth = distance - offset[..., None, None, None]
    nearest, index = depth.min(1)
    return torch.where(nearest <= 0, index + 1, 0)
