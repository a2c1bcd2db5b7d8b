"""One network or several that answer as one: the mean of their class probabilities on the grid of the image.

Each network sees the image by its own plan, so that spacing, intensities and patch may differ from one to the
next; classes and channels may not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from os import PathLike
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from alcseg.data.case import Volume
from alcseg.data.voxel_values import in_values
from alcseg.errors import UsageError
from alcseg.inference.predictor import Predictor
from alcseg.inference.sources import ModelSource, open_source
from alcseg.records.predictions import Network
from alcseg.run import Run
from alcseg.types import EngineName, LabelMap, Window

__all__ = ["Answer", "Ensemble", "open_sources"]


class Answer(Protocol):
    """What is said of one image, on its own grid."""

    def label(self) -> LabelMap:
        """Most probable class of each voxel as the dataset's own values, `(X, Y, Z)`."""
        ...

    def source_probabilities(self) -> NDArray[np.float32]:
        """Of all classes, `(K, X, Y, Z)`."""
        ...


@dataclass(frozen=True, eq=False)
class MeanAnswer:
    """The mean of several networks.

    Attributes:
        probs: `(K, X, Y, Z)` float32 on the grid of the image.
        values: Label value of each class.
    """

    probs: NDArray[np.float32]
    values: tuple[int, ...]

    def label(self) -> LabelMap:
        """See `Answer`; the lowest class wins ties."""
        return in_values(self.probs.argmax(0), self.values)

    def source_probabilities(self) -> NDArray[np.float32]:
        """See `Answer`."""
        return self.probs


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Networks with their plans, ready to answer; several threads may ask.

    Attributes:
        predictors: One or several, of the same classes and channels.
    """

    predictors: tuple[Predictor, ...]

    @classmethod
    def load(
        cls,
        sources: Sequence[ModelSource],
        device: torch.device,
        *,
        network: Network = "auto",
        window: Window = "gaussian",
        engine: EngineName = "auto",
    ) -> "Ensemble":
        """Load the networks of `open_sources`.

        Raises:
            UsageError: If a source has no such network, or the engine does not compute it there.
            CheckpointError: If weights are absent, damaged or do not fit.
        """
        found = tuple(
            Predictor(source.network(network, device), source.plan, device, window, engine)
            for source in sources
        )
        for predictor in found:
            predictor.engine  # noqa: B018 - made now, before threads ask for it
        return cls(found)

    def predict(self, images: tuple[Volume, ...]) -> Answer:
        """Ask all about one image; there is room for one network's probabilities beside the sum.

        Raises:
            DataError: If the images do not have the channels of the plan or are constant.
        """
        first, *others = self.predictors
        if not others:
            return first.predict(first.prepare(images))
        total = np.zeros((first.plan.num_classes, *images[0].array.shape), np.float32)
        for predictor in self.predictors:
            prediction = predictor.predict(predictor.prepare(images))
            for summed, plane in zip(total, prediction.probs, strict=True):
                summed += prediction.grid.map_to_source(plane)
            del prediction  # before the next one needs its room
        total /= len(self.predictors)
        return MeanAnswer(total, first.plan.label_values)


def open_sources(
    first: str | PathLike[str] | Run, others: Sequence[str | PathLike[str] | Run] = ()
) -> tuple[ModelSource, ...]:
    """Runs or exported files that can answer together; see `open_source`.

    Raises:
        CheckpointError: If one is neither a run nor an exported file.
        UsageError: If classes or channels differ, or one is there twice.
        PackageError: If a package that one needs is missing.
    """
    sources = tuple(open_source(path) for path in (first, *others))
    for source in sources[1:]:
        _require_alike(sources[0], source)
    for one, other in combinations(sources, 2):
        if one.hash == other.hash:
            raise UsageError(
                f"{other.path}: expected networks that differ, found that of {one.path} again. "
                "Name each once."
            )
    return sources


def _require_alike(first: ModelSource, other: ModelSource) -> None:
    for what in ("labels", "channels"):
        wanted, found = (_described(source, what) for source in (first, other))
        if wanted != found:
            raise UsageError(
                f"{other.path}: expected the {what} of {first.path}, {wanted}, found {found}. Only networks "
                "of the same classes and channels, in the same order, answer together."
            )


def _described(source: ModelSource, what: str) -> str:
    """Labels or channels in their order."""
    if what == "channels":
        return ", ".join(source.plan.channel_names)
    return ", ".join(f"{name} {value}" for name, value in source.plan.labels.items())
