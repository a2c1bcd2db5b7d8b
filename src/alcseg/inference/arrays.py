"""One image in memory to its label map, as `alcseg predict` makes it of a file."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alcseg.arrays import check_spacing
from alcseg.data.case import Volume
from alcseg.data.placement import check_affine
from alcseg.data.voxel_values import check_intensities
from alcseg.errors import ShapeError, UsageError
from alcseg.inference.device import pick_device
from alcseg.inference.load import load_network
from alcseg.inference.predictor import Predictor
from alcseg.run import Run
from alcseg.types import Affine, EngineName, FloatArray, LabelMap

__all__ = ["predict_array"]

_WHERE = Path("image")  # stands for the path of the file in messages

_loading = threading.Lock()


def predict_array(
    run: Run,
    image: ArrayLike,
    *,
    affine: ArrayLike | None,
    spacing: Sequence[float] | None,
    probabilities: bool,
    device: str,
    engine: EngineName,
) -> LabelMap | FloatArray:
    """See `Run.predict`."""
    volumes = _volumes(np.asarray(image), affine, spacing, tuple(run.plan.channel_names))
    predictor = _predictor(run, device, engine)
    prediction = predictor.predict(predictor.prepare(volumes))
    return prediction.source_probabilities() if probabilities else prediction.label()


def _predictor(run: Run, device: str, engine: EngineName) -> Predictor:
    """The network that predicts; loaded once per run, device and engine, whichever thread asks first."""
    where = pick_device(device)
    with _loading:
        key = (str(where), engine)
        if key not in run.loaded:
            network = load_network(run, "model", where)
            run.loaded[key] = Predictor(network, run.plan, where, engine_name=engine)
        predictor: Predictor = run.loaded[key]
    return predictor


def _volumes(
    image: NDArray[np.generic],
    affine: ArrayLike | None,
    spacing: Sequence[float] | None,
    channels: Sequence[str],
) -> tuple[Volume, ...]:
    """The channels of an image, checked like those of a file."""
    count = len(channels)
    if image.ndim not in (3, 4) or (image.shape[0] if image.ndim == 4 else 1) != count or not image.size:
        wanted = "(X, Y, Z) or (1, X, Y, Z)" if count == 1 else f"({count}, X, Y, Z)"
        raise ShapeError(
            f"image: expected an array {wanted} with {count} channel(s) ({', '.join(channels)}), got "
            f"{image.shape}. Give one 3D image, its channels stacked along the first axis."
        )
    if image.dtype.kind not in "iufb":
        raise ShapeError(f"image: expected one number per voxel, got {image.dtype}. Convert it to numbers.")
    placed = _affine(affine, spacing)
    found = []
    for array in image.reshape(count, *image.shape[-3:]):
        # The order in memory that files have: sums over it decide on the last bit.
        voxels = np.asfortranarray(array, dtype=np.float32)
        check_intensities(voxels, _WHERE)
        found.append(Volume(voxels, placed, None, _WHERE))
    return tuple(found)


def _affine(affine: ArrayLike | None, spacing: Sequence[float] | None) -> Affine:
    if (affine is None) == (spacing is None):
        given = "neither" if affine is None else "both"
        raise UsageError(f"predict: expected either affine or spacing, got {given}.")
    if spacing is not None:
        return np.diag([*check_spacing((0, 0, 0), spacing), 1.0])
    array = np.asarray(affine, dtype=np.float64)
    if array.shape != (4, 4):
        raise ShapeError(f"affine: expected (4, 4), voxel index to RAS millimetres, got {array.shape}.")
    return check_affine(array, Path("affine"))
