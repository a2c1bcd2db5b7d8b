"""Images in memory to label maps, as `alcseg predict` makes them of files, by networks that stay loaded."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alcseg.arrays import check_spacing
from alcseg.data.case import Volume
from alcseg.data.placement import check_affine
from alcseg.data.voxel_values import check_intensities
from alcseg.errors import ShapeError, UsageError
from alcseg.inference.device import pick_device
from alcseg.inference.ensemble import Ensemble, open_sources
from alcseg.inference.sliding_window import require_window
from alcseg.records.plan import Plan, WantedSpacing
from alcseg.run import Run
from alcseg.types import Affine, EngineName, FloatArray, LabelMap, Window

__all__ = ["ArrayPredictor", "load", "predict_array"]

_WHERE = Path("image")  # stands for the path of the file in messages

_loading = threading.Lock()


@dataclass(frozen=True, eq=False)
class ArrayPredictor:
    """Networks that stay in memory; called with an image it gives the label map on its grid.

    `alcseg.load` makes it. Several threads may call one at the same time; each call takes memory of its own.

    Attributes:
        plan: How the network, or the first of several, sees an image.
        ensemble: The networks.
    """

    plan: Plan = field(repr=False)
    ensemble: Ensemble = field(repr=False)

    def __repr__(self) -> str:
        count = len(self.ensemble.predictors)
        return f"ArrayPredictor({count} network(s), labels={self.labels}, channel_names={self.channel_names})"

    @property
    def labels(self) -> dict[str, int]:
        """Class name to value in the label maps, background first; probabilities are in this order."""
        return self.plan.labels

    @property
    def channel_names(self) -> tuple[str, ...]:
        """One per image channel, in the order that is expected."""
        return self.plan.channel_names

    @property
    def spacing(self) -> WantedSpacing:
        """Voxel size in mm on the grid of the network, or the first of several: to the right, front and up.

        None along an axis where images keep their own. Images of any spacing are taken.
        """
        return self.plan.spacing

    @overload
    def __call__(
        self,
        image: ArrayLike,
        *,
        affine: ArrayLike | None = None,
        spacing: Sequence[float] | None = None,
        probabilities: Literal[False] = False,
    ) -> LabelMap: ...

    @overload
    def __call__(
        self,
        image: ArrayLike,
        *,
        affine: ArrayLike | None = None,
        spacing: Sequence[float] | None = None,
        probabilities: Literal[True],
    ) -> FloatArray: ...

    def __call__(
        self,
        image: ArrayLike,
        *,
        affine: ArrayLike | None = None,
        spacing: Sequence[float] | None = None,
        probabilities: bool = False,
    ) -> LabelMap | FloatArray:
        """Predict one image: the voxels that `alcseg predict` writes for the same image in a file.

        Args:
            image: `(X, Y, Z)`, or `(C, X, Y, Z)` with the channels in the order of `channel_names`.
            affine: Voxel index to RAS millimetres, `(4, 4)`.
            spacing: Voxel size in mm in its stead, for axes that run to the right, to the front and up.
            probabilities: Ask for those in place of the label map.

        Returns:
            Label values `(X, Y, Z)`; or the probabilities of all classes in the order of `labels`, float32,
            `(K, X, Y, Z)`.

        Raises:
            ShapeError: If image, affine or spacing have another shape, or the image other channels.
            DataError: If the image is constant or not finite.
            GeometryError: If the affine cannot place voxels in space.
            UsageError: If there is neither an affine nor a spacing, or both.
        """
        volumes = _volumes(np.asarray(image), affine, spacing, self.channel_names)
        return self._answer(volumes, probabilities=probabilities)

    def _answer(self, volumes: tuple[Volume, ...], *, probabilities: bool) -> LabelMap | FloatArray:
        answer = self.ensemble.predict(volumes)
        return answer.source_probabilities() if probabilities else answer.label()


def load(
    run: str | PathLike[str] | Run,
    *more: str | PathLike[str] | Run,
    device: str = "auto",
    engine: EngineName = "auto",
    window: Window = "gaussian",
) -> ArrayPredictor:
    """Load a network, or several that answer as one, to predict images that are in memory.

    Args:
        run: Run folder of `train`, or what `export` made of one: a `.pt2` or `.onnx` file, or a bundle.
        more: Further ones of the same classes and channels: the mean of the probabilities of all answers.
        device: `auto`, `cpu`, `cuda` or `cuda:<i>`.
        engine: What computes predictions, as in `predict`; labels differ by rounding alone. On a CPU
            `fastest` is OpenVINO where it is installed, and no training should follow that in one process: it
            can crash the interpreter.
        window: `gaussian`, or `lineage` as in the public UA-MT test code.

    Raises:
        CheckpointError: If something is neither a run nor an exported file, or its weights are damaged.
        UsageError: If an option is wrong, classes or channels differ, or a network is there twice.
        PackageError: If a package that an engine or a file needs is missing.
        ResourceError: If there is no such device.
    """
    require_window(window)
    where = pick_device(device)
    sources = open_sources(run, more)
    for source in sources:
        source.engine(engine, where)  # before any weights are read
    return ArrayPredictor(sources[0].plan, Ensemble.load(sources, where, window=window, engine=engine))


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
    volumes = _volumes(
        np.asarray(image), affine, spacing, run.plan.channel_names
    )  # before anything is loaded
    return _kept(run, device, engine)._answer(volumes, probabilities=probabilities)


def _kept(run: Run, device: str, engine: EngineName) -> ArrayPredictor:
    """What predicts; loaded once per run, device and engine, whichever thread asks first."""
    key = (str(pick_device(device)), engine)
    with _loading:
        if key not in run.loaded:
            run.loaded[key] = load(run, device=device, engine=engine)
        found: ArrayPredictor = run.loaded[key]
    return found


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
