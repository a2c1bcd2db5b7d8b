"""An offset for every place of a boundary: errors of a given label that differ from place to place.

The offset o(v) of `offsets.py` becomes a field, trilinear between control points on a coarse grid. It is the
one that makes the moved label most likely under the prediction m,

    E(o) = mean_v H(m(v), sigma((o(v) - d(v)) / tau)) + s mean |o_i - o_j|^2 + p mean (o_i - o_0)^2,

with d the signed distance to the given boundary, H the cross-entropy, i and j neighboring control points and
o_0 the single offset of the case. Voxels far from the boundary on either side have no say.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import optimize
from torch import Tensor
from torch.nn import functional

from alcseg.types import FloatArray, Spacing

__all__ = ["fit_offset_field"]


def fit_offset_field(
    probs: FloatArray,
    distance: FloatArray,
    spacing: Spacing,
    *,
    offset_mm: float,
    grid_mm: float = 15.0,
    limit_mm: float = 8.0,
    softness_mm: float = 1.5,
    smoothness: float = 0.01,
    pull: float = 0.002,
) -> NDArray[np.float32]:
    """Offsets in mm, `(X, Y, Z)`, for one class of one case.

    Args:
        probs: Predicted probability of the class, `(X, Y, Z)`.
        distance: Signed distance in mm to the given boundary of the class, same shape.
        spacing: Voxel size in mm.
        offset_mm: The single offset o_0 to start from.
        grid_mm: Distance of the control points.
        limit_mm: Largest offset, and how far from the boundary moved by o_0 voxels count.
        softness_mm: Width tau of the boundary.
        smoothness: s, per mm^2.
        pull: p, per mm^2.

    Returns:
        The field; `offset_mm` everywhere if the label lacks the class.
    """
    band = np.abs(distance - offset_mm) <= limit_mm
    if not band.any():
        return np.full(distance.shape, offset_mm, np.float32)
    box = _bounding_box(band)
    inside = torch.from_numpy(np.ascontiguousarray(band[box]))
    target = torch.from_numpy(np.ascontiguousarray(probs[box], dtype=np.float32))[inside]
    depth = torch.from_numpy(np.ascontiguousarray(distance[box], dtype=np.float32))[inside]
    shape = inside.shape
    count = [max(2, round(size * step / grid_mm) + 1) for size, step in zip(shape, spacing, strict=True)]

    def energy(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        control = torch.tensor(flat, dtype=torch.float32, requires_grad=True)
        grid = control.view(*count)
        logits = (_spread_out(grid, shape)[inside] - depth) / softness_mm
        value = functional.binary_cross_entropy_with_logits(logits, target)
        value = value + smoothness * _roughness(grid) + pull * (grid - offset_mm).square().mean()
        (gradient,) = torch.autograd.grad(value, control)
        return float(value.detach()), gradient.double().numpy()

    low, high = min(-limit_mm, offset_mm), max(limit_mm, offset_mm)
    found = optimize.minimize(
        energy,
        np.full(int(np.prod(count)), offset_mm),
        jac=True,
        method="L-BFGS-B",
        bounds=optimize.Bounds(low, high),
        options={"maxiter": 60},
    )
    field = np.full(distance.shape, offset_mm, np.float32)
    field[box] = _spread_out(torch.tensor(found.x, dtype=torch.float32).view(*count), shape).numpy()
    return field


def _spread_out(grid: Tensor, shape: Sequence[int]) -> Tensor:
    """Trilinear between control points, the outer ones at the corners of the box."""
    return functional.interpolate(grid[None, None], size=tuple(shape), mode="trilinear", align_corners=True)[
        0, 0
    ]


def _roughness(grid: Tensor) -> Tensor:
    """Mean squared difference of neighboring control points."""
    return torch.stack([grid.diff(dim=axis).square().mean() for axis in range(3)]).mean()


def _bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    return tuple(slice(int(where.min()), int(where.max()) + 1) for where in map(np.unique, np.nonzero(mask)))
