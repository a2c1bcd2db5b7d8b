"""Predictions that go on where an earlier call was stopped: what is finished, and is it what is asked for."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from alcseg.commands._parts import PARTS, Part, in_turn, known_records, leave, leave_if_empty, require_no_part
from alcseg.data.readers.base import SourceCase
from alcseg.errors import DataError, UsageError
from alcseg.files import file_hash, lines_hash, make_folder
from alcseg.listing import has_file, has_folder
from alcseg.locks import alone
from alcseg.outputs import output_folder, require_free
from alcseg.records.predictions import PredictedCase, PredictionRecord

__all__ = ["PredictionsOnTheWay", "place_for", "require_free_or_begun", "source_hash"]

_SAME = ("run_hash", "other_hashes", "network", "window", "probabilities", "perturbation", "label_format")
_SECONDS = 2.0  # between writes of the record; a kill costs as much at most


class PredictionsOnTheWay:
    """`predict.json` while cases are added to it.

    Args:
        folder: Where predictions lie.
        asked: What is asked for, without cases.
        case_ids: All that are asked for, in order.
        part: Which of them are predicted here, where it is not all.

    Raises:
        UsageError: If the folder holds other files, or predictions by another run, with other options or of
            other cases.
    """

    def __init__(
        self, folder: Path, asked: PredictionRecord, case_ids: Sequence[str], part: Part | None = None
    ) -> None:
        self.folder = folder
        self._case_ids, self._part = case_ids, part
        self._home = folder if part is None else part.folder(folder)  # of the record
        self.record = asked
        self.earlier: dict[str, PredictedCase] = {}
        require_free_or_begun(folder)
        with in_turn(folder):
            known = known_records(folder)
        for record in known:
            _require_same(folder, record, asked, set(case_ids))
            self.earlier |= record.cases
        if part is None and known:
            begun = {
                "started": min(record.started for record in known),
                "time_s": sum(record.time_s for record in known),
            }
            self.record = asked.model_copy(update=begun)
        make_folder(self._home)
        self._before_s, self._begun = self.record.time_s, time.monotonic()
        self._write()

    def finished(self, case_id: str, source: str) -> bool:
        """Whether an earlier call wrote everything of a case from the same files."""
        entry = self.earlier.get(case_id)
        if entry is None or entry.status != "ok" or entry.source_hash != source:
            return False
        names = (entry.label, entry.probabilities, entry.uncertainty)
        return all(has_file(self.folder / name) for name in names if name is not None)

    def add(self, case_id: str, entry: PredictedCase) -> None:
        """Another case is done."""
        self.record = self.record.model_copy(update={"cases": {**self.record.cases, case_id: entry}})
        if time.monotonic() - self._written > _SECONDS:
            self._write()

    def end(self, peak_memory_mib: float | None = None, *, done: bool) -> PredictionRecord:
        """Write the record as it will stay, or as a later call finds it; a part joins the others."""
        if done:
            self.record = self.record.model_copy(
                update={"status": "done", "peak_memory_mib": peak_memory_mib}
            )
        self._write()
        if done and self._part is not None:
            self._join()
        elif done:
            leave(self.folder)
        return self.record

    def _join(self) -> None:
        """Add the cases of a part to those of the parts that have ended before it."""
        with in_turn(self.folder):
            records = [self.record]
            if has_file(PredictionRecord.path(self.folder)):
                records.insert(0, PredictionRecord.read(self.folder))
            cases = {name: case for record in records for name, case in record.cases.items()}
            there = {name: cases[name] for name in self._case_ids if name in cases}
            joined = {
                "status": "done" if len(there) == len(self._case_ids) else "predicting",
                "cases": there,
                "started": min(record.started for record in records),
                "time_s": round(sum(record.time_s for record in records), 3),
                "peak_memory_mib": max((record.peak_memory_mib or 0) for record in records),
            }
            self.record.model_copy(update=joined).write(self.folder)
            leave(self.folder, self._part)

    def _write(self) -> None:
        self._written = time.monotonic()
        taken = round(self._before_s + self._written - self._begun, 3)
        still = {} if self.record.status == "done" or self._part is not None else self.earlier
        self.record = self.record.model_copy(update={"time_s": taken})
        self.record.model_copy(update={"cases": still | self.record.cases}).write(self._home)


def require_free_or_begun(out: Path) -> None:
    """Refuse an output folder that holds something, unless predictions have begun there.

    Raises:
        UsageError: Naming it.
    """
    try:
        require_free(out)
    except UsageError:  # now, since parts may begin at the same time
        if not has_file(PredictionRecord.path(out)) and not has_folder(out / PARTS):
            raise


@contextmanager
def place_for(out: Path, *, overwrite: bool, part: Part | None = None) -> Iterator[Path]:
    """Where predictions are written: into the folder itself, or beside it where they replace others.

    Files that are no predictions stay.

    Raises:
        UsageError: If another process is at it, or at the same part.
    """
    if part is not None:
        with alone(part.folder(out)):
            yield out
        leave_if_empty(out)
    elif overwrite:
        require_no_part(out)
        with output_folder(out, overwrite=True, writes=PredictionRecord.NAME, keep=_foreign(out)) as place:
            yield place
    else:
        with alone(out):
            require_no_part(out)
            yield out


def source_hash(case: SourceCase) -> str:
    """Stands for the images of a case: the bytes of files, names, sizes and times of what is in a folder.

    Raises:
        DataError: If one cannot be opened.
    """
    found = [str((case.stacked, case.order))]
    for path in case.images:
        try:
            if path.is_dir():
                inside = [(one.name, one.stat()) for one in sorted(path.iterdir())]
                found += [f"{name} {about.st_size} {about.st_mtime_ns}" for name, about in inside]
            else:
                found.append(file_hash(path))
        except OSError as error:
            raise DataError(
                f"{error.filename}: expected an image, found '{error.strerror}'. Restore it."
            ) from None
    return lines_hash(found)


def _foreign(out: Path) -> Callable[[Path], bool]:
    """Whether a file in a folder is none of the predictions that are there."""
    try:
        cases = [case for record in known_records(out) for case in record.cases.values()]
    except DataError:
        cases = []
    own = {name for case in cases for name in (case.label, case.probabilities, case.uncertainty)}
    own.add(PredictionRecord.NAME)
    return lambda name: str(name) not in own and name.parts[0] != PARTS


def _require_same(folder: Path, known: PredictionRecord, asked: PredictionRecord, case_ids: set[str]) -> None:
    for key in _SAME:
        old, new = getattr(known, key), getattr(asked, key)
        if old != new:
            raise UsageError(
                f"{folder}: expected an empty or new output folder, or predictions to go on with, found some "
                f"with {key}={_shown(old)}, asked for {_shown(new)}. "
                "Choose another folder or pass --overwrite."
            )
    others = sorted(set(known.cases) - case_ids)
    if others:
        raise UsageError(
            f"{folder}: expected an empty or new output folder, or predictions to go on with, found one of "
            f"'{others[0]}', which is not asked for. Choose another folder or pass --overwrite."
        )


def _shown(value: object) -> str:
    return str(value) or "unknown"
