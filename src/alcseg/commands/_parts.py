"""A cohort that several processes predict into one folder: whose is what, and where each keeps its record.

While a part is predicted its record lies in a folder of its own, `predict.parts/<number>-of-<count>/`, and so
does its lock; at its end its cases join `predict.json`, one part after the other. So no process writes what
another one writes, and what a stopped one has finished is found by whoever goes on, in parts or not.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from alcseg.data.readers.base import SourceCase
from alcseg.errors import UsageError
from alcseg.listing import has_file, list_folders
from alcseg.locks import alone
from alcseg.records.predictions import PredictionRecord

__all__ = [
    "PARTS",
    "Part",
    "choose_part",
    "in_turn",
    "known_records",
    "leave",
    "leave_if_empty",
    "require_no_part",
]

PARTS = "predict.parts"
"""Folder of what parts keep until they have ended."""

_WAIT_S = 120.0  # for other parts to join their cases, which takes each of them less than a second


@dataclass(frozen=True)
class Part:
    """Every `count`-th case by name, from `number` on; the same ones in each call on the same cases.

    Attributes:
        number: From 0.
        count: Parts in all.
    """

    number: int
    count: int

    def of(self, cases: Sequence[SourceCase]) -> tuple[SourceCase, ...]:
        """Its cases, none where there are more parts than cases."""
        return tuple(sorted(cases, key=lambda case: case.case_id)[self.number :: self.count])

    def folder(self, out: Path) -> Path:
        """Of its record."""
        return out / PARTS / f"{self.number}-of-{self.count}"


def choose_part(num_parts: int | None, part_id: int | None, *, overwrite: bool) -> Part | None:
    """The part that this process predicts; None where it does not predict one.

    Raises:
        UsageError: If there is no such part, or other predictions would be replaced.
    """
    if num_parts is None:
        if part_id is not None:
            raise UsageError("--part-id: expected --num-parts beside it, which says of how many.")
        return None
    if num_parts < 1:
        raise UsageError(f"--num-parts: expected at least 1, got {num_parts}.")
    if overwrite:
        raise UsageError(
            "--overwrite: parts write into one folder, of which none may replace what others wrote. Give a "
            "new --out folder, or remove this one first."
        )
    if part_id is None:
        return None
    if not 0 <= part_id < num_parts:
        raise UsageError(
            f"--part-id: expected 0 to {num_parts - 1} with --num-parts {num_parts}, got {part_id}."
        )
    return Part(part_id, num_parts)


@contextmanager
def in_turn(out: Path) -> Iterator[None]:
    """Let parts look at `predict.json`, or write it, one after the other.

    Raises:
        UsageError: If a process that predicts all cases is at it.
    """
    with alone(out, wait_s=_WAIT_S):
        yield


def require_no_part(out: Path) -> None:
    """Refuse a folder of which a part is being predicted.

    Raises:
        UsageError: Naming it and its process.
    """
    for folder in _folders(out):
        with alone(folder):
            pass


def known_records(out: Path) -> list[PredictionRecord]:
    """Of earlier calls and of parts, ended or not."""
    places = [out, *_folders(out)]
    return [PredictionRecord.read(place) for place in places if has_file(PredictionRecord.path(place))]


def leave(out: Path, part: Part | None = None) -> None:
    """Remove the record of a part, or of all, whose cases have joined `predict.json`."""
    for folder in _folders(out) if part is None else [part.folder(out)]:
        shutil.rmtree(folder)
    leave_if_empty(out)


def leave_if_empty(out: Path) -> None:
    """Remove what all parts have left."""
    with suppress(OSError):  # other parts are at it, or logs of jobs lie there, or there were no parts
        (out / PARTS).rmdir()


def _folders(out: Path) -> list[Path]:
    return list_folders(out / PARTS, "*-of-*")
