"""A network with its plan: from the volumes of a case to labels and uncertainty on the source grid."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alcseg.correction.refine import refine
from alcseg.data.case import Volume
from alcseg.data.geometry import ModelGrid
from alcseg.data.preprocess import preprocess_images
from alcseg.inference.engines import Engine, make_engine
from alcseg.inference.perturbed import perturbed_log_probabilities
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
    """

    classes: NDArray[np.unsignedinteger]
    label: LabelMap
    uncertainty: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Predictor:
    """Runs one network on whole cases.

    Attributes:
        network: Maps `(B, C, X, Y, Z)` to logits, in eval mode, on `device`.
        plan: The plan it was trained with.
        device: Where it runs.
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

    def refine(self, case: PreparedCase, case_id: str, perturbation: Perturbation) -> RefinedCase:
        """T perturbed passes, fused; equal (seed, case, settings) give equal voxels."""
        passes = perturbed_log_probabilities(
            self.engine,
            case.image,
            case_id,
            perturbation,
            patch=self.plan.patch,
            window=self.window,
            device=self.device,
        )
        refined = refine(
            [log_probs[None] for log_probs in passes],
            weighting=perturbation.weighting,
            temperature=perturbation.temperature,
            uncertainty=perturbation.uncertainty,
        )
        fused = refined.fused[0].numpy()
        label = to_label(fused, case.grid, self.plan.label_values)
        return RefinedCase(
            fused.argmax(0).astype(np.min_scalar_type(len(fused) - 1)),
            label,
            case.grid.map_to_source(refined.uncertainty[0].numpy()),
        )

    def uncertainty(
        self, case: PreparedCase, case_id: str, perturbation: Perturbation
    ) -> NDArray[np.float32]:
        """Uncertainty per voxel on the source grid, `(X, Y, Z)`.

        A network that states one itself, by a method `uncertainty(output) -> (B, X, Y, Z)`, has it averaged
        over windows like its probabilities; for any other it is that of `refine`.
        """
        stated = getattr(self.network, "uncertainty", None)
        if not callable(stated):
            return self.refine(case, case_id, perturbation).uncertainty
        averaged = sliding_window_average(
            lambda windows: stated(self.engine(windows)).float()[:, None],
            case.image,
            patch=self.plan.patch,
            window=self.window,
            device=self.device,
        )
        return case.grid.map_to_source(averaged[0].numpy())


def to_label(probs: NDArray[np.float32], grid: ModelGrid, values: tuple[int, ...]) -> LabelMap:
    """Most probable class of each source voxel, `(X, Y, Z)`.

    Args:
        probs: `(K, X, Y, Z)` on the model grid.
        grid: The two grids.
        values: Label value of each class, in the smallest type that holds them all.
    """
    smallest = np.min_scalar_type(max(values))
    label: LabelMap = np.array(values, dtype=smallest)[grid.labels_from_probabilities(probs)]
    return label
