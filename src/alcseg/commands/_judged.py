"""Judge all labels of a set by what networks that never saw them say."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from alcseg.auditing.evidence import NAMES, evidence
from alcseg.auditing.foretold import foretold
from alcseg.auditing.judge import Judge, Judgment, believed
from alcseg.auditing.simulate import draw_errors
from alcseg.auditing.typical import traits
from alcseg.commands._findings import BAD_BELOW, mean_dice
from alcseg.commands._seen import SeenCase
from alcseg.commands.progress import track
from alcseg.records.foretold import Foretold

__all__ = ["DRAWS", "Judged", "judge"]

logger = logging.getLogger(__name__)

DRAWS = 8
"""Simulated errors per believed label."""
_FITS = 5  # most judges fitted in a round
_OF_RIGHT = 0.7  # share of the labels that seem right to a judge which the next one believes
_FEWER = 0.95  # of the labels that a judge believed, from which on believing fewer would change little
_FEWEST = 10  # labels to believe
_MANY_MORE = 0.1  # of all labels


@dataclass(frozen=True, eq=False)
class Judged:
    """What one dealing of the set into folds tells.

    Attributes:
        judgments: Of each label, by foreground class that was drawn.
        believed: Number of labels that errors were simulated on.
        traits: Of the predictions, by case.
        foretold: What the judge said of simulated errors, and what was true.
        judge: Itself.
    """

    judgments: dict[str, list[Judgment]]
    believed: int
    traits: dict[str, NDArray[np.float64]]
    foretold: tuple[Foretold, ...]
    judge: Judge

    @cached_property
    def right(self) -> list[str]:
        """Labels that do not seem wrong, best first; none of a case in which nothing was drawn."""
        dice = {name: mean_dice(each) for name, each in self.judgments.items() if each}
        return [name for name in sorted(dice, key=lambda name: -dice[name]) if dice[name] >= BAD_BELOW]


def judge(seen: Mapping[str, SeenCase], fold_of: Mapping[str, int], seed: int) -> Judged:
    """Fit a judge on simulated errors of the believed labels, and judge all.

    Where most labels are wrong some of the believed ones are, and a judge that takes wrong labels for right
    finds them right. It still knows better which are right than the scores that chose them: so another one
    believes fewer, those of which the first thinks best, and so on. If the last finds many more wrong labels,
    the first was led astray; if not, the first knows more, since it has seen harder cases.
    """
    names = list(seen)
    folds = [fold_of[name] for name in names]
    rows, told = [], {}
    for name in track(names, "Comparing labels"):
        one = seen[name].load()
        rows.append(evidence(one.probs, one.label, one.spacing))
        told[name] = traits(one.prediction)
    table = np.stack(rows)

    def believe(good: Sequence[str]) -> Judged:
        fitted = _fit(seen, good, fold_of, seed)
        by_class = zip(names, fitted.judge(table, names, folds), strict=True)
        judged = {name: seen[name].of_drawn(each) for name, each in by_class}
        return Judged(judged, len(good), told, foretold(fitted.judged, fitted.true), fitted)

    first = last = believe([names[index] for index in believed(table, folds, NAMES)])
    for _ in range(_FITS - 1):
        count = max(_FEWEST, round(_OF_RIGHT * len(last.right)))
        if count > _FEWER * last.believed or count > len(last.right):
            break
        last = believe(last.right[:count])
    more = len(first.right) - len(last.right)
    if more < _MANY_MORE * len(names):
        return first
    logger.info("%d more labels seem wrong to a judge that believes %d", more, last.believed)
    return last


def _fit(seen: Mapping[str, SeenCase], good: Sequence[str], fold_of: Mapping[str, int], seed: int) -> Judge:
    """A judge fitted on errors simulated on these labels."""
    spoiled, truth, cases = [], [], []
    for name in track(good, "Simulating errors"):
        one = seen[name].load()
        for drawn in draw_errors(
            name,
            good,
            lambda other: seen[other].given_label(),
            len(one.probs),
            draws=DRAWS,
            seed=seed,
            keep=seen[name].keep,
        ):
            spoiled.append(evidence(one.probs, drawn.label, one.spacing))
            truth.append(drawn)
            cases.append(name)
    logger.info("fitting the judge on %d simulated errors of %d labels", len(truth), len(good))
    return Judge(
        np.stack(spoiled),
        truth,
        cases,
        [fold_of[name] for name in cases],
        num_folds=max(fold_of.values()) + 1,
        seed=seed,
    )
