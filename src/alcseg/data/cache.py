"""Preprocessed cases as memory maps: built once per dataset and plan, shared by all runs that use them.

Each case is `<case>-<hash>.image.npy` (`(C, X, Y, Z)`; float16, or float32 where that would merge values),
`.label.npy` (uint8 or uint16, `(X, Y, Z)`) and `.json`, written last; `.known.npy` (bool) joins them where
nobody labeled some voxels, `.label.distance.npy` where a method asks for it. The hash is that of the source
files, the folder is named by that of the preprocessing. A case with its JSON is used as it is, unless one of
its files is cut off, gone or of another shape; an interrupted build goes on with the missing ones. Patches
are read from the maps; whole volumes never stay in memory.
"""

import errno
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcseg.data.folder import Dataset
from alcseg.data.preprocess import PREPROCESS_VERSION, label_and_known, preprocess_images
from alcseg.distances import class_distances
from alcseg.errors import DataError, LabelError, ResourceError
from alcseg.files import file_hash, lines_hash, make_folder, write_array
from alcseg.records.cached_case import CachedCaseRecord
from alcseg.records.cases import CaseRow
from alcseg.records.plan import Plan
from alcseg.records.run import RunInput

__all__ = [
    "CachedCase",
    "build_cache",
    "data_hash",
    "has_foreground",
    "plan_folder",
    "require_foreground",
    "source_files",
]


_HALF_IS_EXACT = (
    2048  # Largest number up to which float16 holds all whole ones; normalized images stay far below.
)


@dataclass(frozen=True)
class CachedCase:
    """A preprocessed case on disk.

    Attributes:
        case_id: Its name.
        quality: `hq`, `lq` or `unlabeled`.
        stem: Path without ending of its files in the cache.
        source_hash: Of the image and label files.
        label_path: Another label `(X, Y, Z)` in place of the given one, as `.npy`.
        undrawn: Indices of the classes that nobody drew in the label.
    """

    case_id: str
    quality: str
    stem: Path
    source_hash: str
    label_path: Path | None = None
    undrawn: tuple[int, ...] = ()

    @property
    def record_path(self) -> Path:
        """What was cached, and from what."""
        return Path(f"{self.stem}.json")

    def image(self) -> NDArray[np.floating]:
        """Memory map `(C, X, Y, Z)`."""
        image: NDArray[np.floating] = _mapped(Path(f"{self.stem}.image.npy"))
        return image

    def label(self) -> NDArray[np.unsignedinteger]:
        """Memory map `(X, Y, Z)`; all background for an unlabeled case."""
        label: NDArray[np.unsignedinteger] = _mapped(self.label_path or Path(f"{self.stem}.label.npy"))
        return label

    def known(self) -> NDArray[np.bool_] | None:
        """Memory map `(X, Y, Z)` of the voxels that somebody labeled; None where all are."""
        path = Path(f"{self.stem}.known.npy")
        return _mapped(path) if path.is_file() else None

    @property
    def incomplete(self) -> bool:
        """Whether nobody labeled some voxels, or drew some class."""
        return bool(self.undrawn) or self.known() is not None

    def distance(self, num_classes: int) -> NDArray[np.float16]:
        """Memory map `(K - 1, X, Y, Z)`: signed distance in mm to the boundary of each foreground class.

        Computed from the label at the first call and kept beside it; see `signed_distance`.
        """
        path = (self.label_path or Path(f"{self.stem}.label.npy")).with_suffix(".distance.npy")
        if not self._holds_distance(path, num_classes):
            label = self.label()
            spacing = CachedCaseRecord.read_file(self.record_path).spacing
            distance = class_distances(label, num_classes, spacing, known=self.known())
            write_array(path, distance.astype(np.float16))
            return self.distance(num_classes)
        found: NDArray[np.float16] = _mapped(path)
        return found

    def _holds_distance(self, path: Path, num_classes: int) -> bool:
        """Whether a file holds the distances of as many classes."""
        try:
            return path.is_file() and _mapped(path).shape == (num_classes - 1, *self.label().shape)
        except DataError:
            return False


def _mapped(path: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r")
        if not isinstance(array, np.ndarray):
            raise ValueError("it is an archive")
    except (EOFError, OSError, ValueError) as error:
        raise DataError(
            f"{path}: expected an array of the cache, cannot read it ({error}). "
            f"Delete {path.parent} and run the same command again: it makes anew what is missing."
        ) from None
    return array


def build_cache(
    folder: Dataset,
    rows: Sequence[CaseRow],
    plan: Plan,
    root: Path,
    *,
    files: Mapping[str, Mapping[str, str]] | None = None,
    track: Callable[[Iterable[CaseRow]], Iterable[CaseRow]] = iter,
) -> list[CachedCase]:
    """Preprocess the cases that the cache does not hold yet.

    Args:
        folder: The dataset.
        rows: Its cases to cache; only these are read.
        plan: How to preprocess.
        root: Folder of the cache; one sub-folder per plan.
        files: What `source_files` gave for each case; None: it is asked.
        track: Wraps the loop to show progress.

    Returns:
        One entry per row, in order.

    Raises:
        ResourceError: If the folder cannot be made, or the disk is full or too small for what is missing.
    """
    target = plan_folder(root, plan)
    cases = []
    for row in track(rows):
        source_hash = _source_hash(source_files(folder, row) if files is None else files[row.case_id])
        # The hash is part of the name: a dataset and its corrupted copy share case names, and may train
        # networks at the same time.
        case = CachedCase(
            row.case_id,
            row.quality,
            target / f"{row.case_id}-{source_hash}",
            source_hash,
            undrawn=folder.undrawn(row.case_id),
        )
        if _read_record(case) is None:
            _build_case(folder, case, plan)
        cases.append(case)
    return cases


def plan_folder(root: Path, plan: Plan) -> Path:
    """Folder of a cache for the cases of a plan; it is made if it is not there.

    Raises:
        ResourceError: If it cannot be made.
    """
    folder = root / _plan_hash(plan)
    make_folder(folder)
    return folder


def has_foreground(cases: Iterable[CachedCase]) -> bool:
    """Whether any label holds more than background."""
    return any(CachedCaseRecord.read_file(case.record_path).foreground_voxels for case in cases)


def require_foreground(folder: Dataset, cases: Sequence[CachedCase]) -> None:
    """Refuse to train on empty labels alone; single ones, such as of healthy controls, are fine.

    Raises:
        LabelError: If no label has foreground.
    """
    labeled = [case for case in cases if case.quality != "unlabeled"]
    if labeled and not has_foreground(labeled):
        raise LabelError(
            f"{folder.root}: expected foreground in the training labels, found only background in all "
            f"{len(labeled)} cases. Check that labelsTr holds the right files."
        )


def data_hash(inputs: Mapping[str, RunInput]) -> str:
    """One hash over the files of all cases, independent of their order."""
    lines = sorted(
        f"{name} {_source_hash(each.files)} {each.quality}{each.classes_drawn and ' ' + each.classes_drawn}"
        for name, each in inputs.items()
    )
    return lines_hash(lines)


def _plan_hash(plan: Plan) -> str:
    # Voxels do not depend on patch and network, on how the file is written, or on what is told of the labels.
    content = plan.model_dump(mode="json", exclude={"patch", "flat_levels", "kept"})
    content["version"] = PREPROCESS_VERSION
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def source_files(folder: Dataset, row: CaseRow) -> dict[str, str]:
    """Images and label of a case, as they lie in the dataset, and the hash of each."""
    paths = list(folder.image_paths(row.case_id))
    label = folder.label_path(row.case_id)
    if label is not None and row.quality != "unlabeled":
        paths.append(label)
    return {path.relative_to(folder.root).as_posix(): file_hash(path) for path in paths}


def _source_hash(files: Mapping[str, str]) -> str:
    return hashlib.sha256(" ".join(files.values()).encode()).hexdigest()[:16]


def _read_record(case: CachedCase) -> CachedCaseRecord | None:
    """What was cached of the case, if it was cached whole from these source files and is still there."""
    try:
        record = CachedCaseRecord.read_file(case.record_path)
        image, label, known = case.image(), case.label(), case.known()
    except DataError:
        return None
    whole = image.ndim == 4 and image.shape[1:] == label.shape == record.shape and label.dtype.kind == "u"
    if record.ignored_voxels:
        whole = whole and known is not None and known.shape == label.shape
    return record if whole and record.source_hash == case.source_hash else None


def _build_case(folder: Dataset, case: CachedCase, plan: Plan) -> CachedCaseRecord:
    source = folder.read(case.case_id)
    image, grid = preprocess_images(source.images, plan)
    label: NDArray[np.unsignedinteger] = np.zeros(image.shape[1:], np.uint8)
    known = None
    if source.label is not None and case.quality != "unlabeled":
        label, known = label_and_known(source.label, plan, grid)
        if known is not None and not known.any():
            raise LabelError(
                f"{source.label.path}: expected some voxels that somebody labeled, found all of them with "
                f"the value to ignore ({folder.ignore}). Set the quality of '{case.case_id}' to unlabeled."
            )
    stored = image.astype(np.float16) if np.abs(image).max() <= _HALF_IS_EXACT else image
    needed = stored.nbytes + label.nbytes
    free = shutil.disk_usage(case.stem.parent).free
    if free < needed:
        raise _disk_full(case, needed, free)
    try:
        write_array(Path(f"{case.stem}.image.npy"), stored)
        write_array(Path(f"{case.stem}.label.npy"), label)
        if known is not None:
            write_array(Path(f"{case.stem}.known.npy"), known)
        record = CachedCaseRecord(
            source_hash=case.source_hash,
            shape=label.shape,
            spacing=grid.spacing,
            foreground_voxels=int(np.count_nonzero(label)),
            ignored_voxels=0 if known is None else int(np.count_nonzero(~known)),
        )
        record.write_file(case.record_path)
    except ResourceError as error:
        if getattr(error.__cause__, "errno", None) == errno.ENOSPC:
            raise _disk_full(case, needed, shutil.disk_usage(case.stem.parent).free) from error
        raise
    return record


def _disk_full(case: CachedCase, needed: int, free: int) -> ResourceError:
    return ResourceError(
        f"{case.stem.parent}: expected {needed / 2**20:.0f} MiB of free disk to cache case '{case.case_id}', "
        f"found {free / 2**20:.0f} MiB. Free some, or give another folder with --set data.cache=FOLDER."
    )
