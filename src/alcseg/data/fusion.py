"""One label map of several that people drew of one scan.

`majority` gives each voxel the class that most readers gave it. `staple` estimates with the labels how often
each reader takes which class for which, and weighs them by that; it comes from SimpleITK.

Where two classes are level, the boundary runs midway between those that were drawn: the voxel gets the class
whose mean signed distance is smallest. Ties are most of what two readers differ in; background there would
make the consensus too small, and every reader seem to draw too large.

Source:
    Warfield, Zou and Wells, IEEE TMI 23(7), 2004, doi:10.1109/TMI.2004.828354 (STAPLE). Mean signed
    distances: Rohlfing and Maurer, IEEE TIP 16(1), 2007, doi:10.1109/TIP.2006.884936.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from alcseg.boxes import bounding_box
from alcseg.distances import signed_distance
from alcseg.errors import ResourceError, ShapeError, UsageError
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
        `(X, Y, Z)`, in the type of the first label.

    Raises:
        UsageError: If there are fewer than two labels, or no such fusion.
        ShapeError: If the shapes differ.
        ResourceError: If SimpleITK is needed and not installed.
    """
    if len(labels) < 2:
        raise UsageError(f"expected labels of at least two readers to fuse, got {len(labels)}.")
    if how not in FUSIONS:
        raise UsageError(f"expected one of {', '.join(FUSIONS)} to fuse labels by, got '{how}'.")
    if shapes := {label.shape for label in labels} - {labels[0].shape}:
        raise ShapeError(f"expected labels of one shape to fuse, got {labels[0].shape} and {shapes.pop()}.")
    fused = np.full_like(labels[0], values[0])
    drawn = np.logical_or.reduce([label != values[0] for label in labels])
    if not drawn.any():
        return fused
    box = bounding_box(drawn, _MARGIN)
    near = [_indices(label[box], values) for label in labels]
    found, level = (_staple if how == "staple" else _majority)(near, len(values))
    if level.any():
        found = _settle(near, found, level, spacing)
    fused[box] = np.asarray(values, fused.dtype)[found]
    return fused


def _indices(label: LabelMap, values: Sequence[int]) -> NDArray[np.uint16]:
    found = np.zeros(label.shape, np.uint16)
    for index, value in enumerate(values):
        found[label == value] = index
    return found


def _votes(labels: Sequence[LabelMap], classes: int) -> NDArray[np.uint16]:
    """How many readers gave each class to each voxel, `(K, X, Y, Z)`."""
    return np.stack([sum((label == index).astype(np.uint16) for label in labels) for index in range(classes)])


def _majority(labels: Sequence[LabelMap], classes: int) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Class of each voxel, and which classes are level with others, `(K, X, Y, Z)`."""
    votes = _votes(labels, classes)
    top = votes == votes.max(axis=0)
    return top.argmax(axis=0), top & (top.sum(axis=0) > 1)


def _staple(labels: Sequence[LabelMap], classes: int) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The same by STAPLE; what it leaves undecided is settled among the classes that have votes."""
    try:
        import SimpleITK
    except ImportError:
        raise ResourceError(
            "--fuse staple: expected the package SimpleITK, which is not installed. Install it with "
            "pip install 'alcseg[raters]', or fuse by majority."
        ) from None
    images = [SimpleITK.GetImageFromArray(np.ascontiguousarray(label)) for label in labels]
    found = SimpleITK.GetArrayFromImage(SimpleITK.MultiLabelSTAPLE(images, classes)).astype(np.intp)
    undecided: Mask = found == classes
    return np.where(undecided, 0, found), undecided & (_votes(labels, classes) > 0)


def _settle(
    labels: Sequence[LabelMap], found: NDArray[np.intp], level: NDArray[np.bool_], spacing: Spacing
) -> NDArray[np.intp]:
    """Give voxels with level classes that of them which lies deepest in what was drawn, on average."""
    far = float(np.hypot.reduce(np.multiply(found.shape, spacing)))
    best = np.full(found.shape, np.inf)
    settled = found.copy()
    for index in range(len(level)):  # background first: it keeps what is level even then
        if not level[index].any():
            continue
        distances = [np.clip(signed_distance(label == index, spacing), -far, far) for label in labels]
        mean = np.round(np.mean(distances, axis=0, dtype=np.float64), _DIGITS)
        nearer = level[index] & (mean < best)
        settled[nearer] = index
        best[nearer] = mean[nearer]
    return settled
