"""Predictions that go on where an earlier call was stopped: what is finished, and is it what is asked for."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from alcseg.data.readers.base import SourceCase
from alcseg.errors import DataError, UsageError
from alcseg.files import file_hash, make_folder
from alcseg.listing import has_file
from alcseg.locks import alone
from alcseg.outputs import output_folder, require_free
from alcseg.records.predictions import PredictedCase, PredictionRecord

__all__ = ["PredictionsOnTheWay", "place_for", "source_hash"]

_SAME = ("run_hash", "other_hashes", "network", "window", "probabilities", "perturbation", "label_format")
_SECONDS = 2.0  # between writes of the record; a kill costs as much at most


class PredictionsOnTheWay:
    """`predict.json` while cases are added to it.

    Args:
        folder: Where it lies.
        asked: What is asked for, without cases.
        case_ids: That will be predicted.

    Raises:
        UsageError: If the folder holds other files, or predictions by another run, with other options or of
            other cases.
    """

    def __init__(self, folder: Path, asked: PredictionRecord, case_ids: set[str]) -> None:
        self.folder = folder
        self.record = asked
        self.earlier: dict[str, PredictedCase] = {}
        if has_file(PredictionRecord.path(folder)):
            known = PredictionRecord.read(folder)
            _require_same(folder, known, asked, case_ids)
            self.earlier = known.cases
            self.record = asked.model_copy(update={"started": known.started, "time_s": known.time_s})
        else:
            require_free(folder)
        make_folder(folder)
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
        """Write the record as it will stay, or as a later call will find it."""
        if done:
            self.record = self.record.model_copy(
                update={"status": "done", "peak_memory_mib": peak_memory_mib}
            )
        self._write()
        return self.record

    def _write(self) -> None:
        self._written = time.monotonic()
        taken = round(self._before_s + self._written - self._begun, 3)
        still = {} if self.record.status == "done" else self.earlier
        self.record = self.record.model_copy(update={"time_s": taken})
        self.record.model_copy(update={"cases": still | self.record.cases}).write(self.folder)


@contextmanager
def place_for(out: Path, *, overwrite: bool) -> Iterator[Path]:
    """Where predictions are written: into the folder itself, or beside it where they replace others.

    Files that are no predictions stay.

    Raises:
        UsageError: If another process is at it.
    """
    if overwrite:
        with output_folder(out, overwrite=True, writes=PredictionRecord.NAME, keep=_foreign(out)) as place:
            yield place
    else:
        with alone(out):
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
    return _joined(found)


def _joined(parts: list[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _foreign(out: Path) -> Callable[[Path], bool]:
    """Whether a file in a folder is none of the predictions that are there."""
    try:
        cases = PredictionRecord.read(out).cases.values()
    except DataError:
        cases = {}.values()
    own = {name for case in cases for name in (case.label, case.probabilities, case.uncertainty)}
    return lambda name: str(name) not in own | {PredictionRecord.NAME}


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
