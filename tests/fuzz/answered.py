"""What it means that a command was answered as documented, whatever it was given.

The exit code is one of the documented ones and fits what was wrong; one line on stderr says it, without a
traceback; nothing is written outside the output and nothing that was there is changed or gone; the answer
comes within a bound.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

__all__ = ["KINDS", "Answer", "complaints", "contents"]

SECONDS = 60.0
"""Longest that a small input may take."""
KINDS = ("wrong exit code", "fault", "traceback", "not one line", "no answer in time", "data lost")
"""What may be wrong; `data lost` stands for files outside the output and for dropped cases, too."""

_ERROR = re.compile(r"[A-Z]\w*(Error|Exception|Interrupt|Warning): ")


class Answer(NamedTuple):
    """What a command left behind; `code` is None where it raised or never ended."""

    code: int | None
    out: str
    err: str
    raised: str = ""
    seconds: float = 0.0


def contents(folder: Path) -> dict[str, bytes]:
    """What lies in a folder by path: bytes of files, targets of links, `/` for folders."""
    found = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = b"-> " + str(path.readlink()).encode(errors="replace")
        elif path.is_file():
            found[name] = path.read_bytes()
        else:
            found[name] = b"/"
    return found


def complaints(
    answer: Answer,
    codes: frozenset[int],
    before: Mapping[str, bytes],
    after: Mapping[str, bytes],
    writes: tuple[str, ...],
) -> list[tuple[str, str]]:
    """What is wrong with an answer, each as one of `KINDS` and in words; empty where it is as documented.

    Args:
        answer: What came of the command, called with `-q`.
        codes: Exit codes that fit what it was given.
        before: What was there, see `contents`.
        after: What is there now.
        writes: Beginnings of the paths that the command may write.
    """
    found = []
    if answer.seconds > SECONDS:
        found.append(("no answer in time", f"{answer.seconds:.0f} s"))
    elif answer.code is None:
        found.append(("traceback", answer.raised))
    if "Traceback (most recent call last)" in answer.err:
        found.append(("traceback", answer.err[-300:]))
    if "A fault of alcseg" in answer.err:
        found.append(("fault", answer.err.strip().splitlines()[-1]))
    elif answer.code is not None and answer.code not in codes:
        found.append(("wrong exit code", f"{answer.code}, not {sorted(codes)}: {_last(answer.err)}"))
    lines = [line for line in answer.err.splitlines() if line.strip()]
    errors = [line for line in lines if _ERROR.match(line)]
    others = [line for line in lines if line not in errors and not line.startswith("warning: ")]
    if others and answer.code is not None:
        found.append(("not one line", others[0]))
    says_it_in_its_result = answer.code == 4 and not errors and answer.out.strip()
    if answer.code in (1, 2, 4, 5) and not says_it_in_its_result and (len(errors), errors) != (1, lines[-1:]):
        found.append(("not one line", f"{len(errors)} errors: {_last(answer.err)}"))
    ours = {name for name in {*before, *after} if not name.startswith(writes) and not name.endswith(".lock")}
    lost = sorted(name for name in ours if before.get(name) != after.get(name))
    if lost:
        found.append(("data lost", f"changed, gone or new: {lost[:3]}"))
    if left := [name for name in after if Path(name).name.startswith(".partial-")]:
        found.append(("data lost", f"left behind: {left[:2]}"))
    return found


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["(nothing)"])[-1]
