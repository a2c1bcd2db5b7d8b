"""What an audit writes of the labels that it has judged: ranking, regions, and whom to trust."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alcseg.arrays import label_hash
from alcseg.auditing.judge import Judgment
from alcseg.auditing.regions import find_regions
from alcseg.auditing.words import in_words
from alcseg.commands._seen import SeenCase
from alcseg.commands.progress import track
from alcseg.data.folder import Dataset
from alcseg.data.writer import write_label
from alcseg.records.audit import AuditRow, RegionRow
from alcseg.records.cases import CaseRow

__all__ = ["BAD_BELOW", "Findings", "mean_dice"]

BAD_BELOW = 0.85
"""Labels of less expected Dice count as wrong; readers agree by about as much."""

_TRUSTED_FROM = 0.9


def mean_dice(judgments: Sequence[Judgment]) -> float:
    """Expected Dice of a label, mean over its classes."""
    return sum(one.dice for one in judgments) / len(judgments)


@dataclass(frozen=True, eq=False)
class Findings:
    """What is written of the last round.

    Attributes:
        source: The dataset.
        seen: What networks say of its cases.
        judged: By case, a judgment per foreground class that was drawn.
        fold_of: Fold of each case.
        unsure: Cases that cannot be judged.
        in_sample: Cases that the network was trained on.
    """

    source: Dataset
    seen: dict[str, SeenCase]
    judged: dict[str, list[Judgment]]
    fold_of: Mapping[str, int]
    unsure: frozenset[str]
    in_sample: frozenset[str]

    def ranking(self, rows: Sequence[CaseRow]) -> list[AuditRow]:
        """A line per case and class, the worst label first.

        Cases that cannot be judged stand together after those that seem wrong.
        """
        known = {row.case_id: row for row in rows}
        expected = {
            name: BAD_BELOW if name in self.unsure else mean_dice(found)
            for name, found in self.judged.items()
        }
        order = sorted(expected, key=lambda name: (expected[name], name))
        lines = []
        for rank, name in enumerate(order, start=1):
            agreement = self.seen[name].agreement
            undrawn, names = self.source.undrawn(name), enumerate(self.source.label_names)
            drawn = [class_name for index, class_name in names if index and index not in undrawn]
            for class_name, plain, one in zip(drawn, agreement, self.judged[name], strict=True):
                lines.append(
                    AuditRow(
                        rank=rank,
                        case_id=name,
                        class_name=class_name,
                        dice=one.dice,
                        dice_low=one.low,
                        dice_high=one.high,
                        surface_mm=one.surface_mm,
                        kind=one.kind,
                        kind_probability=one.kinds[one.kind],
                        agreement=plain,
                        quality=known[name].quality,
                        rater=known[name].rater,
                        in_sample=name in self.in_sample,
                        unsure=name in self.unsure,
                        fold=self.fold_of[name],
                        words=in_words(class_name, one, unsure=name in self.unsure, rater=known[name].rater),
                    )
                )
        return lines

    def write_regions(self, out: Path) -> list[RegionRow]:
        """Lines of all regions, and label maps of what is missing and what is too much by each case."""
        names = dict(zip(self.source.label_values, self.source.label_names, strict=True))
        background, *values = self.source.label_values
        lines = []
        for name in track(self.seen, "Writing regions"):
            given, pred = self.source.read_label(name), self.seen[name].predicted_label()
            if given.known is not None:
                pred = np.where(given.known, pred, given.array)
            differ = given.array != pred
            for folder, label in (("missing", pred), ("extra", given.array)):
                only = np.where(differ, label, background)
                write_label(out / folder / f"{name}{self.source.file_ending}", only, given)
            for number, region in enumerate(
                find_regions(given.array, pred, tuple(values), given.spacing), start=1
            ):
                (x_low, y_low, z_low), (x_high, y_high, z_high) = region.low, region.high
                lines.append(
                    RegionRow(
                        case_id=name,
                        class_name=names[region.value],
                        region=number,
                        what=region.what,
                        mm3=region.mm3,
                        axis=region.axis,
                        best_slice=region.best_slice,
                        x_low=x_low,
                        x_high=x_high,
                        y_low=y_low,
                        y_high=y_high,
                        z_low=z_low,
                        z_high=z_high,
                    )
                )
        return lines

    def trusted(self) -> tuple[str, ...]:
        """Cases of which no class seems wrong, best first."""
        good = [
            name
            for name, found in self.judged.items()
            if name not in self.unsure
            and all(one.kind == "none" and one.dice >= _TRUSTED_FROM for one in found)
        ]
        return tuple(sorted(good, key=lambda name: -mean_dice(self.judged[name])))

    def duplicates(self) -> tuple[tuple[str, str], ...]:
        """Pairs of cases whose label maps are equal voxel by voxel."""
        first: dict[str, str] = {}
        pairs = []
        for name in self.seen:
            label = self.source.read_label(name).array
            if (label != self.source.label_values[0]).any():
                other = first.setdefault(label_hash(label), name)
                if other != name:
                    pairs.append((other, name))
        return tuple(pairs)
