"""What the sketches of a set say together, one idea after the other."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from alcseg.checking.classes import absent_classes
from alcseg.checking.finding import Finding
from alcseg.checking.places import odd_places
from alcseg.checking.sketch import Sketch
from alcseg.checking.volumes import odd_volumes

__all__ = ["compare"]


def compare(
    sketches: Sequence[Sketch], labels: Mapping[str, int], elsewhere: Collection[str] = ()
) -> Iterator[Finding]:
    """Notes on what is unlike the others; a person decides whether it is wrong.

    Args:
        sketches: Of all cases whose label is complete.
        labels: Class name to value, background first.
        elsewhere: Classes that labels which are not complete hold.
    """
    names = list(labels)[1:]
    held = {name for name in elsewhere if not any(case.volumes_ml[name] > 0 for case in sketches)}
    parts: Iterable[Iterator[Finding]] = (
        absent_classes(sketches, [name for name in names if name not in held]),
        odd_volumes(sketches),
        odd_places(sketches),
    )
    for part in parts:
        yield from part
