"""What the sketches of a set say together, one idea after the other."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from alcseg.checking.classes import absent_classes
from alcseg.checking.finding import Finding
from alcseg.checking.places import odd_places
from alcseg.checking.sketch import Sketch
from alcseg.checking.volumes import odd_volumes

__all__ = ["compare"]


def compare(sketches: Sequence[Sketch], labels: Mapping[str, int]) -> Iterator[Finding]:
    """Notes on what is unlike the others; a person decides whether it is wrong.

    Args:
        sketches: Of all labeled cases.
        labels: Class name to value, background first.
    """
    parts: Iterable[Iterator[Finding]] = (
        absent_classes(sketches, list(labels)[1:]),
        odd_volumes(sketches),
        odd_places(sketches),
    )
    for part in parts:
        yield from part
