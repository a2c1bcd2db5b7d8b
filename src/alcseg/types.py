"""Aliases that carry their meaning: arrays, ranges, and words that several rooms share."""

from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from annotated_types import Ge, Gt, Interval
from numpy.typing import NDArray

__all__ = [
    "Affine",
    "BelowOne",
    "Count",
    "FloatArray",
    "LabelMap",
    "Level",
    "Mask",
    "NotNegative",
    "Positive",
    "Protocol",
    "Share",
    "Spacing",
    "Steps",
    "Uncertainty",
    "Weighting",
    "Width",
    "Window",
]

Spacing: TypeAlias = tuple[float, ...]
"""Voxel size in mm, one value per array axis, in axis order."""

Affine: TypeAlias = NDArray[np.float64]
"""`(4, 4)`, voxel index to RAS millimetres."""

Mask: TypeAlias = NDArray[np.bool_]
"""Foreground, `(X, Y, Z)`."""

LabelMap: TypeAlias = NDArray[np.integer[Any]]
"""One integer per voxel, `(X, Y, Z)`."""

FloatArray: TypeAlias = NDArray[np.floating[Any]]

Count: TypeAlias = Annotated[int, Ge(1)]
"""How many, at least one."""

Steps: TypeAlias = Annotated[int, Interval(ge=1, le=10**9)]
"""How many steps; what is beyond is a slip of the pen, and at some point no index any more."""

Width: TypeAlias = Annotated[int, Interval(ge=1, le=1024)]
"""Channels of a layer."""

Level: TypeAlias = Annotated[int, Interval(ge=0, le=4)]
"""How many of the four halvings of a network."""

Share: TypeAlias = Annotated[float, Interval(ge=0, le=1)]
"""A part of a whole, or a probability."""

BelowOne: TypeAlias = Annotated[float, Interval(ge=0, lt=1)]
"""Probability of dropping something, or share of a running average that stays; with 1 nothing is learned."""

NotNegative: TypeAlias = Annotated[float, Ge(0)]
"""A weight or an amount."""

Positive: TypeAlias = Annotated[float, Gt(0)]
"""A size."""

Window: TypeAlias = Literal["gaussian", "lineage"]
"""Sliding window; `lineage` is the stride and weighting of earlier papers."""

Protocol: TypeAlias = Literal["mm", "paper"]
"""How label maps are scored: distances in mm, or in voxels as in the papers."""

Weighting: TypeAlias = Literal["inverse", "exponential", "uniform"]
"""How the divergence of a perturbed pass becomes its weight; see `alcseg.correction.refine`."""

Uncertainty: TypeAlias = Literal["kl", "entropy"]
"""What the uncertainty of a voxel is: mean divergence of the passes, or entropy of what they say together."""

EngineName: TypeAlias = Literal["auto", "fastest", "torch", "folded", "openvino"]
"""What computes the forward passes of a trained network; see `alcseg.inference.engines`."""
