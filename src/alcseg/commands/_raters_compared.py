"""How the readers of a dataset draw: each against the consensus of the others, and against each of them."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np

from alcseg.boxes import bounding_box
from alcseg.commands._raters_alike import LabelsAlike, not_drawn
from alcseg.commands.progress import track
from alcseg.data.folder import Dataset
from alcseg.data.fusion import fuse
from alcseg.data.given import require_given_labels
from alcseg.data.layout import GIVEN
from alcseg.data.rater_labels import FUSION, rater_labels, split_names
from alcseg.listing import has_file
from alcseg.metrics import Summary, dice, summarize, surface_distances
from alcseg.metrics.label_noise import mean_shift
from alcseg.records.raters import RaterCaseRow, RaterPairRow, RaterRow
from alcseg.types import LabelMap, Mask, Spacing
from alcseg.words import shorten

__all__ = ["Compared", "compare_raters"]

_SURE_CASES = 5  # from which on an interval over cases says something
_NOTABLE = 0.25  # of a voxel, by which readers differ that are told apart


class _Pair(NamedTuple):
    """How one mask lies to another; not finite where one of them is empty."""

    dice: float
    bias_mm: float
    assd_mm: float
    volume_percent: float


@dataclass(frozen=True)
class Compared:
    """What was found.

    Attributes:
        fusion: How the labels of several readers became one: `majority`, `staple` or `given`.
        drew: By reader, the number of cases that the reader drew beside others.
        missing: By reader, the cases that others drew and this one did not; without readers who drew all.
        alike: Labels that are the same to the voxel, in words.
        raters: A line per reader and class.
        pairs: A line per two readers and class.
        cases: A line per case, reader and class.
    """

    fusion: str
    drew: dict[str, int]
    missing: dict[str, tuple[str, ...]]
    alike: tuple[str, ...]
    raters: tuple[RaterRow, ...]
    pairs: tuple[RaterPairRow, ...]
    cases: tuple[RaterCaseRow, ...] = field(repr=False)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What to know before any number is believed, in words: copies, and who left out which cases."""
        absent = (
            f"{rater} did not draw {len(cases)} of the cases that others drew ({shorten(cases)})"
            for rater, cases in self.missing.items()
        )
        return (*self.alike, *absent)

    @property
    def verdict(self) -> str:
        """Who stands out, in words."""
        if found := [row.words for row in self.raters if row.stands_out]:
            return " ".join(f"{words}." for words in found)
        if len({row.rater for row in self.raters}) < 3:
            return (
                "Of two readers nobody can say by their labels alone who is right; the pair tells how far "
                "they differ."
            )
        return "No reader draws larger than all the others, or smaller than all of them."


def compare_raters(dataset: Dataset, files: Mapping[str, Mapping[str, Path]] | None = None) -> Compared:
    """Compare the readers of a dataset.

    Where three or more drew a case, each is compared with the majority of the others, so that nobody is
    compared with himself; of two readers, each with what lies midway between both. A consensus that came with
    the source is the measure of all.

    Args:
        dataset: The dataset.
        files: Label files by case and reader; None for all there are.

    Raises:
        DataError: If a label cannot be read or holds a value without a name, or one that came is gone.
    """
    found = rater_labels(dataset) if files is None else files
    fusion = str(dataset.record.extra.get(FUSION, "given"))
    if fusion == "given":
        require_given_labels(dataset)
    classes = {name: value for name, value in dataset.labels.items() if value != dataset.label_values[0]}
    cases: list[RaterCaseRow] = []
    between: dict[tuple[str, str, str], list[_Pair]] = defaultdict(list)
    voxels = []
    alike = LabelsAlike(dataset.label_values[0])
    for case_id, own in track(found.items(), "Comparing readers", len(found)):
        labels, spacing = _read(own, dataset)
        voxels.append(min(spacing))
        alike.meet(case_id, labels)
        for rater, label in labels.items():
            consensus, left_out = _consensus(dataset, case_id, fusion, labels, rater, spacing)
            for name, value in classes.items():
                one = _compare(label == value, consensus == value, spacing)
                if one is not None:
                    cases.append(
                        RaterCaseRow(
                            case_id=case_id, rater=rater, class_name=name, left_out=left_out, **one._asdict()
                        )
                    )
        for rater, other in combinations(labels, 2):
            for name, value in classes.items():
                one = _compare(labels[rater] == value, labels[other] == value, spacing)
                if one is not None:
                    between[rater, other, name].append(one)
    pairs = tuple(_pair_row(*key, between[key]) for key in sorted(between))
    names = sorted({row.rater for row in cases})
    notable = _NOTABLE * float(np.median(voxels)) if voxels else 0.0
    rows = [
        _rater_row(
            rater, name, own_cases, stands_out=_stands_out(rater, name, pairs, notable), notable=notable
        )
        for rater in names
        for name in classes
        if (own_cases := [row for row in cases if row.rater == rater and row.class_name == name])
    ]
    drew = {rater: sum(rater in own for own in found.values()) for rater in names}
    drawn_by = {row.case_id: {*found.get(row.case_id, ()), *split_names(row.rater)} for row in dataset.rows}
    return Compared(
        fusion, drew, not_drawn(drawn_by), tuple(alike.sentences()), tuple(rows), pairs, tuple(cases)
    )


def _read(own: Mapping[str, Path], dataset: Dataset) -> tuple[dict[str, LabelMap], Spacing]:
    volumes = {rater: dataset.read_label_file(path) for rater, path in own.items()}
    return {rater: volume.array for rater, volume in volumes.items()}, next(iter(volumes.values())).spacing


def _consensus(
    dataset: Dataset, case_id: str, fusion: str, labels: Mapping[str, LabelMap], rater: str, spacing: Spacing
) -> tuple[LabelMap, bool]:
    """What a reader is compared with, and whether the reader has no part in it."""
    if fusion == "given" or len(labels) == 1:
        first = dataset.root / GIVEN / f"{case_id}{dataset.file_ending}"
        given = dataset.read_label_file(first) if has_file(first) else dataset.read_label(case_id)
        return given.array, False
    left_out = len(labels) > 2
    used = [label for name, label in labels.items() if not (left_out and name == rater)]
    return fuse(
        used, dataset.label_values, spacing
    ), left_out  # of the two left STAPLE trusts one for no reason


def _compare(drawn: Mask, wanted: Mask, spacing: Spacing) -> _Pair | None:
    """One mask against another; None where both are empty."""
    box = bounding_box(drawn | wanted)
    drawn, wanted = drawn[box], wanted[box]
    if not drawn.size:
        return None
    distances = surface_distances(drawn, wanted, spacing)
    there, here = int(wanted.sum()), int(drawn.sum())
    return _Pair(
        dice(drawn, wanted),
        mean_shift(distances, drawn, wanted),
        distances.assd(),
        100 * (here - there) / there if there else math.inf,
    )


def _pair_row(rater: str, other: str, name: str, found: list[_Pair]) -> RaterPairRow:
    overlap, bias = summarize([one.dice for one in found]), summarize(_finite(one.bias_mm for one in found))
    return RaterPairRow(
        rater=rater,
        other=other,
        class_name=name,
        cases=len(found),
        dice=overlap.mean,
        dice_low=overlap.low,
        dice_high=overlap.high,
        bias_mm=bias.mean,
        bias_low=bias.low,
        bias_high=bias.high,
        assd_mm=summarize(_finite(one.assd_mm for one in found)).mean,
    )


def _rater_row(
    rater: str, name: str, found: list[RaterCaseRow], *, stands_out: bool, notable: float
) -> RaterRow:
    overlap = summarize([one.dice for one in found])
    bias, assd, volume = (
        summarize(_finite(getattr(one, field) for one in found))
        for field in ("bias_mm", "assd_mm", "volume_percent")
    )
    return RaterRow(
        rater=rater,
        class_name=name,
        cases=len(found),
        left_out=sum(one.left_out for one in found),
        dice=overlap.mean,
        dice_low=overlap.low,
        dice_high=overlap.high,
        bias_mm=bias.mean,
        bias_low=bias.low,
        bias_high=bias.high,
        assd_mm=assd.mean,
        assd_low=assd.low,
        assd_high=assd.high,
        volume_percent=volume.mean,
        volume_low=volume.low,
        volume_high=volume.high,
        missed=sum(one.bias_mm == -math.inf for one in found),
        extra=sum(one.bias_mm == math.inf for one in found),
        stands_out=stands_out,
        words=_words(rater, name, overlap.mean, bias, stands_out=stands_out, notable=notable),
    )


def _words(rater: str, name: str, overlap: float, bias: Summary, *, stands_out: bool, notable: float) -> str:
    agrees = f"with {overlap:.2f} Dice to the consensus"
    if not _is_sure(bias.n, bias, notable):
        return f"{rater} draws {name} about as large as the consensus, {agrees}"
    low, high = sorted((abs(bias.low), abs(bias.high)))
    words = (
        ("too large", "too small")
        if stands_out
        else ("larger than the consensus", "smaller than the consensus")
    )
    size = f"{abs(bias.mean):.2f} mm ({low:.2f} to {high:.2f}) {words[bias.mean < 0]}"
    return f"{rater} draws {name} {size}, {agrees}"


def _is_sure(cases: int, bias: Summary | RaterPairRow, notable: float) -> bool:
    """Whether a mean bias is far from zero, and surely on its side."""
    if isinstance(bias, Summary):
        mean, low, high = bias.mean, bias.low, bias.high
    else:
        mean, low, high = bias.bias_mm, bias.bias_low, bias.bias_high
    return cases >= _SURE_CASES and abs(mean) >= notable and (low > 0 or high < 0)


def _stands_out(rater: str, name: str, pairs: tuple[RaterPairRow, ...], notable: float) -> bool:
    """Whether a reader surely draws larger than each of at least two others, or smaller than each.

    Asked of pairs, since a reader who draws too large makes the consensus of the others too large, too, and
    those who are right then seem to draw too small.
    """
    signs = set()
    others = 0
    for row in pairs:
        if row.class_name != name or rater not in (row.rater, row.other):
            continue
        others += 1
        side = math.copysign(1, row.bias_mm if row.rater == rater else -row.bias_mm)
        signs.add(side if _is_sure(row.cases, row, notable) else 0.0)
    return others > 1 and signs in ({1.0}, {-1.0})


def _finite(values: Iterable[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]
