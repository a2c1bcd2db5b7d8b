"""Which case a line of a list stands for: its name, or a path of a file that is named after it."""

import re
from collections.abc import Callable, Collection, Iterable
from pathlib import PurePosixPath

__all__ = ["cases_of_lines"]

_KNOWN_ENDS = re.compile(r"(\.h5|\.nii|\.gz|\.npy|_norm2?|_mri_norm2)+$", re.IGNORECASE)
"""What names of files have in addition to those of cases, in the public sets and their scripts."""
_WHOLE_CASE = "mri_norm2"  # a file that is named like all others, so that its folder names the case


def cases_of_lines(
    lines: Iterable[str], case_ids: Collection[str], case_of: Callable[[str], str] | None = None
) -> dict[str, list[str]]:
    """The cases that each line may stand for: one, none, or several; an exact name goes before all others.

    Args:
        lines: Names or paths.
        case_ids: All cases.
        case_of: Case of a listed name, where the two are spelled differently.
    """
    names = {line: case_of(_plain(_name(line))) if case_of else _name(line) for line in lines}
    plain: dict[str, list[str]] = {}
    for case_id in case_ids:
        plain.setdefault(_plain(case_id), []).append(case_id)
    return {line: [name] if name in case_ids else plain.get(_plain(name), []) for line, name in names.items()}


def _name(line: str) -> str:
    """Name of a case from a line, which may be a path."""
    path = PurePosixPath(line.replace("\\", "/"))
    name = path.stem if path.suffix.lower() == ".h5" else path.name
    return path.parent.name if name.lower() == _WHOLE_CASE and path.parent.name else name


def _plain(name: str) -> str:
    return _KNOWN_ENDS.sub("", name) or name
