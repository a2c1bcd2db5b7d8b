"""Reading a `.seg.nrrd`, whoever wrote it: the classes by their names, on the grid of the image."""

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcseg.data.case import Volume
from alcseg.data.nrrd_files import SPACES, nrrd_package
from alcseg.errors import DataError, LabelError
from alcseg.types import Affine
from alcseg.words import shorten

__all__ = ["read_segments"]


def read_segments(path: Path, labels: dict[str, int], image: Volume) -> Volume:
    """Label values from the segments that are named as the classes are.

    Args:
        path: The file.
        labels: Class name to value, background first.
        image: Of whose grid the file may hold a crop; the rest becomes background.

    Raises:
        DataError: If the file is damaged or its data lie in another file.
        LabelError: If a class has no segment, or two segments overlap.
    """
    layers, header = _read(path)
    affine = _affine(path, header)
    names = list(labels)[1:]
    segments = _segments(path, header, len(layers))
    if any(name not in segments for name in names):
        raise LabelError(
            f"{path}: expected segments named {shorten(names)}, found {shorten(list(segments)) or 'none'}. "
            "Rename them."
        )
    background = next(iter(labels.values()))
    label = np.full(layers.shape[1:], background, dtype=np.int64)
    for name in names:
        layer, inside = segments[name]
        mask = layers[layer] == inside
        if (mask & (label != background)).any():
            raise LabelError(
                f"{path}: expected segments that do not overlap, found that {name} does. Mend it."
            )
        label[mask] = labels[name]
    return _on_grid(Volume(label, affine, None, path), image, background)


def _read(path: Path) -> tuple[NDArray[Any], dict[str, Any]]:
    """Layers `(L, X, Y, Z)` of whole numbers, and the header."""
    nrrd = nrrd_package()
    try:
        with path.open("rb") as file:
            header = dict(nrrd.read_header(file))
            if "data file" in header or "datafile" in header:
                raise ValueError("its data lie in another file")
            data = nrrd.read_data(header, file)
    except (
        nrrd.NRRDError,
        OSError,
        ValueError,
        EOFError,
        KeyError,
        StopIteration,
        MemoryError,
        zlib.error,
    ) as error:
        reason = str(error) or "it ends too early"
        raise DataError(
            f"{path}: expected a .seg.nrrd file, cannot read it ({reason}). Save it again."
        ) from None
    if data.ndim not in (3, 4) or data.dtype.kind not in "iu":
        raise _odd(path, f"{data.ndim}D of type {data.dtype}", "whole numbers in 3D or in layers of 3D")
    return (data if data.ndim == 4 else data[None]), header


def _affine(path: Path, header: dict[str, Any]) -> Affine:
    """Voxel index to RAS millimetres."""
    space = str(header.get("space", "none")).lower()
    if space not in SPACES:
        raise _odd(path, f"space {space}", f"one of the spaces {', '.join(SPACES)}")
    turn = np.diag(SPACES[space])
    directions = np.asarray(header.get("space directions", []), dtype=float)[-3:]
    origin = np.asarray(header.get("space origin", []), dtype=float)
    if directions.shape != (3, 3) or origin.shape != (3,) or not np.isfinite([*directions, origin]).all():
        raise _odd(path, "none or others", "three space directions and a space origin")
    affine: Affine = np.eye(4)
    affine[:3, :3] = turn @ directions.T
    affine[:3, 3] = turn @ origin
    return affine


def _odd(path: Path, found: str, expected: str) -> DataError:
    return DataError(f"{path}: expected {expected}, found {found}. Save it again from 3D Slicer.")


def _segments(path: Path, header: dict[str, Any], layers: int) -> dict[str, tuple[int, int]]:
    """Layer and value of each segment by its name."""
    found: dict[str, tuple[int, int]] = {}
    index = 0
    while (name := header.get(f"Segment{index}_Name")) is not None:
        layer, value = (header.get(f"Segment{index}_{key}", "0") for key in ("Layer", "LabelValue"))
        value = value if f"Segment{index}_LabelValue" in header else str(index + 1)
        if name in found:
            raise LabelError(f"{path}: expected one segment of each name, found two of {name}. Rename them.")
        if not (layer.isdecimal() and int(layer) < layers and value.isdecimal()):
            raise _odd(
                path,
                f"layer {layer:.20} and value {value:.20} of {name}",
                f"a layer below {layers} and a whole value",
            )
        found[name] = int(layer), int(value)
        index += 1
    return found


def _on_grid(label: Volume, image: Volume, background: int) -> Volume:
    """A label that covers a part of the image's grid, filled up with background; any other one as it is."""
    steps = np.linalg.inv(image.affine) @ label.affine
    offset = np.rint(steps[:3, 3]).astype(int)
    on_lattice = np.allclose(steps[:3, :3], np.eye(3), atol=1e-3) and np.allclose(
        steps[:3, 3], offset, atol=1e-2
    )
    inside = (offset >= 0).all() and (offset + label.shape <= np.array(image.shape)).all()
    if not (on_lattice and inside):
        return label
    whole = np.full(image.shape, background, dtype=label.array.dtype)
    whole[tuple(slice(at, at + size) for at, size in zip(offset, label.shape, strict=True))] = label.array
    return Volume(whole, image.affine, None, label.path)
