"""A judge fitted on simulated errors of a set: how good a given label is, and what is wrong with it.

Forests of extremely randomized trees map evidence to Dice, surface error and kind of error. Trees need no
scale and find which numbers matter on this set. The errors simulated on a label train no tree that judges it:
the cases are dealt into five parts, each judged by the forests of the others. The interval is the 5th to 95th
percentile of the true Dice of simulated errors that were judged about as good.

Source:
    Geurts, Ernst and Wehenkel, Extremely randomized trees, Machine Learning 63, 2006,
    doi:10.1007/s10994-006-6226-1. Intervals in the spirit of split conformal prediction: Lei et al., JASA
    113(523), 2018, doi:10.1080/01621459.2017.1307116.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from alcseg.auditing.forests import Forests, class_rows
from alcseg.auditing.simulate import KINDS, Kind, Simulated
from alcseg.types import FloatArray

__all__ = ["Judge", "Judgment", "averaged", "believed"]

_NEIGHBORS = 150
_RANKED = 4  # labels of a fold from which on they are ranked by themselves


@dataclass(frozen=True)
class Judgment:
    """What a judge says of one class of one label.

    Attributes:
        dice: Expected Dice of the given label with the right one.
        low: Lower end of its 90 % interval.
        high: Upper end.
        surface_mm: Expected mean distance of the two surfaces.
        kinds: Probability of each kind of error.
    """

    dice: float
    low: float
    high: float
    surface_mm: float
    kinds: Mapping[Kind, float]

    @property
    def kind(self) -> Kind:
        """The most probable kind."""
        return max(self.kinds, key=lambda kind: self.kinds[kind])


def averaged(
    repeats: Sequence[Mapping[str, Sequence[Judgment]]],
) -> dict[str, list[Judgment]]:
    """Judgments of several judges as one; of a label that one of them lacks, those of the others."""
    names = dict.fromkeys(name for found in repeats for name in found)
    return {
        name: [_mean(each) for each in zip(*(found[name] for found in repeats if name in found), strict=True)]
        for name in names
    }


def _mean(each: Sequence[Judgment]) -> Judgment:
    return Judgment(
        dice=fmean(one.dice for one in each),
        low=fmean(one.low for one in each),
        high=fmean(one.high for one in each),
        surface_mm=fmean(one.surface_mm for one in each),
        kinds={
            kind: share for kind in KINDS if (share := fmean(one.kinds.get(kind, 0.0) for one in each)) > 0
        },
    )


def believed(table: FloatArray, folds: Sequence[int], names: Sequence[str]) -> NDArray[np.intp]:
    """The half of the labels that agrees best with the predictions, by ranks within the fold.

    Networks of different folds are not on one scale, hence ranks; scores that fail on different errors are
    added. Where a fold holds fewer than 4 labels, the ranks are those of the whole set: a label that stands
    alone has no rank. Only this choice rests on a fixed score; it has to be clean, not complete.

    Args:
        table: Evidence `(cases, K - 1, names)`.
        folds: Of each case.
        names: Of the evidence.
    """
    from scipy.stats import rankdata  # takes a second to import

    total = np.zeros(len(table))
    fold_of = np.asarray(folds)
    if np.unique(fold_of, return_counts=True)[1].min() < _RANKED:
        fold_of = np.zeros_like(fold_of)
    for name in ("soft_minimum", "union", "band"):
        score = table[:, :, names.index(name)].mean(axis=1)
        for fold in np.unique(fold_of):
            own = fold_of == fold
            total[own] += (rankdata(score[own]) - 0.5) / own.sum()
    return np.argsort(-total, kind="stable")[: max(1, len(table) // 2)]


class Judge:
    """Fitted on simulated errors; judges given labels.

    Args:
        simulated: Evidence `(draws, K - 1, names)` of spoiled labels.
        truth: What was done to each.
        cases: Whose label it was.
        folds: Fold of each draw's case.
        num_folds: How many there are, also of cases that no error was simulated on.
        seed: Of the forests.
    """

    def __init__(
        self,
        simulated: FloatArray,
        truth: Sequence[Simulated],
        cases: Sequence[str],
        folds: Sequence[int],
        *,
        num_folds: int,
        seed: int = 0,
    ) -> None:
        self.classes = simulated.shape[1]
        self.num_folds = num_folds
        rows = self._rows(simulated, folds)
        names = np.repeat(cases, self.classes).tolist()
        dice = np.concatenate([one.dice for one in truth])
        surface = np.concatenate([one.surface_mm for one in truth])
        kinds = np.concatenate([[KINDS.index(kind) for kind in one.kinds] for one in truth])
        self.scores = Forests(rows, np.stack([dice, surface], axis=1), names, seed=seed)
        self.kinds = Forests(rows, kinds, names, seed=seed, classes=len(KINDS))
        judged = self.scores.own[:, 0]  # nan if all errors are of one case: then all are alike
        order = np.argsort(judged)
        self.judged, self.true = judged[order], dice[order]

    def judge(self, table: FloatArray, cases: Sequence[str], folds: Sequence[int]) -> list[list[Judgment]]:
        """Judge given labels, a list per case with a judgment per foreground class.

        Args:
            table: Evidence `(cases, K - 1, names)`.
            cases: Their names.
            folds: Fold of each case.
        """
        rows = self._rows(table, folds)
        names = np.repeat(cases, self.classes).tolist()
        judgments = [
            Judgment(
                float(score),
                *self._interval(float(score)),
                float(surface),
                {kind: float(share) for kind, share in zip(KINDS, shares, strict=True) if share > 0},
            )
            for (score, surface), shares in zip(
                self.scores.ask(rows, names), self.kinds.ask(rows, names), strict=True
            )
        ]
        return [judgments[at : at + self.classes] for at in range(0, len(judgments), self.classes)]

    def _interval(self, dice: float) -> tuple[float, float]:
        """Where the true Dice of simulated errors lay that were judged about as good."""
        count = min(_NEIGHBORS, len(self.judged))
        at = int(np.searchsorted(self.judged, dice))
        start = min(max(at - count // 2, 0), len(self.judged) - count)
        low, high = np.percentile(self.true[start : start + count], [5, 95])
        return float(min(low, dice)), float(max(high, dice))

    def _rows(self, table: FloatArray, folds: Sequence[int]) -> FloatArray:
        fold = np.repeat(np.eye(self.num_folds)[np.asarray(folds)], self.classes, axis=0)
        return np.hstack([class_rows(table), fold])
