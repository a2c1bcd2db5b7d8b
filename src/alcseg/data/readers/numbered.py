"""Names `<case>_0000`, `<case>_0001`, ...: channels of one case, or scans that somebody counted."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from alcseg.listing import by_name

__all__ = ["CHANNEL", "group_channels"]

CHANNEL = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})")
"""What nnU-Net calls the file of one channel, without its ending."""


def group_channels(
    files: Mapping[str, Path], channels: int | None, labels: Collection[str] = ()
) -> dict[str, tuple[Path, ...]]:
    """Put the channels of a case together that nnU-Net's names tell; other files are cases of their own.

    Args:
        files: Images by their names without ending.
        channels: How many there are; None to tell it from the names. Numbers that go beyond count scans: with
            one channel, `scan_0000` and `scan_0007` are two cases of these names.
        labels: Names of the labels, as far as they are known. Numbers that they bear, too, count scans.

    Raises:
        DataError: If two files give one name.
    """
    numbered: dict[str, dict[int, Path]] = {}
    for stem, path in files.items():
        if match := CHANNEL.fullmatch(stem):
            numbered.setdefault(match["case"], {})[int(match["channel"])] = path
    if any(stem in labels for stem in files if CHANNEL.fullmatch(stem)):
        channels = 0
    most = _count_channels(numbered, labels) if channels is None else channels
    cases = []
    for stem, path in files.items():
        match = CHANNEL.fullmatch(stem)
        parts = numbered[match["case"]] if match else {}
        if match and max(parts) < most:
            cases.append((match["case"], tuple(parts[number] for number in sorted(parts))))
        else:
            cases.append((stem, (path,)))
    by_name((case_id, paths[0]) for case_id, paths in cases)
    return dict(cases)


def _count_channels(numbered: Mapping[str, Mapping[int, Path]], labels: Collection[str]) -> int:
    """How many channels a case seems to have; 0 where numbers are a part of the names."""
    if any(case in labels for case in numbered):
        return 1 + max(max(parts) for parts in numbered.values())
    numbers = {tuple(sorted(parts)) for parts in numbered.values()}
    alike = numbers.pop() if len(numbers) == 1 else ()
    # More numbers than names are rather scans that were counted than channels.
    return len(alike) if alike == tuple(range(len(alike))) and len(alike) <= len(numbered) else 0
