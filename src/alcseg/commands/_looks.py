"""Looking at the cases of a dataset, each once; what is needed to decide on them waits on disk."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from statistics import mean
from typing import TypeVar

from alcseg.commands._spool import Spool
from alcseg.commands.progress import track
from alcseg.correction.calibration import HeldOutClass, VoxelReliability, calibrate
from alcseg.correction.decision import Look
from alcseg.correction.offsets import Offsets
from alcseg.data.case import CaseVolumes, Volume
from alcseg.data.folder import Dataset
from alcseg.errors import DataError
from alcseg.inference.compare import held_out_classes
from alcseg.inference.look import look_at, opinion_on
from alcseg.inference.predictor import Predictor
from alcseg.records.cases import CaseRow
from alcseg.records.correction import Calibration, Perturbation
from alcseg.types import LabelMap

__all__ = ["Looked", "Looker"]

Seen = TypeVar("Seen")

logger = logging.getLogger(__name__)

_POOR = 0.5  # mean Dice on trusted labels below which a network should correct none


@dataclass(frozen=True, eq=False)
class Looked:
    """One case that was looked at.

    Attributes:
        look: What the network says of it.
        given: The label as it came, if there is one.
        uncertainty: That of the look, on the grid of the images.
    """

    look: Look
    given: Volume | None
    uncertainty: Volume

    @property
    def given_values(self) -> LabelMap | None:
        """The label as it came, in the dataset's own values, `(X, Y, Z)`."""
        return None if self.given is None else self.given.array


@dataclass(frozen=True, eq=False)
class Looker:
    """A network and the cases it looks at; one that cannot be read is left out.

    Attributes:
        source: The cases; only read.
        predictor: The network.
        perturbation: Of the T passes.
        align: Whether it is asked about given labels, too.
    """

    source: Dataset
    predictor: Predictor
    perturbation: Perturbation
    align: bool

    def held_out(self, rows: Sequence[CaseRow]) -> tuple[Calibration, list[Offsets]]:
        """What the uncertainty is worth on cases with trusted labels, and how these are seen."""
        classes: list[HeldOutClass] = []
        voxels = VoxelReliability()
        cases: list[str] = []
        seen: list[Offsets] = []
        for looked in self._each(rows, self._look, "Looking at held-out cases"):
            if looked.given is None:
                continue
            look, trusted = looked.look, looked.given.array
            cases.append(look.case_id)
            voxels.add(look.uncertainty, look.refined != trusted)
            classes += held_out_classes(look, trusted, self.source.labels)
            seen += [look.opinion.offsets] if look.opinion else []
        reached = [one.dice for one in classes if isfinite(one.dice)]
        if reached and mean(reached) < _POOR:
            logger.warning(
                "on %d held-out cases with trusted labels this run reaches a mean Dice of %.2f: what it "
                "corrects may well be worse than what was given. Train longer, or on more trusted labels",
                len(cases),
                mean(reached),
            )
        return calibrate(classes, voxels, cases=cases), seen

    def clean_labels(self, rows: Sequence[CaseRow]) -> list[Offsets]:
        """How labels are seen that nobody doubts."""

        def see(case: CaseVolumes) -> list[Offsets]:
            if case.label is None:
                return []
            return [opinion_on(self.predictor, self.predictor.prepare(case.images), case.label).offsets]

        return [offsets for found in self._each(rows, see, "Looking at clean labels") for offsets in found]

    def doubted(self, rows: Sequence[CaseRow], spool: Spool[Looked]) -> tuple[list[Offsets], dict[str, str]]:
        """Look at the cases that are to be corrected, and keep each in the spool.

        Returns:
            How their labels are seen, and the message of each case that could not be looked at.

        Raises:
            DataError: If that is true of all.
        """
        failed: dict[str, DataError] = {}
        drawn = []
        for looked in self._each(rows, self._look, "Looking at cases", failed):
            spool.put(looked.look.case_id, looked)
            drawn += [looked.look.opinion.offsets] if looked.look.opinion else []
        if len(failed) == len(rows):
            first = next(iter(failed.values()))
            raise type(first)(f"none of {len(rows)} case(s) could be refined; the first: {first}")
        return drawn, {case_id: str(error) for case_id, error in failed.items()}

    def _look(self, case: CaseVolumes) -> Looked:
        look = look_at(self.predictor, case, self.perturbation, align=self.align)
        return Looked(look, case.label, replace(case.images[0], array=look.uncertainty))

    def _each(
        self,
        rows: Sequence[CaseRow],
        see: Callable[[CaseVolumes], Seen],
        doing: str,
        failed: dict[str, DataError] | None = None,
    ) -> Iterator[Seen]:
        """What is seen of each case that can be read; others are noted in `failed`."""
        for row in track(rows, doing):
            try:
                seen = see(self.source.read(row.case_id))
            except DataError as error:
                logger.warning("case '%s' is left out: %s", row.case_id, error)
                if failed is not None:
                    failed[row.case_id] = error
            else:
                yield seen
