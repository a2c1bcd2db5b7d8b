"""Errors simulated on trusted labels, and what came of every change: what a referee learns from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from alcseg.auditing.agreement import class_agreements
from alcseg.auditing.examine import PROPOSALS, examine
from alcseg.auditing.forests import Forests
from alcseg.auditing.patches import Patch, benefit, find_patches
from alcseg.auditing.simulate import KINDS, Simulated, draw_errors
from alcseg.correction.decision import Opinion
from alcseg.types import FloatArray, LabelMap

__all__ = ["FEWEST_CASES", "Lessons", "learn"]

FEWEST_CASES = 2
"""Trusted cases without which nobody can tell what forests say of a case that they have not seen."""

Drawn: TypeAlias = tuple[str, Simulated, list[Patch]]
"""A case, an error simulated on its label, and the patches for that."""

_DRAWS = (240, 8, 100)  # simulated errors in all, and least and most of a case


@dataclass(frozen=True, eq=False)
class Lessons:
    """Simulated errors, and what came of every proposal.

    Attributes:
        rows: Evidence on each simulated label, `(draws, K - 1, names)`.
        scores: Dice of each proposal with the truth, `(draws, K - 1, proposals)`.
        kinds: Kind of error of its worst class, as a number, `(draws,)`.
        cases: Whose label it was.
        patches: Tells by how much a patch makes a label better; None if none was ever proposed.
    """

    rows: FloatArray
    scores: NDArray[np.float64]
    kinds: NDArray[np.intp]
    cases: tuple[str, ...]
    patches: Forests | None = None

    def keep(self, name: str, patches: Sequence[Patch]) -> list[Patch]:
        """Those places of a label in which the prediction is likely to be right."""
        return _kept(self.patches, name, patches)


def learn(
    known: Mapping[str, Opinion],
    blur_mm: Tensor | float,
    *,
    seed: int,
    track: Callable[[Sequence[Drawn]], Iterable[Drawn]] = iter,
) -> Lessons:
    """Simulate errors on trusted labels, and try every change on them.

    Args:
        known: What the network says of each case, whose label is trusted.
        blur_mm: Width within which the network's predictions change across right boundaries, by class.
        seed: Of simulated errors and forests.
        track: Wraps the loop over the simulated errors, to show progress.
    """
    total, least, most = _DRAWS
    draws = min(max(total // len(known), least), most)
    labels = {name: (one.label, one.spacing) for name, one in known.items()}
    drawn: list[Drawn] = [
        (name, error, find_patches(one.probs, error.label, one.spacing))
        for name, one in known.items()
        for error in draw_errors(
            name,
            tuple(labels),
            labels.__getitem__,
            len(one.probs),
            draws=draws,
            seed=seed,
            keep=partial(_within, one),
        )
    ]
    patches = _judge_of_patches(known, drawn, seed)
    rows, scores, kinds = [], [], []
    for name, error, found in track(drawn):
        one = known[name]
        kept = _kept(patches, name, found)
        made = examine(one.probs, one.refined, error.label, one.spacing, blur_mm, kept, one.known)
        rows.append(made.rows)
        by_proposal = [class_agreements(made.labels[which], one.label, len(one.probs)) for which in PROPOSALS]
        scores.append(np.array(by_proposal).T)
        kinds.append(KINDS.index(error.kinds[int(error.dice.argmin())]))
    names = tuple(name for name, _, _ in drawn)
    return Lessons(np.stack(rows), np.stack(scores), np.array(kinds), names, patches)


def _within(one: Opinion, label: LabelMap) -> LabelMap:
    """What of a simulated error lies where the label is known, of classes that were drawn."""
    if one.known is not None:
        label = np.where(one.known, label, 0)
    return np.where(np.isin(label, one.undrawn), 0, label) if one.undrawn else label


def _judge_of_patches(known: Mapping[str, Opinion], drawn: Iterable[Drawn], seed: int) -> Forests | None:
    """Forests that tell the benefit of a patch; None if no simulated error left any."""
    rows, targets, cases = [], [], []
    for name, error, patches in drawn:
        one = known[name]
        pred = one.probs.argmax(0)
        for patch in patches:
            rows.append(patch.row)
            targets.append([benefit(patch, error.label, pred, one.label)])
            cases.append(name)
    return Forests(np.stack(rows), np.array(targets), cases, seed=seed) if rows else None


def _kept(forests: Forests | None, name: str, patches: Sequence[Patch]) -> list[Patch]:
    if forests is None or not patches:
        return list(patches)
    told = forests.ask(np.stack([patch.row for patch in patches]), [name] * len(patches))[:, 0]
    return [patch for patch, better in zip(patches, told.tolist(), strict=True) if better > 0]
