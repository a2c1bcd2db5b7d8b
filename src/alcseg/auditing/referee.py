"""A referee between labels that could be written: how good each is, and how likely it does harm.

Errors are simulated on labels that are trusted and that the network has not learned from. For each, every
proposal is made as it would be for a doubted label, and its true Dice is known. Forests learn the Dice of the
given label and what each proposal gains over it. What they promised for cases that they had not seen, and
what came of it, tells the risk: the share of losses among the simulated errors that were promised about as
much.

Trusted cases may be easier for the network than others. So a label is only changed if one simple error
explains how it differs from the prediction: as it is, with its boundary or itself moved, mirrored, with
classes renamed, or in the slices that were drawn, it agrees with the prediction as simulated errors do. If
none does, label or network may be wrong, and the label stays, but for a boundary that may be moved. Only a
label that has next to nothing to do with the prediction goes without such an explanation: to be as good as
that, the network would have to fail there as it does in no case where it is known, and where it fails so its
predictions are unlike the others (`typical.py`), which keeps the label whatever is said here.

The errors of a set are no even mixture of all kinds: its labels may all be too large, or most of them right.
So the set is met first. A second forest tells kinds of errors apart, and the shares of the kinds in the set
are those under which its answers are likeliest; each simulated error then counts as often as its kind occurs.

Source:
    Shares of classes that differ from those a classifier was taught with, by expectation-maximization:
    Saerens, Latinne and Decaestecker, Neural Computation 14(1), 2002, doi:10.1162/089976602753284446.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcseg.auditing.examine import MENDED, PROPOSALS, as_given, explained
from alcseg.auditing.forests import Forests, class_rows
from alcseg.auditing.foretold import foretold
from alcseg.auditing.lessons import Lessons
from alcseg.auditing.simulate import KINDS
from alcseg.records.audit_trail import Proposal
from alcseg.records.correction import Rehearsal

__all__ = ["Referee", "Verdict"]

_LOSS = 0.005  # of Dice, from which on a change counts as harm
_NEIGHBORS = 60
_WORTH = 0.01  # of Dice, that a change has to promise at least
_USUAL_SPREAD = 0.05  # of Dice between cases
_USUAL_CASES = 4
_RIGHT = 0.97  # Dice of a simulated label from which on it counts as right
_POINT = 0.01
_ROUNDS = 50
_BELIEF = 5.0  # labels that the even mixture of simulated errors counts for when a set is met
_WEIGHTS = (0.1, 5.0)
_FAR_OFF = 0.3  # expected gain in Dice from which on a label that nothing explains is replaced
_NEARLY_ALL = 0.9  # of what a label agrees less than simulated errors usually do, once explained
_UNEXPLAINED = 0.3  # share of the simulated errors that are explained worse than what counts as explained


@dataclass(frozen=True)
class Verdict:
    """What the referee says of one label.

    Attributes:
        given_dice: Expected Dice of the given label, by foreground class that was drawn.
        gains: Expected gain of each proposal in Dice, by foreground class.
        spreads: By how much such gains differ from case to case.
        risks: Share of losses among simulated errors for which it promised about as much.
        explained: Whether a simple error explains how the label differs from the prediction.
    """

    given_dice: tuple[float, ...]
    gains: Mapping[Proposal, tuple[float, ...]]
    spreads: Mapping[Proposal, float]
    risks: Mapping[Proposal, float]
    explained: bool = True

    def choose(self, risk: float, among: Collection[Proposal]) -> Proposal:
        """The proposal that promises most of those that are sure enough; `given` if none is.

        Sure enough is a proposal that seldom did harm and whose gain, in a case of which the network says as
        much less as it does in a share `risk` of all cases, would still be a gain.
        """
        slack = NormalDist().inv_cdf(1 - min(max(risk, 1e-3), 0.5))
        sure = [
            name
            for name in among
            if name != "given"
            and (self.explained or self._may_go(name))
            and self.risks[name] <= risk
            and fmean(self.gains[name]) > max(slack * self.spreads[name], _WORTH)
        ]
        return max(sure, key=lambda name: fmean(self.gains[name]), default="given")

    def _may_go(self, name: Proposal) -> bool:
        """Whether a label that nothing explains may be changed so; a moved boundary keeps its shape."""
        return name == "moved" or fmean(self.gains[name]) > _FAR_OFF

    def dice(self, name: Proposal) -> tuple[float, ...]:
        """Expected Dice of a proposal, by foreground class."""
        if name == "given":
            return self.given_dice
        return tuple(
            min(max(given + gain, 0.0), 1.0)
            for given, gain in zip(self.given_dice, self.gains[name], strict=True)
        )

    def in_words(self, chosen: Proposal, among: Collection[Proposal]) -> str:
        """Why it was chosen."""
        before = fmean(self.given_dice)
        if chosen != "given":
            after, risk = fmean(self.dice(chosen)), self.risks[chosen]
            return (
                f"{_WORDS[chosen]}: expected Dice {before:.2f} -> {after:.2f}, "
                f"harm in {risk:.0%} of simulated errors that promised as much"
            )
        if not self.explained:
            return (
                f"the label stays (expected Dice {before:.2f}): no simple error explains how it differs from "
                "the prediction, either may be wrong, and a person has to look"
            )
        if not among:
            return f"the label stays (expected Dice {before:.2f}): no change is proposed"
        best = max(among, key=lambda name: fmean(self.gains[name]))
        gain, risk = fmean(self.gains[best]), self.risks[best]
        return (
            f"the label stays (expected Dice {before:.2f}): the best change, {best}, "
            f"promises {gain:+.3f} with a risk of {risk:.0%}"
        )


_WORDS: Mapping[Proposal, str] = {
    "patched": "replaced by the prediction where it is plainly wrong",
    "moved": "its boundaries moved to where the network sees them",
    "posterior": "moved and weighed with the prediction",
    "refined": "replaced by the fused passes",
}


class Referee:
    """Taught on simulated errors, for the labels of a set; see the top of the file.

    Args:
        lessons: Of at least two cases.
        labels: Evidence on the labels that are to be judged, `(K - 1, names)` each, which tells the kinds of
            errors that the set has; without any they are as they were simulated.
        seed: Of the forests.
    """

    def __init__(
        self, lessons: Lessons, labels: Mapping[str, NDArray[np.float32]] | None = None, *, seed: int = 0
    ) -> None:
        self.lessons = lessons
        self._classes = lessons.rows.shape[1]
        names = np.repeat(lessons.cases, self._classes).tolist()
        rows = class_rows(lessons.rows)
        simulated = np.bincount(lessons.kinds, minlength=len(KINDS)) / len(lessons.kinds)
        self._shares = simulated
        if labels:
            every = np.repeat(lessons.kinds, self._classes)
            sorts = Forests(rows, every, names, seed=seed, classes=len(KINDS))
            doubted = np.repeat(list(labels), self._classes).tolist()
            told = sorts.ask(class_rows(np.stack(list(labels.values()))), doubted)
            likely = told.reshape(len(labels), self._classes, -1).mean(axis=1)
            self._shares = _likeliest_shares(likely, simulated)
        ratio = np.clip(self._shares / np.maximum(simulated, 1e-9), *_WEIGHTS)
        right = KINDS.index("none")
        ratio[right] = max(ratio[right], 1.0)  # a set of hard cases looks as if none of its labels were right
        self._weights = ratio[lessons.kinds]
        told = lessons.scores.copy()
        told[..., 1:] -= told[..., :1]
        self._forests = Forests(
            rows,
            told.reshape(-1, len(PROPOSALS)),
            names,
            weights=np.repeat(self._weights, self._classes),
            seed=seed,
        )
        self._explained = explained(lessons.rows)
        order = np.argsort(self._explained)
        below = np.cumsum(self._weights[order]) / self._weights.sum()
        self._least_explained, self._usual = (
            float(self._explained[order][np.searchsorted(below, share)]) for share in (_UNEXPLAINED, 0.5)
        )
        self._promised = self._forests.own.reshape(told.shape)
        self._came = told.mean(axis=1)
        self._spread = _spread_between_cases(self._came - self._promised.mean(axis=1), lessons.cases)

    def judge(self, name: str, rows: NDArray[np.float32], undrawn: Collection[int] = ()) -> Verdict:
        """What it says of a label; errors simulated on a label of the same case are left out.

        Args:
            name: The case.
            rows: Evidence on the label, `(K - 1, names)`.
            undrawn: Indices of the classes that nobody drew, background being 0; nothing is said of them.
        """
        drawn = [index for index in range(self._classes) if index + 1 not in undrawn]
        said = self._forests.ask(class_rows(rows[None]), [name] * self._classes)[drawn]
        own = rows[None][:, drawn]
        return self._verdict(said, float(explained(own)[0]), float(as_given(own)[0]))

    def rehearse(self, risk: float, among: Collection[Proposal], always: Proposal | None = None) -> Rehearsal:
        """Correct the simulated errors, each by the forests that had not seen its case.

        Args:
            risk: That a change may have.
            among: What may be chosen.
            always: What is chosen whatever comes of it.
        """
        true = self.lessons.scores.mean(axis=1)
        chosen = [
            PROPOSALS.index(always or self._verdict(*about).choose(risk, among))
            for about in zip(
                self._promised, self._explained.tolist(), as_given(self.lessons.rows).tolist(), strict=True
            )
        ]
        at = (np.arange(len(true)), chosen)
        given, written = true[:, 0], true[at]
        promised = self._promised.mean(axis=1)
        told_given = promised[:, 0]
        told_written = told_given + np.where(chosen, promised[at], 0.0)  # gains over the given label
        right = given >= _RIGHT

        def mean(values: NDArray[Any], where: NDArray[np.bool_] | None = None) -> float:
            part = slice(None) if where is None else where
            return round(float(np.average(values[part], weights=self._weights[part])), 4)

        return Rehearsal(
            cases=len(set(self.lessons.cases)),
            errors=len(true),
            kinds={
                kind: round(share, 3)
                for kind, share in zip(KINDS, self._shares.tolist(), strict=True)
                if share
            },
            given_dice=mean(given),
            written_dice=mean(written),
            worse_share=mean(written < given - _POINT),
            right_given_dice=mean(given, right) if right.any() else None,
            right_written_dice=mean(written, right) if right.any() else None,
            foretold_given=foretold(told_given, given),
            foretold_written=foretold(np.clip(told_written, 0.0, 1.0), written),
        )

    def _verdict(self, said: NDArray[np.float64], best: float, given: float) -> Verdict:
        """Of `(K - 1, proposals)`, and how well label and prediction agree, explained and as given."""
        by_case = said.mean(axis=0)
        return Verdict(
            tuple(said[:, 0].tolist()),
            {name: tuple(said[:, at].tolist()) for at, name in enumerate(MENDED, start=1)},
            {name: float(self._spread[at]) for at, name in enumerate(MENDED, start=1)},
            {name: self._risk(at, float(by_case[at])) for at, name in enumerate(MENDED, start=1)},
            self._is_explained(best, given),
        )

    def _is_explained(self, best: float, given: float) -> bool:
        """Whether a label agrees as simulated errors do once the error is undone, or nearly all is explained.

        Args:
            best: Agreement of label and prediction by the simple error that explains most.
            given: The same as they are.
        """
        if best >= self._least_explained:
            return True
        return best - given >= _NEARLY_ALL * (self._usual - given)

    def _risk(self, at: int, gain: float) -> float:
        promised = self._promised[..., at].mean(axis=1)
        nearest = np.argsort(np.abs(promised - gain), kind="stable")[:_NEIGHBORS]
        return float(np.average(self._came[nearest, at] < -_LOSS, weights=self._weights[nearest]))


def _likeliest_shares(likely: NDArray[np.float64], simulated: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares of kinds under which the answers of a classifier are likeliest, drawn to those it was taught.

    Args:
        likely: Its answers, `(labels, kinds)`.
        simulated: Shares that it was taught with, `(kinds,)`.
    """
    shares = simulated
    for _ in range(_ROUNDS):
        after = likely * shares / np.maximum(simulated, 1e-9)
        after /= np.maximum(after.sum(axis=1, keepdims=True), 1e-9)
        shares = (after.sum(axis=0) + _BELIEF * simulated) / (len(likely) + _BELIEF)
    return shares


def _spread_between_cases(misses: NDArray[np.float64], cases: Sequence[str]) -> NDArray[np.float64]:
    """Standard deviation of what a new case gains less than was promised, by proposal.

    That of the means of cases, widened by the error of their mean; since few cases tell little of a spread,
    a usual one counts as much as four of them.

    Args:
        misses: What came of each promise less the promise, `(draws, proposals)`.
        cases: Whose draw it was.
    """
    names = np.asarray(cases)
    means = np.stack([misses[names == name].mean(axis=0) for name in dict.fromkeys(cases)])
    count = len(means)
    own = ((means - means.mean(axis=0)) ** 2).sum(axis=0)
    variance = (own + _USUAL_CASES * _USUAL_SPREAD**2) / (count - 1 + _USUAL_CASES)
    spread: NDArray[np.float64] = np.sqrt(variance * (1 + 1 / count))
    return spread
