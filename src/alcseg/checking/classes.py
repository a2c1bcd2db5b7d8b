"""Classes that are absent: from all labels, from those of a quality, from some, or from a few."""

from collections.abc import Iterator, Sequence

from alcseg.checking.finding import Finding
from alcseg.checking.robust import ENOUGH
from alcseg.checking.sketch import Sketch
from alcseg.records.cases import CaseRow
from alcseg.words import shorten

__all__ = ["absent_classes", "count_classes"]

_NEARLY_ALL = 0.9  # of the labels; a class that fewer have may come and go, such as a lesion
_OTHER = {"hq": "lq", "lq": "hq"}


def count_classes(sketches: Sequence[Sketch], names: Sequence[str]) -> dict[str, dict[str, int]]:
    """Class name to quality to the number of labels that hold the class."""
    return {
        name: {
            quality: sum(case.row.quality == quality and case.volumes_ml[name] > 0 for case in sketches)
            for quality in _OTHER
        }
        for name in names
    }


def absent_classes(sketches: Sequence[Sketch], names: Sequence[str]) -> Iterator[Finding]:
    """Notes on classes without a label, and on labels without a class that the others have."""
    if not sketches:
        return
    sizes = {quality: sum(case.row.quality == quality for case in sketches) for quality in _OTHER}
    for name, counts in count_classes(sketches, names).items():
        total = sum(counts.values())
        if not total:
            message = (
                f"class '{name}' is in none of {len(sketches)} labels. Remove it from dataset.json, or look "
                "whether it is drawn under another value."
            )
            yield Finding("ok", "", message, "absent", 0.0)
            continue
        lacking = [quality for quality in _OTHER if sizes[quality] and not counts[quality]]
        for quality in lacking:
            other = _OTHER[quality]
            message = (
                f"class '{name}' is in none of {sizes[quality]} {quality} labels, and in {counts[other]} of "
                f"{sizes[other]} {other} ones. Where it is in the image, but was not drawn, a network learns "
                "that it is background: draw it in some."
            )
            yield Finding("ok", "", message, "absent", 0.0)
        without = [
            case for case in sketches if case.volumes_ml[name] <= 0 and case.row.quality not in lacking
        ]
        if len(sketches) < ENOUGH or not without:
            continue
        if total < _NEARLY_ALL * len(sketches):
            message = (
                f"class '{name}' is in {total} of {len(sketches)} labels, and not in those of "
                f"{shorten(case.row.case_id for case in without)}. Fine if their images do not show it. "
                "Where nobody drew it, a network learns that it is background: name what was drawn in the "
                f"column classes_drawn of {CaseRow.NAME}."
            )
            yield Finding("ok", "", message, "absent", total / len(sketches))
            continue
        for case in without:
            others = shorten(repr(other) for other, volume in case.volumes_ml.items() if volume > 0)
            message = (
                f"has no '{name}', as {total} of {len(sketches)} labels have; it has {others}. Draw it if "
                "the image shows it."
            )
            yield Finding("ok", case.row.case_id, message, "absent", total / len(sketches))
