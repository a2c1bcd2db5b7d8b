"""One label map of several that people drew of one scan.

`majority` gives each voxel the class that most readers gave it. `staple` estimates with the labels how often
each reader takes which class for which, and weighs them by that; it comes from SimpleITK.

Where two classes are level, the boundary runs midway between those that were drawn: the voxel gets the class
whose mean signed distance is smallest. What is level even then, as where readers are one voxel apart, goes to
a class until it has the mean volume of the readers, the deepest first. Ties are most of what two readers
differ in; background there would make the consensus too small, and every reader seem to draw too large.

Source:
    Warfield, Zou and Wells, IEEE TMI 23(7), 2004, doi:10.1109/TMI.2004.828354 (STAPLE). Mean signed
    distances: Rohlfing and Maurer, IEEE TIP 16(1), 2007, doi:10.1109/TIP.2006.884936.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from alcseg.boxes import bounding_box
from alcseg.data.simpleitk import load_simpleitk
from alcseg.distances import signed_distance
from alcseg.errors import ShapeError, UsageError
from alcseg.types import LabelMap, Mask, Spacing

__all__ = ["FUSIONS", "Fusion", "fuse"]

Fusion = Literal["majority", "staple"]
FUSIONS: tuple[Fusion, ...] = get_args(Fusion)

_MARGIN = 2  # voxels of background around what was drawn, so that each class has a boundary
_DIGITS = 4  # of distances in mm; beyond, the order of the readers would decide


def fuse(
    labels: Sequence[LabelMap], values: Sequence[int], spacing: Spacing, how: Fusion = "majority"
) -> LabelMap:
    """The label map that readers agree on most; their order does not count.

    Args:
        labels: Of two or more readers, each `(X, Y, Z)` on one grid.
        values: Of all classes, background first; no label holds others.
        spacing: Voxel size in mm, one value per axis.
        how: `majority` or `staple`.

    Returns:
        `(X, Y, Z)`, in the smallest integer type that holds all values.

    Raises:
        UsageError: If there are fewer than two labels, or no such fusion.
        ShapeError: If the shapes differ.
        PackageError: If SimpleITK is needed and not installed.
    """
    if len(labels) < 2:
        raise UsageError(f"expected labels of at least two readers to fuse, got {len(labels)}.")
    if how not in FUSIONS:
        raise UsageError(f"expected one of {', '.join(FUSIONS)} to fuse labels by, got '{how}'.")
    if shapes := {label.shape for label in labels} - {labels[0].shape}:
        raise ShapeError(f"expected labels of one shape to fuse, got {labels[0].shape} and {shapes.pop()}.")
    kind = np.result_type(np.min_scalar_type(min(values)), np.min_scalar_type(max(values)))
    fused = np.full(labels[0].shape, values[0], kind)
    drawn = np.logical_or.reduce([label != values[0] for label in labels])
    if not drawn.any():
        return fused
    box = bounding_box(drawn, _MARGIN)
    near = [_indices(label[box], values) for label in labels]
    most = _most_votes(near)
    found, undecided = _staple(near, len(values)) if how == "staple" else _majority(near, most)
    if undecided.any():
        found[undecided] = _settled(near, most, found, undecided, spacing)
    fused[box] = np.asarray(values, kind)[found]
    return fused


def _indices(label: LabelMap, values: Sequence[int]) -> NDArray[np.uint16]:
    found = np.zeros(label.shape, np.uint16)
    for index, value in enumerate(values):
        found[label == value] = index
    return found


def _most_votes(labels: Sequence[LabelMap]) -> NDArray[np.bool_]:
    """Whether no class has more votes than that of a reader, `(readers, X, Y, Z)`."""
    votes = np.stack([sum((one == other).astype(np.uint8) for other in labels) for one in labels])
    top: NDArray[np.bool_] = votes == votes.max(axis=0)
    return top


def _majority(labels: Sequence[LabelMap], most: NDArray[np.bool_]) -> tuple[NDArray[np.intp], Mask]:
    """Class of each voxel, and where others have as many votes."""
    classes = np.stack(labels).astype(np.intp)
    lowest = np.where(most, classes, np.iinfo(np.intp).max).min(axis=0)
    return lowest, np.where(most, classes, -1).max(axis=0) != lowest


def _staple(labels: Sequence[LabelMap], classes: int) -> tuple[NDArray[np.intp], Mask]:
    """The same by STAPLE."""
    sitk = load_simpleitk("--fuse staple", "pip install 'alcseg[raters]', or fuse by majority.")
    images = [sitk.GetImageFromArray(np.ascontiguousarray(label)) for label in labels]
    found = sitk.GetArrayFromImage(sitk.MultiLabelSTAPLE(images, classes)).astype(np.intp)
    undecided: Mask = found == classes
    return np.where(undecided, 0, found), undecided


def _settled(
    labels: Sequence[LabelMap],
    most: NDArray[np.bool_],
    found: NDArray[np.intp],
    undecided: Mask,
    spacing: Spacing,
) -> NDArray[np.intp]:
    """Classes of the undecided voxels, among those with most votes."""
    far = float(np.linalg.norm(np.multiply(found.shape, spacing)))
    voted = [np.where(top, label, 0)[undecided] for top, label in zip(most, labels, strict=True)]
    tops = [top[undecided] for top in most]
    classes = np.unique(np.concatenate([label[top] for label, top in zip(voted, tops, strict=True)])).tolist()
    costs, depths = [], []
    for index in classes:
        distances = [np.clip(signed_distance(label == index, spacing), -far, far) for label in labels]
        mean = np.round(np.mean(distances, axis=0, dtype=np.float64), _DIGITS)
        allowed = np.logical_or.reduce(
            [(label == index) & top for label, top in zip(voted, tops, strict=True)]
        )
        costs.append(np.where(allowed, mean[undecided], np.inf))
        depths.append(np.round(ndimage.gaussian_filter(mean, 1.0)[undecided], _DIGITS))
    best = np.min(costs, axis=0)
    chosen: NDArray[np.intp] = np.asarray(classes, np.intp)[np.argmin(costs, axis=0)]
    level = np.sum(np.array(costs) == best, axis=0) > 1
    for index, cost, depth in zip(classes[1:], costs[1:], depths[1:], strict=True):
        wanted = np.mean([np.count_nonzero(label == index) for label in labels])
        there = np.count_nonzero((found == index) & ~undecided) + np.count_nonzero(chosen == index)
        open_to_it = np.flatnonzero(level & (cost == best) & (chosen != index))
        deepest = open_to_it[np.argsort(depth[open_to_it], kind="stable")]
        taken = deepest[: max(round(wanted - there), 0)]
        chosen[taken] = index
        level[taken] = False
    return chosen
