"""A network with its plan: from the volumes of a case to labels and uncertainty on the source grid."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alcseg.correction.refine import Refined, divergences, refine
from alcseg.data.case import Volume
from alcseg.data.geometry import ModelGrid
from alcseg.data.incomplete import marginal_probabilities
from alcseg.data.preprocess import preprocess_images
from alcseg.data.voxel_values import in_values
from alcseg.inference.engines import Engine, make_engine
from alcseg.inference.perturbed import perturbed_log_probabilities
from alcseg.inference.shelf import Shelf
from alcseg.inference.sliding_window import sliding_window_average, sliding_window_probabilities
from alcseg.records.correction import Perturbation
from alcseg.records.plan import Plan
from alcseg.types import EngineName, LabelMap, Window

__all__ = ["Prediction", "Predictor", "PreparedCase", "RefinedCase", "to_label"]


@dataclass(frozen=True, eq=False)
class PreparedCase:
    """Images of one case as the network sees them.

    Attributes:
        image: `(C, X, Y, Z)` float32 on the model grid.
        grid: The two grids.
    """

    image: Tensor
    grid: ModelGrid


@dataclass(frozen=True, eq=False)
class Prediction:
    """Probabilities of one case on the model grid, and the way back.

    Attributes:
        probs: `(K, X, Y, Z)` float32 on the model grid.
        grid: The two grids.
        values: Label value of each class.
    """

    probs: NDArray[np.float32]
    grid: ModelGrid
    values: tuple[int, ...]

    def label(self) -> LabelMap:
        """Most probable class of each source voxel as the dataset's own values, `(X, Y, Z)`."""
        return to_label(self.probs, self.grid, self.values)

    def source_probabilities(self) -> NDArray[np.float32]:
        """`(K, X, Y, Z)` on the source grid; K times the memory of the label."""
        return self.grid.probabilities_to_source(self.probs)


@dataclass(frozen=True, eq=False)
class RefinedCase:
    """What the passes say about one case, on the source grid.

    Attributes:
        classes: Refined label as classes 0..K-1 on the model grid.
        label: Refined label in the dataset's own values, `(X, Y, Z)`.
        uncertainty: u per voxel, float32, `(X, Y, Z)`.
        whole: `label` with the classes that count as background in it.
    """

    classes: NDArray[np.unsignedinteger]
    label: LabelMap
    uncertainty: NDArray[np.float32]
    whole: LabelMap


@dataclass(frozen=True, eq=False)
class Predictor:
    """A network in evaluation mode, on a device, with the plan it was trained on.

    Attributes:
        network: `(B, C, X, Y, Z)` to logits `(B, K, X, Y, Z)`.
        plan: Spacing, intensities and labels.
        device: Where the network is.
        window: `gaussian` or `lineage`.
        engine_name: What computes its forward passes; see `engines.make_engine`.
    """

    network: nn.Module
    plan: Plan
    device: torch.device
    window: Window = "gaussian"
    engine_name: EngineName = "torch"

    @cached_property
    def engine(self) -> Engine:
        """Computes the forward passes.

        Raises:
            UsageError: If there is no such engine, or it does not run on the device.
            ResourceError: If it is not installed.
        """
        return make_engine(self.engine_name, self.network, self.device)

    def prepare(self, images: tuple[Volume, ...]) -> PreparedCase:
        """Bring the images of a case onto the model grid, once for whatever is asked about it.

        Raises:
            DataError: If the images do not have the plan's channels or are constant.
        """
        array, grid = preprocess_images(images, self.plan)
        return PreparedCase(torch.from_numpy(array), grid)

    def predict(self, case: PreparedCase) -> Prediction:
        """One plain pass."""
        probs = sliding_window_probabilities(
            self.engine, case.image, patch=self.plan.patch, window=self.window, device=self.device
        )
        return Prediction(probs.numpy(), case.grid, self.plan.label_values)

    def refine(
        self,
        case: PreparedCase,
        case_id: str,
        perturbation: Perturbation,
        scratch: Path | None = None,
        *,
        undrawn: tuple[int, ...] = (),
    ) -> RefinedCase:
        """T perturbed passes, fused; equal (seed, case, settings) give equal voxels.

        Args:
            case: Its images.
            case_id: Fixes the perturbations, with their seed.
            perturbation: Of the passes.
            scratch: Folder where passes wait, T K times the size of the volume; see `Shelf`.
            undrawn: Indices of classes that count as background.
        """
        classes = np.empty(case.image.shape[1:], np.min_scalar_type(self.plan.num_classes - 1))
        fused = np.empty((self.plan.num_classes, *classes.shape), np.float32)
        doubt = np.empty(classes.shape, np.float32)
        for rows, part in self._fuse(case, case_id, perturbation, scratch):
            fused[:, rows] = part.fused[0].numpy()
            doubt[rows] = part.uncertainty[0].numpy()
        merged = marginal_probabilities(fused, undrawn)
        for plane in range(len(classes)):  # argmax in 8 bytes a voxel, of one plane at a time
            classes[plane] = merged[:, plane].argmax(0)
        label = to_label(merged, case.grid, self.plan.label_values)
        whole = to_label(fused, case.grid, self.plan.label_values) if undrawn else label
        return RefinedCase(classes, label, case.grid.map_to_source(doubt), whole)

    def uncertainty(
        self, case: PreparedCase, case_id: str, perturbation: Perturbation, scratch: Path | None = None
    ) -> NDArray[np.float32]:
        """Uncertainty per voxel on the source grid, `(X, Y, Z)`.

        A network that states one itself, by a method `uncertainty(output) -> (B, X, Y, Z)`, has it averaged
        over windows like its probabilities; for any other it is that of `refine`.
        """
        stated = getattr(self.network, "uncertainty", None)
        if not callable(stated):
            doubt = np.empty(case.image.shape[1:], np.float32)
            for rows, part in self._fuse(case, case_id, perturbation, scratch):
                doubt[rows] = part.uncertainty[0].numpy()
            return case.grid.map_to_source(doubt)
        averaged = sliding_window_average(
            lambda windows: stated(self.engine(windows)).float()[:, None],
            case.image,
            patch=self.plan.patch,
            window=self.window,
            device=self.device,
        )
        return case.grid.map_to_source(averaged[0].numpy())

    def _fuse(
        self, case: PreparedCase, case_id: str, perturbation: Perturbation, scratch: Path | None
    ) -> Iterator[tuple[slice, Refined]]:
        """What the passes say together, in slabs across X."""
        with Shelf(scratch) as shelf:
            for log_probs in perturbed_log_probabilities(
                self.engine,
                case.image,
                case_id,
                perturbation,
                patch=self.plan.patch,
                window=self.window,
                device=self.device,
            ):
                shelf.put(log_probs.numpy())
                del log_probs  # before the next pass needs its room
            whole = None
            if perturbation.weighting == "exponential":
                sums = [
                    divergences([part[None] for part in parts])[2].sum(dtype=torch.float64)
                    for _, parts in shelf.slabs()
                ]
                whole = (torch.stack(sums).sum() / (perturbation.passes * case.image[0].numel())).float()
            for rows, parts in shelf.slabs():
                yield (
                    rows,
                    refine(
                        [part[None] for part in parts],
                        weighting=perturbation.weighting,
                        temperature=perturbation.temperature,
                        uncertainty=perturbation.uncertainty,
                        mean_divergence=whole,
                    ),
                )


def to_label(probs: Iterable[NDArray[np.float32]], grid: ModelGrid, values: tuple[int, ...]) -> LabelMap:
    """Most probable class of each source voxel, `(X, Y, Z)`.

    Args:
        probs: `(X, Y, Z)` of each class in turn, on the model grid.
        grid: The two grids.
        values: Label value of each class, in the smallest type that holds them all.
    """
    return in_values(grid.labels_from_probabilities(probs), values)
