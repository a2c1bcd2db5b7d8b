"""What a network says of cases beside their given labels, kept on disk."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from alcseg.auditing.agreement import class_agreements
from alcseg.commands.progress import track
from alcseg.data.folder import Dataset
from alcseg.data.geometry import ModelGrid
from alcseg.data.incomplete import keep_within, within_known
from alcseg.data.preprocess import label_and_known, preprocess_images
from alcseg.errors import DataError
from alcseg.files import write_array
from alcseg.inference.device import pick_device
from alcseg.inference.load import load_networks
from alcseg.inference.predictor import Predictor, PreparedCase, to_label
from alcseg.listing import has_file
from alcseg.records.cases import CaseRow
from alcseg.records.plan import Plan
from alcseg.run import Run
from alcseg.types import EngineName, LabelMap, Mask, Spacing

__all__ = ["Asked", "SeenCase", "SeenLabel", "ask"]

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class SeenLabel:
    """A given label and what a network says, both on the model grid.

    Attributes:
        probs: Class probabilities, `(K, X, Y, Z)`.
        label: Classes 0..K-1, `(X, Y, Z)`.
        spacing: Voxel size in mm.
        prediction: `probs`, whatever is known of the label; in `probs` classes that nobody drew count as
            background, and voxels that nobody labeled are background as in `label`.
    """

    probs: NDArray[np.float32]
    label: NDArray[np.unsignedinteger]
    spacing: Spacing
    prediction: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SeenCase:
    """One case on disk, read when it is asked for.

    Attributes:
        stem: Path without ending: `.probs.npy` holds the probabilities, `.label.npy` the given label and,
            where nobody labeled some voxels, `.known.npy` the others.
        grid: Model grid and the grid of the files.
        plan: Of the network.
        undrawn: Indices of the classes that nobody drew in the label.
    """

    stem: Path
    grid: ModelGrid
    plan: Plan
    undrawn: tuple[int, ...] = ()

    def load(self) -> SeenLabel:
        """Read probabilities and label."""
        probs = np.load(f"{self.stem}.probs.npy").astype(np.float32)
        return SeenLabel(within_known(probs, self.known(), self.undrawn), *self.given_label(), probs)

    def known(self) -> Mask | None:
        """Voxels that somebody labeled, bool, `(X, Y, Z)`; None where all are."""
        path = Path(f"{self.stem}.known.npy")
        return np.load(path) if has_file(path) else None

    def keep(self, label: LabelMap) -> LabelMap:
        """What of a map of classes can be held against the label: known voxels, classes that were drawn."""
        return keep_within(label, self.known(), self.undrawn)

    def given_label(self) -> tuple[NDArray[np.unsignedinteger], Spacing]:
        """The label alone, `(X, Y, Z)`, and its voxel size in mm."""
        label: NDArray[np.unsignedinteger] = np.load(f"{self.stem}.label.npy")
        return label, self.grid.spacing

    @property
    def agreement(self) -> tuple[float, ...]:
        """Plain Dice of label and prediction by foreground class that was drawn; 1 where neither holds it."""
        seen = self.load()
        found = class_agreements(seen.probs.argmax(0), seen.label, len(seen.probs))
        return tuple(self.of_drawn(found))

    def of_drawn(self, by_class: Sequence[T]) -> list[T]:
        """Those of one for each foreground class whose class was drawn: of the others nothing is known."""
        return [one for index, one in enumerate(by_class, start=1) if index not in self.undrawn]

    def predicted_label(self) -> LabelMap:
        """What the network says, on the grid and in the values of the dataset."""
        return to_label(self.load().probs, self.grid, self.plan.label_values)


@dataclass(frozen=True, eq=False)
class Asked:
    """What a network was asked.

    Attributes:
        seen: By case.
        failed: Why some cases could not be read.
    """

    seen: dict[str, SeenCase]
    failed: dict[str, str]

    def __or__(self, other: "Asked") -> "Asked":
        return Asked(self.seen | other.seen, self.failed | other.failed)

    def require_some(self, source: Dataset) -> "Asked":
        """Refuse to go on where no label could be judged.

        Raises:
            DataError: With the first reason.
        """
        if not self.seen:
            raise DataError(f"{source.root}: no label could be judged; {next(iter(self.failed.values()))}")
        return self


def ask(
    source: Dataset,
    run: Run,
    rows: Sequence[CaseRow],
    folder: Path,
    device: str,
    engine: EngineName = "auto",
) -> Asked:
    """What the network of a run says of cases; predictions that are there are kept.

    Args:
        source: The dataset.
        run: The run; its weights are read only if a prediction is missing.
        rows: The cases.
        folder: Where predictions and labels on the model grid lie.
        device: `auto`, `cpu`, `cuda` or `cuda:<i>`.
        engine: Computes the forward passes.
    """

    @cache
    def predictor() -> Predictor:
        where = pick_device(device)
        return Predictor(load_networks(run, where).predict, run.plan, where, engine_name=engine)

    found = Asked({}, {})
    for row in track(rows, "Predicting cases"):
        try:
            case = source.read(row.case_id)
            if case.label is None:
                raise DataError(f"case '{row.case_id}': expected a label, found none.")
            image, grid = preprocess_images(case.images, run.plan)
            one = SeenCase(folder / row.case_id, grid, run.plan, source.undrawn(row.case_id))
            # Anew at every call: it may have been mended since, and is judged by the same networks.
            label, known = label_and_known(case.label, run.plan, grid)
        except DataError as error:
            logger.warning("case '%s' cannot be judged: %s", row.case_id, error)
            found.failed[row.case_id] = str(error)
            continue
        write_array(Path(f"{one.stem}.label.npy"), label)
        if known is None:
            Path(f"{one.stem}.known.npy").unlink(missing_ok=True)
        else:
            write_array(Path(f"{one.stem}.known.npy"), known)
        probs = Path(f"{one.stem}.probs.npy")
        if not has_file(probs):
            prepared = PreparedCase(torch.from_numpy(image), grid)
            write_array(probs, predictor().predict(prepared).probs.astype(np.float16))
        found.seen[row.case_id] = one
    return found
