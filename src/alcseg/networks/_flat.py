"""Kernels of a network that works in planes where voxels are thick.

Halving a side of ten slices four times leaves nothing of it, and a kernel that spans 30 mm across and 4.5 mm
within the slices sees two different things. So an axis of thick voxels is left alone in the first, finest
levels, until the voxels are about as large along all axes, as Isensee et al. (nnU-Net, 2021) do.
"""

import math
from collections.abc import Sequence

__all__ = ["Sides", "kernel_sides", "total_strides"]

Sides = tuple[int, int, int]


def kernel_sides(length: int, levels: int, flat_levels: Sides) -> list[Sides]:
    """Sides of the kernels of each level, finest first.

    Args:
        length: Side along an axis that is not flat; 2 for steps from a level to the next.
        levels: How many.
        flat_levels: For each axis, in how many of the first levels it is left alone.
    """
    a, b, c = flat_levels

    def side(level: int, flat: int) -> int:
        return 1 if level < flat else length

    return [(side(level, a), side(level, b), side(level, c)) for level in range(levels)]


def total_strides(steps: Sequence[Sides]) -> tuple[int, ...]:
    """What the steps of all levels come to along each axis; a side has to be a multiple of it."""
    return tuple(math.prod(sides) for sides in zip(*steps, strict=True))
