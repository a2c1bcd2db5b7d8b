"""A network with its plan: from the volumes of a case to labels and uncertainty on the source grid."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alcseg.correction.refine import Uncertainty, Weighting, refine
from alcseg.data.case import Volume
from alcseg.data.geometry import ModelGrid
from alcseg.data.preprocess import preprocess_images
from alcseg.inference.perturbed import perturbed_log_probabilities
from alcseg.inference.sliding_window import sliding_window_average, sliding_window_probabilities
from alcseg.records.plan import Plan

__all__ = ["Perturbation", "Prediction", "Predictor", "RefinedCase"]


@dataclass(frozen=True)
class Perturbation:
    """How the T passes of a case are drawn and fused; the names are those of the method's settings."""

    passes: int = 4
    seed: int = 0
    noise_std: float = 0.1
    noise_clip: float = 0.2
    weighting: Weighting = "inverse"
    temperature: float = 1.0
    uncertainty: Uncertainty = "kl"

    @classmethod
    def like_method(cls, method_args: dict[str, Any], *, passes: int, seed: int) -> "Perturbation":
        """Take what the method was trained with; a method without such settings gets the defaults."""
        shared = ("noise_std", "noise_clip", "weighting", "temperature", "uncertainty")
        return cls(
            passes=passes, seed=seed, **{name: method_args[name] for name in shared if name in method_args}
        )


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

    def label(self) -> NDArray[np.int64]:
        """Most probable class of each source voxel as the dataset's own values, `(X, Y, Z)`."""
        return np.array(self.values)[self.grid.labels_from_probabilities(self.probs)]

    def source_probabilities(self) -> NDArray[np.float32]:
        """`(K, X, Y, Z)` on the source grid; K times the memory of the label."""
        return self.grid.probabilities_to_source(self.probs)


@dataclass(frozen=True, eq=False)
class RefinedCase:
    """What the passes say about one case, on the source grid.

    Attributes:
        label: Refined label in the dataset's own values, `(X, Y, Z)`.
        uncertainty: u per voxel, float32, `(X, Y, Z)`.
        fused: The weighted average of the passes, on the model grid.
    """

    label: NDArray[np.int64]
    uncertainty: NDArray[np.float32]
    fused: Prediction


@dataclass(frozen=True, eq=False)
class Predictor:
    """Runs one network on whole cases.

    Attributes:
        network: Maps `(B, C, X, Y, Z)` to logits, in eval mode, on `device`.
        plan: The plan it was trained with.
        device: Where it runs.
        window: `gaussian` or `lineage`.
        batch: Windows per forward pass.
    """

    network: nn.Module
    plan: Plan
    device: torch.device
    window: str = "gaussian"
    batch: int = 2

    def predict(self, images: tuple[Volume, ...]) -> Prediction:
        """One plain pass.

        Raises:
            DataError: If the images do not have the plan's channels or are constant.
        """
        array, grid = preprocess_images(images, self.plan)
        probs = sliding_window_probabilities(
            self.network,
            torch.from_numpy(array),
            patch=self.plan.patch,
            window=self.window,
            batch=self.batch,
            device=self.device,
        )
        return Prediction(probs.numpy(), grid, self.plan.label_values)

    def refine(self, images: tuple[Volume, ...], case_id: str, how: Perturbation) -> RefinedCase:
        """T perturbed passes, fused; equal (seed, case, settings) give equal voxels.

        Raises:
            DataError: If the images do not have the plan's channels or are constant.
        """
        array, grid = preprocess_images(images, self.plan)
        fused, uncertainty = self._fuse(torch.from_numpy(array), case_id, how)
        prediction = Prediction(fused.numpy(), grid, self.plan.label_values)
        return RefinedCase(prediction.label(), grid.map_to_source(uncertainty.numpy()), prediction)

    def uncertainty(self, images: tuple[Volume, ...], case_id: str, how: Perturbation) -> NDArray[np.float32]:
        """Uncertainty per voxel on the source grid, `(X, Y, Z)`.

        A network that states one itself, by a method `uncertainty(output) -> (B, X, Y, Z)`, has it averaged
        over windows like its probabilities; for any other it is that of `refine`.

        Raises:
            DataError: If the images do not have the plan's channels or are constant.
        """
        stated = getattr(self.network, "uncertainty", None)
        if not callable(stated):
            return self.refine(images, case_id, how).uncertainty
        array, grid = preprocess_images(images, self.plan)
        averaged = sliding_window_average(
            lambda windows: stated(self.network(windows)).float()[:, None],
            torch.from_numpy(array),
            patch=self.plan.patch,
            window=self.window,
            batch=self.batch,
            device=self.device,
        )
        return grid.map_to_source(averaged[0].numpy())

    def _fuse(self, image: Tensor, case_id: str, how: Perturbation) -> tuple[Tensor, Tensor]:
        """Fused probabilities `(K, X, Y, Z)` and u `(X, Y, Z)` on the model grid."""
        passes = perturbed_log_probabilities(
            self.network,
            image,
            case_id=case_id,
            patch=self.plan.patch,
            passes=how.passes,
            seed=how.seed,
            noise_std=how.noise_std,
            noise_clip=how.noise_clip,
            window=self.window,
            batch=self.batch,
            device=self.device,
        )
        refined = refine(
            [log_probs[None] for log_probs in passes],
            weighting=how.weighting,
            temperature=how.temperature,
            uncertainty=how.uncertainty,
        )
        return refined.fused[0], refined.uncertainty[0]
