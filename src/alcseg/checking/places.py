"""Labels that lie elsewhere than the others, or beside what their image shows: mirrored, shifted, too large.

Three kinds of evidence, since each alone is weak: where the label lies in the field of view, where its
classes lie to one another, and whether it fits its image worse than a changed one does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from alcseg.checking.finding import Finding
from alcseg.checking.robust import ENOUGH, deviations
from alcseg.checking.sketch import AXES, Sketch
from alcseg.checking.volumes import volume_deviations

__all__ = ["odd_places"]

# Limits are robust standard deviations; measured on hippocampus, heart and left atrium, clean and spoiled.
_LIMIT = 5.0  # of evidence added in squares
_LEAST_OFF = 2.5  # of the place itself, before a misfit counts
_ORDER = 5.5  # of the way between classes
_LEAST_GAIN = 0.3  # a mirrored label explains e^0.3 = 1.35 times as much
_FEW_GAIN = 0.03  # of the set may: where more do, organs have little contrast and more evidence is needed
_LEAST_GAIN_SMALLER = 0.2  # no clean label of the three sets gained by shrinking
_LEAST_LARGER = 2.0  # of a volume, before what a smaller label gains counts
_USUAL_LOSS = -0.1  # where labels do not lose by a change, the image does not show the organ
_USUAL_GAIN = 0.0  # by a move: where labels gain more, the image does not show the organ either
_LEAST_FIT = 0.25  # of what labels usually explain: below it a gain is one of noise
_FEW_CLASSES = 10  # up to which pairs are tried for a swap

# What is usual anyway, so that nothing is odd where all are alike.
_PLACE_SPREAD = 0.02  # of the field of view
_APART_SPREAD_MM = 1.0
_FIT_SPREAD = 0.3  # of the log odds
_GAIN_SPREAD = 0.2


@dataclass(frozen=True)
class _Evidence:
    """Deviations of one case; those of gains and misfit are 0 where they speak for the label."""

    off: NDArray[np.float64]  # (3,)
    millimetres: NDArray[np.float64]  # (3,)
    apart: NDArray[np.float64]  # (classes, 3)
    misfit: float
    gains: NDArray[np.float64]  # (3,)
    fits_elsewhere: float  # of the gain by a move, with the place and the misfit if they speak for it, too
    mirrors: tuple[int, ...]  # axes along which a mirrored label fits clearly better
    telling: bool  # whether such a fit is rare in the set
    smaller: bool  # whether a smaller label would fit better than is usual


def odd_places(sketches: Sequence[Sketch]) -> Iterator[Finding]:
    """One note per case, the most telling."""
    if len(sketches) < ENOUGH:
        return
    apart = _apart(sketches)
    usual_apart = np.nanmedian(np.where(np.isfinite(apart).any(axis=0), apart, 0.0), axis=0)
    for sketch, ways, seen in zip(sketches, apart, _gather(sketches, apart), strict=True):
        found = (
            _order(sketch, ways, usual_apart, seen)
            or _mirrored(sketch, seen)
            or _size(sketch, seen)
            or _place(sketch, seen)
            or _moved(sketch, seen)
        )
        if found is not None:
            yield found


def _gather(sketches: Sequence[Sketch], apart: NDArray[np.float64]) -> Iterator[_Evidence]:
    middles = np.array([sketch.middle for sketch in sketches])
    places = deviations(middles, _PLACE_SPREAD)
    moved = (middles - np.median(middles, axis=0)) * np.array([sketch.extent_mm for sketch in sketches])
    ways = deviations(apart, _APART_SPREAD_MM)
    fits = np.clip([sketch.fit for sketch in sketches], 1e-6, 1 - 1e-6)
    misfits = np.maximum(-deviations(np.log(fits / (1 - fits)), _FIT_SPREAD), 0.0)
    logs = np.array([[by for _, by in sketch.mirrored] for sketch in sketches])
    gains = np.maximum(deviations(logs, _GAIN_SPREAD), 0.0)
    by_moves = np.array([sketch.moved.by for sketch in sketches])
    moves = np.maximum(deviations(by_moves, _GAIN_SPREAD), 0.0)
    stay = float(np.median(by_moves)) <= _USUAL_GAIN
    enough = _LEAST_FIT * float(np.median(fits))
    mirrors = [
        tuple(
            axis
            for axis, (instead, by) in enumerate(sketch.mirrored)
            if instead >= enough and by >= _LEAST_GAIN
        )
        for sketch in sketches
    ]
    smaller = np.array([sketch.smaller[1] for sketch in sketches])
    few = max(2.0, _FEW_GAIN * len(sketches))
    telling = sum(map(bool, mirrors)) <= few and float(np.median(logs.max(axis=1))) <= _USUAL_LOSS
    shrinks = [
        sketch.smaller[0] >= enough and sketch.smaller[1] >= _LEAST_GAIN_SMALLER for sketch in sketches
    ]
    shown = sum(shrinks) <= few and float(np.median(smaller)) <= _USUAL_LOSS
    shrunk = deviations(smaller, _GAIN_SPREAD) if shown else np.zeros(len(sketches))
    larger = volume_deviations(sketches).max(axis=1)
    for index, sketch in enumerate(sketches):
        move, fits_elsewhere = sketch.moved, 0.0
        if stay and move.instead >= enough and move.by >= _LEAST_GAIN:
            along = max(-np.sign(move.mm) * places[index, move.axis], 0.0)
            fits_elsewhere = float(np.sqrt(moves[index] ** 2 + along**2 + misfits[index] ** 2))
        evidence = np.hypot(larger[index], max(shrunk[index], 0.0)) if larger[index] >= _LEAST_LARGER else 0.0
        yield _Evidence(
            places[index],
            moved[index],
            ways[index],
            float(misfits[index]),
            gains[index],
            fits_elsewhere,
            mirrors[index],
            telling,
            bool(evidence >= _LIMIT or (shown and shrinks[index])),
        )


def _apart(sketches: Sequence[Sketch]) -> NDArray[np.float64]:
    """`(cases, classes, 3)` in mm."""
    return np.array([list(sketch.apart_mm.values()) for sketch in sketches])


def _order(
    sketch: Sketch, ways: NDArray[np.float64], usual: NDArray[np.float64], seen: _Evidence
) -> Finding | None:
    """A note on classes that lie otherwise to one another than in the other labels."""
    worst = float(np.abs(seen.apart).max())
    if len(ways) < 2 or worst < _ORDER or np.isnan(ways).any():  # without a class the middle lies elsewhere
        return None
    far = np.sum(np.abs(ways - usual))
    reasons = [
        f"the label is mirrored {name}"
        for axis, name in enumerate(AXES)
        if np.sum(np.abs(ways * np.where(np.arange(3) == axis, -1, 1) - usual)) < far / 2
    ]
    names = list(sketch.apart_mm)
    if len(names) <= _FEW_CLASSES:
        for first, second in combinations(range(len(names)), 2):
            swapped = ways.copy()
            swapped[[first, second]] = swapped[[second, first]]
            if np.sum(np.abs(swapped - usual)) < far / 2:
                reasons.append(f"'{names[first]}' and '{names[second]}' are swapped")
    odd = names[int(np.abs(seen.apart).max(axis=1).argmax())]
    why = f"It looks as if {' or '.join(reasons)}: correct it" if reasons else "Look at it in a viewer"
    message = (
        f"its '{odd}' lies otherwise to the other classes than elsewhere ({worst:.1f} deviations). {why}."
    )
    return Finding("ok", sketch.row.case_id, message, "order", worst)


def _mirrored(sketch: Sketch, seen: _Evidence) -> Finding | None:
    if not seen.mirrors:
        return None
    axis = max(seen.mirrors, key=lambda axis: sketch.mirrored[axis][1])
    evidence = np.hypot(np.hypot(np.abs(seen.off).max(), seen.misfit), seen.gains[axis])
    if not seen.telling and evidence < _LIMIT:
        return None
    by = sketch.mirrored[axis][1]
    message = (
        f"its label would fit its image {np.exp(by):.1f} times as well mirrored {AXES[axis]}, and lies "
        f"{_where(seen)}. If a viewer shows the same, mirror or move it."
    )
    return Finding("ok", sketch.row.case_id, message, "mirrored", float(by))


def _size(sketch: Sketch, seen: _Evidence) -> Finding | None:
    if not seen.smaller:
        return None
    times = float(np.exp(sketch.smaller[1]))
    message = (
        f"with a third of its volume its label would fit its image {times:.1f} times as well, unlike others. "
        "It may be too large: look at it, and at its spacing."
    )
    return Finding("ok", sketch.row.case_id, message, "size", times)


def _moved(sketch: Sketch, seen: _Evidence) -> Finding | None:
    if seen.fits_elsewhere < _LIMIT:
        return None
    _, mm, _, by = sketch.moved
    toward = AXES[sketch.moved.axis].split("-")[mm > 0]
    message = (
        f"its label would fit its image {np.exp(by):.1f} times as well {abs(mm):.0f} mm further to the "
        f"{toward}, unlike others. If a viewer shows the same, move it."
    )
    return Finding("ok", sketch.row.case_id, message, "position", abs(mm))


def _place(sketch: Sketch, seen: _Evidence) -> Finding | None:
    off = float(np.abs(seen.off).max())
    if off < _LEAST_OFF or np.hypot(off, seen.misfit) < max(_LIMIT, seen.fits_elsewhere):
        return None  # or the image says more
    message = (
        f"its label lies {_where(seen)}. If the image does not show the organ there, the label was shifted "
        "or belongs to another scan."
    )
    return Finding("ok", sketch.row.case_id, message, "position", float(np.abs(seen.millimetres).max()))


def _where(seen: _Evidence) -> str:
    axis = int(np.abs(seen.off).argmax())
    distance, deviation = abs(seen.millimetres[axis]), abs(seen.off[axis])
    return f"{distance:.0f} mm {AXES[axis]} ({deviation:.1f} deviations) from where the others do"
