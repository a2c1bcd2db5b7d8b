"""Looking at the cases of a dataset, each once; what is needed to decide on them waits on disk."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isfinite
from pathlib import Path
from statistics import mean

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from alcseg.arrays import values_in
from alcseg.auditing.examine import Proposed, examine
from alcseg.auditing.lessons import FEWEST_CASES, Lessons, learn
from alcseg.auditing.patches import find_patches
from alcseg.auditing.typical import traits
from alcseg.commands._spool import Spool
from alcseg.commands.progress import track
from alcseg.correction.alignment import CleanLabels, see_offsets
from alcseg.correction.calibration import HeldOutClass, calibrate
from alcseg.correction.decision import Look, Opinion
from alcseg.correction.offsets import Offsets
from alcseg.data.case import Volume
from alcseg.data.folder import Dataset
from alcseg.errors import DataError
from alcseg.inference.compare import held_out_classes
from alcseg.inference.look import look_at
from alcseg.inference.predictor import Predictor
from alcseg.records.cases import CaseRow
from alcseg.records.correction import Calibration, Perturbation

__all__ = ["POOR", "Looked", "Looker", "Trusted"]

logger = logging.getLogger(__name__)

POOR = 0.5
"""Mean Dice on trusted labels below which a network corrects none."""


@dataclass(frozen=True, eq=False)
class Looked:
    """One case that was looked at.

    Attributes:
        look: What the network says of it.
        given: The label as it came, if there is one.
        uncertainty: That of the look, on the grid of the images.
        found: What could be written for its label, where there is one that is doubted.
    """

    look: Look
    given: Volume | None
    uncertainty: Volume
    found: Proposed | None = None


@dataclass(eq=False)
class Trusted:
    """What cases with trusted labels tell, none of which the network has learned from.

    Attributes:
        calibration: What the uncertainty is worth.
        cases: Their names.
        offsets: What the network says of these labels.
        traits: Of its predictions.
        values: Label values that they hold.
        reached: Mean Dice of its predictions with these labels; 0 without any.
    """

    calibration: Calibration
    cases: list[str] = field(default_factory=list)
    offsets: list[Offsets] = field(default_factory=list)
    traits: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    values: set[int] = field(default_factory=set)
    reached: float = 0.0

    @cached_property
    def clean(self) -> CleanLabels | None:
        """How the network sees them; None where there are none."""
        return CleanLabels.of(Offsets.stack(self.offsets)) if self.offsets else None

    @property
    def blur_mm(self) -> Tensor | float:
        """Width within which its predictions change across right boundaries; 0 where that is not known."""
        return 0.0 if self.clean is None else self.clean.blur_mm

    @property
    def poor(self) -> bool:
        """Whether there are enough labels to see that the network judges none."""
        return len(self.cases) >= FEWEST_CASES and self.reached < POOR

    def lessons(self, spool: Spool[Looked], seed: int) -> Lessons | None:
        """What errors simulated on these labels teach.

        None where there are too few of them, or the network is too poor to judge any.
        """
        if len(self.cases) < FEWEST_CASES or self.poor:
            return None
        looks = {name: spool.take(name).look.opinion for name in self.cases}
        return learn(
            {name: opinion for name, opinion in looks.items() if opinion is not None},
            self.blur_mm,
            seed=seed,
            track=lambda drawn: track(drawn, "Trying changes on simulated errors"),
        )


@dataclass(eq=False)
class Doubted:
    """What cases that are to be corrected tell together, before any of them is decided on.

    Attributes:
        failed: The message of each case that could not be looked at.
        rows: Evidence on the labels, `(K - 1, names)` each.
        traits: Of the network's predictions.
    """

    failed: dict[str, str] = field(default_factory=dict)
    rows: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    traits: dict[str, NDArray[np.float64]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Looker:
    """Networks and the cases they look at; a case that cannot be read is left out.

    Attributes:
        source: The cases; only read.
        predictor_of: The network that looks at a case.
        perturbation: Of the T passes.
        scratch: Folder where passes wait; see `Predictor.refine`.
    """

    source: Dataset
    predictor_of: Callable[[str], Predictor]
    perturbation: Perturbation
    scratch: Path | None = None

    def trusted(self, rows: Sequence[CaseRow], spool: Spool[Looked]) -> Trusted:
        """What the uncertainty is worth on cases with trusted labels, and how these are seen."""
        classes: list[HeldOutClass] = []
        found = Trusted(Calibration(note=""))
        for looked in self._each(rows, "Looking at trusted labels"):
            look = looked.look
            if looked.given is None or look.opinion is None:
                continue
            classes += held_out_classes(look, looked.given.array, self.source.labels)
            opinion = look.opinion
            found.offsets.append(see_offsets(opinion.probs, opinion.label, opinion.spacing, opinion.known))
            found.cases.append(look.case_id)
            found.values.update(values_in(looked.given.array))
            found.traits[look.case_id] = traits(opinion.prediction)
            spool.put(look.case_id, looked)
            del looked, look, opinion  # before the next case needs their room
        reached = [one.dice for one in classes if isfinite(one.dice)]
        found.reached = mean(reached) if reached else 0.0
        found.calibration = calibrate(classes, cases=tuple(found.cases))
        return found

    def doubted(
        self,
        rows: Sequence[CaseRow],
        trusted: Trusted,
        lessons: Lessons | None,
        spool: Spool[Looked],
    ) -> Doubted:
        """Look at the cases that are to be corrected, and keep each in the spool.

        Args:
            rows: The cases.
            trusted: What other cases tell.
            lessons: Tell in which places the prediction may replace a label; without them, in all.
            spool: Where they wait.

        Raises:
            DataError: If none of them could be looked at.
        """
        failed: dict[str, DataError] = {}
        told = Doubted()
        for looked in self._each(rows, "Looking at cases", failed):
            name, opinion = looked.look.case_id, looked.look.opinion
            found = None if opinion is None else _propose(name, opinion, trusted, lessons)
            if opinion is not None and found is not None:
                told.rows[name] = found.rows
                told.traits[name] = traits(opinion.prediction)
            spool.put(name, replace(looked, found=found))
            del looked, opinion, found  # before the next case needs their room
        if len(failed) == len(rows):
            first = next(iter(failed.values()))
            raise type(first)(f"none of {len(rows)} case(s) could be refined; the first: {first}")
        told.failed = {case_id: str(error) for case_id, error in failed.items()}
        return told

    def _each(
        self, rows: Sequence[CaseRow], doing: str, failed: dict[str, DataError] | None = None
    ) -> Iterator[Looked]:
        """Each case that can be read; others are noted in `failed`."""
        for row in track(rows, doing):
            try:
                looked = self._look(row)
            except DataError as error:
                logger.warning("case '%s' is left out: %s", row.case_id, error)
                if failed is not None:
                    failed[row.case_id] = error
                continue
            yield looked
            del looked

    def _look(self, row: CaseRow) -> Looked:
        case = self.source.read(row.case_id)
        predictor, undrawn = self.predictor_of(row.case_id), self.source.undrawn(row.case_id)
        look = look_at(predictor, case, self.perturbation, self.scratch, undrawn=undrawn)
        return Looked(look, case.label, replace(case.images[0], array=look.uncertainty))


def _propose(name: str, opinion: Opinion, trusted: Trusted, lessons: Lessons | None) -> Proposed:
    """What could be written for a doubted label."""
    probs, label, spacing = opinion.probs, opinion.label, opinion.spacing
    patches = find_patches(probs, label, spacing)
    kept = patches if lessons is None else lessons.keep(name, patches)
    return examine(probs, opinion.refined, label, spacing, trusted.blur_mm, kept, opinion.known)
