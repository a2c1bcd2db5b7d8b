"""What one stage of a run hands the next: labels of cases that it did not train on."""

import dataclasses
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from alcseg.data.cache import CachedCase
from alcseg.files import write_array
from alcseg.inference.sliding_window import sliding_window_probabilities
from alcseg.listing import has_file
from alcseg.run import Run
from alcseg.training_methods import Method, Stage

__all__ = ["StoredProbabilities", "relabel_held_out", "with_handed_labels"]


def with_handed_labels(
    streams: Mapping[str, Sequence[CachedCase]], run: Run, stage: Stage
) -> dict[str, Sequence[CachedCase]]:
    """The streams with the labels that a finished stage made, where it made some."""

    def relabeled(case: CachedCase) -> CachedCase:
        if case.case_id not in stage.held_out:
            return case
        return dataclasses.replace(case, label_path=run.labels_path / f"{case.case_id}.npy")

    return {stream: [relabeled(case) for case in cases] for stream, cases in streams.items()}


@dataclasses.dataclass(frozen=True)
class StoredProbabilities:
    """Class probabilities of held-out cases, kept on disk so that they may be read several times.

    Foreground is stored as float16, which is fine near 0; background is what is missing to 1. Classes that
    nobody drew in a case count as background there.

    Attributes:
        folder: `<case>.npy`, `(K - 1, X, Y, Z)`.
        cases: With their labels as given.
    """

    folder: Path
    cases: Sequence[CachedCase]

    def __iter__(
        self,
    ) -> Iterator[tuple[str, NDArray[np.float32], NDArray[np.unsignedinteger], NDArray[np.bool_] | None]]:
        for case in self.cases:
            foreground = np.load(self.path(case)).astype(np.float32)
            foreground[[index - 1 for index in case.undrawn]] = 0
            background = np.maximum(1 - foreground.sum(0, keepdims=True), 0)
            known = case.known()
            yield (
                case.case_id,
                np.concatenate([background, foreground]),
                np.array(case.label()),
                None if known is None else np.array(known),
            )

    def path(self, case: CachedCase) -> Path:
        """File of a case."""
        return self.folder / f"{case.case_id}.npy"

    def store(
        self,
        network: nn.Module,
        patch: tuple[int, int, int],
        device: torch.device,
        cases: Iterable[CachedCase],
    ) -> None:
        """Predict the cases that are not stored yet."""
        for case in cases:
            if has_file(self.path(case)):
                continue
            image = torch.from_numpy(np.array(case.image(), dtype=np.float32))
            probs = sliding_window_probabilities(network, image, patch=patch, device=device)
            write_array(self.path(case), probs[1:].numpy().astype(np.float16))


def relabel_held_out(method: Method, run: Run, stored: StoredProbabilities) -> None:
    """Write the labels that the method makes of stored predictions, and drop those."""
    run.labels_path.mkdir(parents=True, exist_ok=True)
    for case_id, label in method.hand_on(stored):
        write_array(run.labels_path / f"{case_id}.npy", label)
    shutil.rmtree(stored.folder)
