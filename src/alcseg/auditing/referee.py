"""A referee between labels that could be written: how good each is, and how likely it does harm.

Errors are simulated on labels that are trusted and that the network has not learned from. For each, every
proposal is made as it would be for a doubted label, and its true Dice is known. Forests learn the Dice of the
given label and what each proposal gains over it. What they promised for cases that they had not seen, and
what came of it, tells the risk: the share of losses among the simulated errors that were promised about as
much.

Trusted cases may be easier for the network than others. So a label is only changed if one simple error
explains how it differs from the prediction: as it is, with its boundary or itself moved, mirrored, with
classes renamed, or in the slices that were drawn, it agrees with the prediction as simulated errors do. If
none does, label or network may be wrong, and the label stays, but for a boundary that may be moved.

The errors of a set are no even mixture of all kinds: its labels may all be too large, or most of them right.
So the set is met first. A second forest tells kinds of errors apart, and the shares of the kinds in the set
are those under which its answers are likeliest; each simulated error then counts as often as its kind occurs.

Source:
    Shares of classes that differ from those a classifier was taught with, by expectation-maximization:
    Saerens, Latinne and Decaestecker, Neural Computation 14(1), 2002, doi:10.1162/089976602753284446.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist, fmean
from typing import Any, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from alcseg.auditing.agreement import agreement
from alcseg.auditing.evidence import NAMES, evidence
from alcseg.auditing.forests import Forests, class_rows
from alcseg.auditing.patches import Patch, benefit, find_patches, patched
from alcseg.auditing.simulate import KINDS, Simulated, simulate
from alcseg.boxes import bounding_box
from alcseg.correction.decision import Opinion
from alcseg.correction.offsets import Offsets
from alcseg.correction.proposals import propose
from alcseg.noise import OtherLabels, case_generator
from alcseg.records.audit_trail import Proposal
from alcseg.records.correction import Rehearsal
from alcseg.types import FloatArray, LabelMap, Spacing

__all__ = ["FEWEST_CASES", "Lessons", "Proposed", "Referee", "Verdict", "examine"]

FEWEST_CASES = 2
"""Trusted cases without which nobody can tell what the forests say of a case that they have not seen."""

Drawn: TypeAlias = tuple[str, Simulated, list[Patch]]
"""A case, an error simulated on its label, and the patches for that."""

_PROPOSALS: tuple[Proposal, ...] = get_args(Proposal)
_MENDED = _PROPOSALS[1:]
_MARGIN = 8  # voxels around label and predictions; boundaries are moved by up to 7
_DRAWS = (240, 8, 100)  # simulated errors in all, and least and most of a case
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
_DICE = NAMES.index("dice")
_NEARLY_ALL = 0.9  # of what a label agrees less than simulated errors usually do, once explained
_UNEXPLAINED = 0.3  # share of the simulated errors that are explained worse than what counts as explained


@dataclass(frozen=True, eq=False)
class Proposed:
    """What could be written for one label, and what can be told of it without knowing the truth.

    Attributes:
        labels: Classes 0..K-1, `(X, Y, Z)`, by proposal.
        offsets: How the given label was drawn.
        rows: Evidence on each foreground class, `(K - 1, names)`.
    """

    labels: Mapping[Proposal, LabelMap]
    offsets: Offsets
    rows: NDArray[np.float32]

    def changing(self, among: Collection[Proposal]) -> tuple[Proposal, ...]:
        """Those proposals that are not the given label itself."""
        given = self.labels["given"]
        return tuple(name for name in among if not np.array_equal(self.labels[name], given))


@dataclass(frozen=True)
class Verdict:
    """What the referee says of one label.

    Attributes:
        given_dice: Expected Dice of the given label, by foreground class.
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
            and (self.explained or name == "moved")  # a boundary that is moved keeps its shape
            and self.risks[name] <= risk
            and fmean(self.gains[name]) > max(slack * self.spreads[name], _WORTH)
        ]
        return max(sure, key=lambda name: fmean(self.gains[name]), default="given")

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


@dataclass(frozen=True, eq=False)
class Lessons:
    """Simulated errors, and what came of every proposal.

    Attributes:
        rows: Evidence on each simulated label, `(draws, K - 1, names)`.
        scores: Dice of each proposal with the truth, `(draws, K - 1, proposals)`.
        kinds: Kind of error of its worst class, as a number, `(draws,)`.
        cases: Whose label it was.
    """

    rows: FloatArray
    scores: NDArray[np.float64]
    kinds: NDArray[np.intp]
    cases: tuple[str, ...]


class Referee:
    """Taught on simulated errors; see the top of the file.

    Args:
        lessons: Of at least two cases.
        shares: Of the kinds of errors in the set that is judged, `(kinds,)`; None: as they were simulated.
        patches: Tells by how much a patch makes a label better; None if none was ever proposed.
        seed: Of the forests.
    """

    def __init__(
        self,
        lessons: Lessons,
        shares: NDArray[np.float64] | None = None,
        patches: Forests | None = None,
        *,
        seed: int = 0,
    ) -> None:
        self._lessons, self._patches, self._seed = lessons, patches, seed
        self._classes = lessons.rows.shape[1]
        self._names = np.repeat(lessons.cases, self._classes).tolist()
        simulated = np.bincount(lessons.kinds, minlength=len(KINDS)) / len(lessons.kinds)
        self.shares = simulated if shares is None else shares
        ratio = np.clip(self.shares / np.maximum(simulated, 1e-9), *_WEIGHTS)
        right = KINDS.index("none")
        ratio[right] = max(ratio[right], 1.0)  # a set of hard cases looks as if none of its labels were right
        self._weights = ratio[lessons.kinds]
        told = lessons.scores.copy()
        told[..., 1:] -= told[..., :1]
        self._forests = Forests(
            class_rows(lessons.rows),
            told.reshape(-1, len(_PROPOSALS)),
            self._names,
            weights=np.repeat(self._weights, self._classes),
            seed=seed,
        )
        explained = _explained(lessons.rows)
        order = np.argsort(explained)
        below = np.cumsum(self._weights[order]) / self._weights.sum()
        self._least_explained, self._usual = (
            float(explained[order][np.searchsorted(below, share)]) for share in (_UNEXPLAINED, 0.5)
        )
        self._promised = self._forests.own.reshape(told.shape)
        self._came = told.mean(axis=1)
        self._spread = _spread_between_cases(self._came - self._promised.mean(axis=1), lessons.cases)

    @classmethod
    def taught(
        cls,
        cases: Iterable[tuple[str, Opinion]],
        labels: Mapping[str, LabelMap],
        blur_mm: Tensor,
        *,
        seed: int,
        track: Callable[[Sequence[Drawn]], Iterable[Drawn]] = iter,
    ) -> "Referee":
        """Simulate errors on trusted labels and learn from them.

        Args:
            cases: Name of each, and what the network says of it.
            labels: Trusted classes of all, for the error of a label of another case.
            blur_mm: Width within which the network's predictions change across right boundaries, by class.
            seed: Of simulated errors and forests.
            track: Wraps the loop over the simulated errors, to show progress.
        """
        total, least, most = _DRAWS
        draws = min(max(total // len(labels), least), most)
        known: dict[str, Opinion] = {}
        drawn: list[Drawn] = []
        for name, one in cases:
            known[name] = one
            others = tuple(other for other in labels if other != name)
            read = OtherLabels(others, partial(_with_spacing, labels, one.spacing)) if others else None
            for number in range(draws):
                rng = case_generator(seed + number, name)
                error = simulate(one.label, len(one.probs), one.spacing, rng, read)
                drawn.append((name, error, find_patches(one.probs, error.label, one.spacing)))
        patches = _judge_of_patches(known, drawn, seed)
        rows, scores, kinds = [], [], []
        for name, error, found in track(drawn):
            one = known[name]
            kept = _kept(patches, name, found)
            made = examine(one.probs, one.refined, error.label, one.spacing, blur_mm, kept)
            rows.append(made.rows)
            scores.append(_scores(made.labels, one.label, len(one.probs)))
            kinds.append(KINDS.index(error.kinds[int(error.dice.argmin())]))
        names = tuple(name for name, _, _ in drawn)
        lessons = Lessons(np.stack(rows), np.stack(scores), np.array(kinds), names)
        return cls(lessons, patches=patches, seed=seed)

    def keep(self, name: str, patches: Sequence[Patch]) -> list[Patch]:
        """Those places of a label in which the prediction is likely to be right."""
        return _kept(self._patches, name, patches)

    def met(self, labels: Mapping[str, NDArray[np.float32]]) -> "Referee":
        """One that knows which kinds of errors a set has.

        Args:
            labels: Evidence on those that are to be judged, `(K - 1, names)` each.
        """
        if not labels:
            return self
        lessons = self._lessons
        sorts = Forests(
            class_rows(lessons.rows),
            np.repeat(lessons.kinds, self._classes),
            self._names,
            seed=self._seed,
            classes=len(KINDS),
        )
        rows = class_rows(np.stack(list(labels.values())))
        told = sorts.ask(rows, np.repeat(list(labels), self._classes).tolist())
        likely = told.reshape(len(labels), self._classes, -1).mean(axis=1)
        return Referee(lessons, _shares(likely, self.shares), self._patches, seed=self._seed)

    def judge(self, name: str, rows: NDArray[np.float32]) -> Verdict:
        """What it says of a label; errors simulated on a label of the same case are left out.

        Args:
            name: The case.
            rows: Evidence on the label, `(K - 1, names)`.
        """
        said = self._forests.ask(class_rows(rows[None]), [name] * self._classes)
        return self._verdict(said, float(_explained(rows[None])[0]), float(rows[:, _DICE].mean()))

    def rehearse(self, risk: float, among: Collection[Proposal], always: Proposal | None = None) -> Rehearsal:
        """Correct the simulated errors, each by the forests that had not seen its case.

        Args:
            risk: That a change may have.
            among: What may be chosen.
            always: What is chosen whatever comes of it.
        """
        true = self._lessons.scores.mean(axis=1)
        chosen = [
            _PROPOSALS.index(always or self._verdict(promised, explained, given).choose(risk, among))
            for promised, explained, given in zip(
                self._promised,
                _explained(self._lessons.rows).tolist(),
                self._lessons.rows[..., _DICE].mean(axis=1).tolist(),
                strict=True,
            )
        ]
        given, written = true[:, 0], true[np.arange(len(true)), chosen]
        right = given >= _RIGHT

        def mean(values: NDArray[Any], where: NDArray[np.bool_] | None = None) -> float:
            part = slice(None) if where is None else where
            return round(float(np.average(values[part], weights=self._weights[part])), 4)

        return Rehearsal(
            cases=len(set(self._lessons.cases)),
            errors=len(true),
            kinds={
                kind: round(share, 3)
                for kind, share in zip(KINDS, self.shares.tolist(), strict=True)
                if share
            },
            given_dice=mean(given),
            written_dice=mean(written),
            worse_share=mean(written < given - _POINT),
            right_given_dice=mean(given, right) if right.any() else None,
            right_written_dice=mean(written, right) if right.any() else None,
        )

    def _verdict(self, said: NDArray[np.float64], explained: float, given: float) -> Verdict:
        """Of `(K - 1, proposals)`, and how well label and prediction agree, explained and as given."""
        by_case = said.mean(axis=0)
        return Verdict(
            tuple(said[:, 0].tolist()),
            {name: tuple(said[:, at].tolist()) for at, name in enumerate(_MENDED, start=1)},
            {name: float(self._spread[at]) for at, name in enumerate(_MENDED, start=1)},
            {name: self._risk(at, float(by_case[at])) for at, name in enumerate(_MENDED, start=1)},
            self._is_explained(explained, given),
        )

    def _is_explained(self, explained: float, given: float) -> bool:
        """Whether a label agrees as simulated errors do once the error is undone, or nearly all is explained.

        Args:
            explained: Agreement of label and prediction by the simple error that explains most.
            given: The same as they are.
        """
        if explained >= self._least_explained:
            return True
        return explained - given >= _NEARLY_ALL * (self._usual - given)

    def _risk(self, at: int, gain: float) -> float:
        promised = self._promised[..., at].mean(axis=1)
        nearest = np.argsort(np.abs(promised - gain), kind="stable")[:_NEIGHBORS]
        return float(np.average(self._came[nearest, at] < -_LOSS, weights=self._weights[nearest]))


def _shares(likely: NDArray[np.float64], simulated: NDArray[np.float64]) -> NDArray[np.float64]:
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


def examine(
    probs: NDArray[np.float32],
    refined: LabelMap,
    label: LabelMap,
    spacing: Spacing,
    blur_mm: Tensor | float,
    patches: Sequence[Patch],
) -> Proposed:
    """Make every proposal for a label, and look at each.

    Args:
        probs: Class probabilities of a plain pass, `(K, X, Y, Z)`.
        refined: Classes 0..K-1 by the fused passes, `(X, Y, Z)`.
        label: Classes 0..K-1 as given, `(X, Y, Z)`.
        spacing: Voxel size in mm.
        blur_mm: See `propose`.
        patches: Places in which the prediction is to replace the label.
    """
    whole_patched = patched(label, probs.argmax(0), patches)
    occupied = (label > 0) | (refined > 0) | (probs[0] < 0.5)
    box = bounding_box(occupied, _MARGIN) if occupied.any() else (slice(None),) * 3
    near, given = probs[(slice(None), *box)], label[box]
    mended, offsets = propose(near, refined[box], given, spacing, blur_mm, whole_patched[box])
    pred = near.argmax(0)
    rows = [evidence(near, given, spacing), _in_drawn_slices(given, pred, len(probs))]
    rows += [_change(near, pred, given, mended[name]) for name in _MENDED]
    whole = {}
    for name, part in mended.items():
        whole[name] = np.zeros_like(label)
        whole[name][box] = part
    return Proposed(whole, offsets, np.hstack(rows))


def _with_spacing(labels: Mapping[str, LabelMap], spacing: Spacing, name: str) -> tuple[LabelMap, Spacing]:
    return labels[name], spacing


def _in_drawn_slices(given: LabelMap, pred: LabelMap, classes: int) -> NDArray[np.float32]:
    """Dice of label and prediction by class in those slices that hold the class, along the axis that fits."""
    found = []
    for index in range(1, classes):
        drawn, seen = given == index, pred == index
        by_axis = [agreement(drawn, seen)]
        for axis in range(3):
            slices = drawn.any(axis=tuple(other for other in range(3) if other != axis))
            by_axis.append(agreement(drawn.compress(slices, axis), seen.compress(slices, axis)))
        found.append([max(by_axis)])
    return np.array(found, np.float32)


def _explained(rows: FloatArray) -> NDArray[np.float64]:
    """How well label and prediction agree by the simple error that explains most, mean over classes.

    Args:
        rows: Evidence, `(labels, K - 1, names)`.
    """
    of = {name: rows[..., at] for at, name in enumerate(NAMES)}
    explanations = (
        of["dice"],
        of["offset_dice"],
        of["dice"] + of["shift_gain"],
        of["dice"] + of["mirror_gain"],
        of["as_other_class"],
        rows[..., len(NAMES)],  # in the slices that were drawn
    )
    mean: NDArray[np.float64] = np.max(explanations, axis=0).mean(axis=1)
    return mean


def _change(probs: FloatArray, pred: LabelMap, given: LabelMap, mended: LabelMap) -> NDArray[np.float32]:
    """By class: Dice of a proposal with the given label and with the prediction; how sure the network is."""
    changed = given != mended
    margin = 0.0
    if changed.any():
        of_given, of_mended = (
            np.take_along_axis(probs, label[None].astype(np.intp), 0)[0][changed] for label in (given, mended)
        )
        margin = float((of_mended - of_given).mean())
    return np.array(
        [
            [agreement(mended == index, given == index), agreement(mended == index, pred == index), margin]
            for index in range(1, len(probs))
        ],
        np.float32,
    )


def _scores(labels: Mapping[Proposal, LabelMap], truth: LabelMap, classes: int) -> NDArray[np.float64]:
    """Dice of each proposal with the truth, `(K - 1, proposals)`."""
    return np.array(
        [
            [agreement(labels[name] == index, truth == index) for name in _PROPOSALS]
            for index in range(1, classes)
        ]
    )
