"""How the labels of a set were drawn, in words."""

import math
from collections.abc import Sequence
from statistics import median

from alcseg.records.offsets import OffsetRow

__all__ = ["describe_offsets"]


def describe_offsets(offsets: Sequence[OffsetRow]) -> tuple[str, ...]:
    """What kind of errors a set of labels has: a sentence per class."""
    return tuple(
        _describe(name, [row for row in offsets if row.class_name == name])
        for name in dict.fromkeys(row.class_name for row in offsets)
    )


def _describe(name: str, rows: Sequence[OffsetRow]) -> str:
    drawn = [row for row in rows if not math.isnan(row.drawn_mm)]
    large = [row.drawn_mm for row in drawn if row.drawn_mm > 0]
    small = [-row.drawn_mm for row in drawn if row.drawn_mm < 0]
    right, elsewhere = len(drawn) - len(large) - len(small), len(rows) - len(drawn)
    parts = [
        f"{median(found):.1f} mm too {word} in {len(found)}"
        for word, found in (("large", large), ("small", small))
        if found
    ]
    parts += [f"within a voxel in {right}"] if right else []
    parts += [f"elsewhere or not at all in {elsewhere}"] if elsewhere else []
    shapes = [row.shape_mm for row in drawn if row.label == "posterior"]
    shape = f"; in {len(shapes)} the shape is off, too, by {median(shapes):.1f} mm" if shapes else ""
    return f"{name}: drawn {', '.join(parts)} of {len(rows)} cases{shape}"
