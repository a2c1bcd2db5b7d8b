"""The review's book: queue marks, drafts and decisions of all readers, in one SQLite file beside the dataset.

    decisions   one line per decision; lines are added, never changed nor removed (the file itself refuses)
    readings    per case, reader and pass: what is begun and not decided yet, and a version number

A reading is known by case, reader and pass, so that one person can read a case twice. Each write states the
version it was made from; who comes second is told so, and nothing is lost. The file is in write-ahead mode:
what was answered is on disk, whatever is killed then.
"""

import io
import json
import sqlite3
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import TypeAdapter, ValidationError

from alcseg.arrays import label_hash
from alcseg.errors import AlcsegError, DataError, ResourceError, UsageError
from alcseg.records.base import explain
from alcseg.records.decisions import Decision, Reading, ReadingKey, Verdict, standing_of
from alcseg.types import LabelMap

__all__ = ["ReviewBook", "StaleError"]

_SCHEMA = """
CREATE TABLE book (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE decisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, case_id TEXT NOT NULL, reader TEXT NOT NULL,
    pass INTEGER NOT NULL, verdict TEXT NOT NULL, comment TEXT NOT NULL, regions TEXT NOT NULL,
    seconds REAL NOT NULL, seen TEXT NOT NULL, written TEXT NOT NULL, label BLOB
);
CREATE INDEX decisions_by_case ON decisions (case_id);
CREATE TRIGGER decisions_stay BEFORE UPDATE ON decisions
    BEGIN SELECT RAISE(ABORT, 'decisions are only added'); END;
CREATE TRIGGER decisions_last BEFORE DELETE ON decisions
    BEGIN SELECT RAISE(ABORT, 'decisions are only added'); END;
CREATE TABLE readings (
    case_id TEXT NOT NULL, reader TEXT NOT NULL, pass INTEGER NOT NULL, version INTEGER NOT NULL,
    comment TEXT NOT NULL, regions TEXT NOT NULL, seconds REAL NOT NULL, drawing BLOB,
    PRIMARY KEY (case_id, reader, pass)
);
"""

_COLUMNS = (
    "id", "time", "case_id", "reader", "pass", "verdict", "comment", "regions", "seconds", "seen", "written",
)  # fmt: skip
_DECISION, _REGIONS = TypeAdapter(Decision), TypeAdapter(dict[str, bool])


class StaleError(UsageError):
    """Somebody else has written to the same reading in the meantime."""


class ReviewBook:
    """The file, open; safe for threads, and for several processes on one machine.

    Attributes:
        path: Of the file.
    """

    FORMAT: ClassVar[int] = 1

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path, *, labels: dict[str, int], create: bool = True) -> "ReviewBook":
        """Open the book of a dataset; made if it is not there.

        Args:
            path: The file.
            labels: Class name to value of the dataset; a book belongs to one set of classes.
            create: Whether it may be made.

        Raises:
            DataError: If it is not there, is damaged, of a newer format, or of a dataset with other classes.
            ResourceError: If it cannot be written.
        """
        if not create and not (path.is_file() and path.stat().st_size):
            found = "an empty file. Restore it." if path.is_file() else "none. Review the dataset first."
            raise DataError(f"{path}: expected the book of a review, found {found}")
        try:
            connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
            book = cls(path, connection)
            with book._writing() as cursor:
                cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
                tables = {name for (name,) in cursor.fetchall()}
                if tables and not {"book", "decisions", "readings"} <= tables:
                    raise sqlite3.DatabaseError("the database of another program")
                if not tables:
                    for statement in _statements(_SCHEMA):
                        cursor.execute(statement)
                    own = {"format": str(cls.FORMAT), "labels": json.dumps(labels)}
                    cursor.executemany("INSERT INTO book VALUES (?, ?)", own.items())
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            known = dict(connection.execute("SELECT key, value FROM book"))
        except sqlite3.DatabaseError as error:
            raise _told(path, error) from None
        book._check(known, labels)
        return book

    def _check(self, known: dict[str, str], labels: dict[str, int]) -> None:
        try:
            number, classes = int(known["format"]), json.loads(known["labels"])
        except (KeyError, ValueError):
            raise _damaged(self.path, "no format and classes in it") from None
        if number > self.FORMAT:
            raise DataError(
                f"{self.path}: expected format {self.FORMAT} of a review or an older one, found "
                f"{known['format']}. It was written by a newer alcseg; update this one."
            )
        if classes != labels:
            raise DataError(
                f"{self.path}: expected the classes {labels} of the dataset, found a review with "
                f"{known['labels']}. Name the dataset it belongs to, or another file with --book."
            )

    def close(self) -> None:
        """Close the file; what was written is there."""
        self._connection.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Cursor]:
        """One transaction, alone."""
        with self._lock:
            try:
                cursor = self._connection.cursor()
                cursor.execute("BEGIN IMMEDIATE")
                yield cursor
                cursor.execute("COMMIT")
            except sqlite3.DatabaseError as error:
                raise _told(self.path, error) from None
            finally:
                if self._connection.in_transaction:  # SQLite ends it by itself where the disk is full
                    self._connection.execute("ROLLBACK")

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(query, values).fetchall()
            except sqlite3.DatabaseError as error:
                raise _told(self.path, error) from None

    def reading(self, key: ReadingKey) -> Reading:
        """What a reader has begun; empty at version 0 where nothing was."""
        rows = self._rows(
            "SELECT version, regions, comment, seconds, drawing FROM readings "
            "WHERE case_id = ? AND reader = ? AND pass = ?",
            (key.case_id, key.reader, key.number),
        )
        if not rows:
            return Reading(key)
        version, regions, comment, seconds, drawing = rows[0]
        drawn = None if drawing is None else self._unpacked(drawing)
        try:
            return Reading(key, version, _REGIONS.validate_json(regions), comment, seconds, drawn)
        except ValidationError as error:
            raise _damaged(self.path, explain(error)) from None

    def save(self, reading: Reading) -> Reading:
        """Keep what a reader has begun; `reading.version` is the one it was made from.

        Returns:
            The same with its new version.

        Raises:
            StaleError: If another write came between.
        """
        with self._writing() as cursor:
            _step(cursor, reading)
        return replace(reading, version=reading.version + 1)

    def decide(
        self, reading: Reading, verdict: Verdict, *, seen: str, label: LabelMap | None = None
    ) -> Decision:
        """Add a decision and close the draft it came from.

        Args:
            reading: What the reader saw, with the version it was made from.
            verdict: What is decided.
            seen: Hash of the given label.
            label: Label values decided on.

        Raises:
            StaleError: If another write came between.
        """
        written = "" if label is None else label_hash(label)
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        key = reading.key
        with self._writing() as cursor:
            closed = verdict in ("accept", "keep", "edit")  # else what was drawn is still to be decided on
            _step(cursor, replace(reading, drawing=None, seconds=0.0) if closed else reading)
            cursor.execute(
                "INSERT INTO decisions (time, case_id, reader, pass, verdict, comment, regions, seconds, "
                "seen, written, label) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    time, key.case_id, key.reader, key.number, verdict, reading.comment,
                    json.dumps(reading.regions), reading.seconds, seen, written,
                    None if label is None else _pack(label),
                ),
            )  # fmt: skip
            number = cursor.lastrowid or 0
        return Decision(
            number, time, key.case_id, key.reader, key.number, verdict, reading.comment, reading.regions,
            reading.seconds, seen, written,
        )  # fmt: skip

    def decisions(self, case_id: str | None = None) -> tuple[Decision, ...]:
        """All decisions in their order, or those on one case."""
        where, values = ("", ()) if case_id is None else (" WHERE case_id = ?", (case_id,))
        rows = self._rows(f"SELECT {', '.join(_COLUMNS)} FROM decisions{where} ORDER BY id", values)
        try:
            return tuple(_decision(dict(zip(_COLUMNS, row, strict=True))) for row in rows)
        except ValidationError as error:
            raise _damaged(self.path, explain(error)) from None

    def label(self, decision: Decision) -> LabelMap:
        """Label values `(X, Y, Z)` of a decision that settles a case, in the label file's voxel order."""
        ((blob,),) = self._rows("SELECT label FROM decisions WHERE id = ?", (decision.id,))
        return self._unpacked(blob)

    def _unpacked(self, blob: bytes) -> LabelMap:
        try:
            return _unpack(blob)
        except (zlib.error, ValueError, TypeError, EOFError) as error:
            raise _damaged(self.path, f"a label that cannot be read ({error})") from None

    def standing(self, case_id: str | None = None) -> dict[ReadingKey, Decision]:
        """The last decision of each reading; one that was taken back has none."""
        return standing_of(self.decisions(case_id))

    def drafts(self, reader: str, number: int) -> set[str]:
        """Cases in which a reader has drawn something that is not decided yet."""
        rows = self._rows(
            "SELECT case_id FROM readings WHERE reader = ? AND pass = ? AND drawing IS NOT NULL",
            (reader, number),
        )
        return {case_id for (case_id,) in rows}


def _told(path: Path, error: sqlite3.DatabaseError) -> AlcsegError:
    """What SQLite found as one line: something about the disk, or about what stands in the file."""
    if isinstance(error, sqlite3.OperationalError):
        return ResourceError(
            f"{path}: expected a file that can be written, found: {error}. Make room or end what holds it; "
            "or name another one with --book."
        )
    return _damaged(path, str(error))


def _damaged(path: Path, found: str) -> DataError:
    return DataError(f"{path}: expected the book of a review, found: {found}. Restore it.")


def _decision(known: dict[str, Any]) -> Decision:
    regions = _REGIONS.validate_json(known["regions"])
    return _DECISION.validate_python(known | {"number": known["pass"], "regions": regions})


def _step(cursor: sqlite3.Cursor, reading: Reading) -> None:
    """Write a reading over the version it was made from."""
    key = reading.key
    place = (key.case_id, key.reader, key.number)
    cursor.execute(
        "SELECT version FROM readings WHERE case_id = ? AND reader = ? AND pass = ?",
        place,
    )
    found = cursor.fetchone()
    version = 0 if found is None else found[0]
    if version != reading.version:
        raise StaleError(
            f"case '{key.case_id}': expected to write over version {reading.version} of the reading of "
            f"{key.reader}, found version {version}: it was changed elsewhere. Load it anew."
        )
    cursor.execute(
        "INSERT OR REPLACE INTO readings "
        "(case_id, reader, pass, version, comment, regions, seconds, drawing) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *place, version + 1, reading.comment, json.dumps(reading.regions), reading.seconds,
            None if reading.drawing is None else _pack(reading.drawing),
        ),
    )  # fmt: skip


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; `executescript` would end the transaction."""
    waiting = ""
    for line in script.splitlines():
        waiting += line + "\n"
        if sqlite3.complete_statement(waiting):
            yield waiting
            waiting = ""


def _pack(label: LabelMap) -> bytes:
    low, high = (int(label.min()), int(label.max())) if label.size else (0, 0)
    small = label.astype(np.result_type(np.min_scalar_type(low), np.min_scalar_type(high)))
    buffer = io.BytesIO()
    np.save(buffer, np.asfortranarray(small), allow_pickle=False)
    return zlib.compress(buffer.getvalue(), 1)


def _unpack(blob: bytes) -> LabelMap:
    label: LabelMap = np.load(io.BytesIO(zlib.decompress(blob)), allow_pickle=False)
    return label
