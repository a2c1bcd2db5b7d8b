"""Every reader of a file that comes from outside: a small valid file, what reads it, and how it may be spoiled.

A reader that joins the package joins the fuzzing by one more entry of `DOORS`; records are found by themselves.
"""

import importlib
import inspect
import json
import pkgutil
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np

import alcseg.records
from alcseg.config import resolve
from alcseg.data.formats import FORMATS
from alcseg.data.nifti import read_channels, read_grid, read_image, read_label
from alcseg.data.nrrd_files import read_nrrd
from alcseg.data.readers import ReaderOptions, find_reader
from alcseg.data.readers.dicom import read_series
from alcseg.data.readers.h5_files import read_h5_case
from alcseg.data.readers.input_table import read_input_table
from alcseg.data.readers.lists import read_lists
from alcseg.data.splits import read_hq_list
from alcseg.errors import AlcsegError, ConfigError
from alcseg.records.base import Document, Row
from alcseg.records.cases import CaseRow
from alcseg.records.dataset import DatasetRecord
from alcseg.records.steps import StepTable
from fuzz.spoiling import BYTES, HEADER_FIELDS, TABLES, TEXTS, change_header, set_in_json

__all__ = ["DOORS", "Door", "attack", "record_doors"]

IMAGE = np.arange(120, dtype=np.int16).reshape(6, 5, 4)
LABEL = (IMAGE % 7 == 0).astype(np.uint8)
AFFINE = np.diag([1.0, 2.0, 3.0, 1.0])


class Door(NamedTuple):
    """One kind of file and its reader.

    Attributes:
        file: Name of the file that is spoiled.
        make: Writes a valid one into a folder.
        read: Reads it as the package does; gets its path.
        ways: Kinds of spoiling that make sense: bytes, header, text, json, table.
        whole: What was read, as an array that a damaged file must not change; None where no checksum tells.
    """

    file: str
    make: Callable[[Path], None]
    read: Callable[[Path], Any]
    ways: tuple[str, ...]
    whole: Callable[[Any], np.ndarray] | None = None


def attack(door: Door, folder: Path, rng: random.Random) -> str:
    """Spoil the file of a door in one way, let it be read, and say what is wrong with the answer, or nothing.

    Args:
        door: The door.
        folder: An empty folder.
        rng: Decides on everything.
    """
    door.make(folder)
    path = folder / door.file
    good = path.read_bytes()
    way = rng.choice(door.ways)
    said = _spoil(path, way, rng)
    try:
        found = door.read(path)
    except AlcsegError as error:
        text = str(error)
        named = str(folder) in text or isinstance(error, ConfigError)  # a setting is named by its key
        if not named or error.exit_code == 1:
            return f"{said}: an error that does not name the file: {text!r:.300}"
    except Exception as error:  # noqa: BLE001 - whatever else comes is what is looked for
        return f"{said}: {type(error).__name__}: {str(error)[:300]}"
    else:
        if way == "bytes" and door.whole is not None:
            spoiled = door.whole(found)
            path.write_bytes(good)
            if not np.array_equal(spoiled, door.whole(door.read(path))):
                return f"{said}: other voxels than were written"
    return ""


def _spoil(path: Path, way: str, rng: random.Random) -> str:
    """Spoil a file in place and say how."""
    if way == "header":
        field = rng.choice(list(HEADER_FIELDS))
        value = rng.choice(HEADER_FIELDS[field][2])
        change_header(path, field, value)
        return f"{field} {value}"
    raw = path.read_bytes()
    if way == "bytes":
        how = rng.choice(list(BYTES))
        path.write_bytes(BYTES[how](raw, rng))
    elif way == "json":
        how = "one value"
        path.write_bytes(set_in_json(raw.decode(), rng).encode(errors="surrogatepass"))
    else:
        kinds = TEXTS if way == "text" else TABLES
        how = rng.choice(list(kinds))
        path.write_bytes(kinds[how](raw.decode(), rng))
    return f"{way}: {how}"


def _nifti(array: np.ndarray) -> Callable[[Path], None]:
    return lambda folder: nib.save(nib.Nifti1Image(array, AFFINE), folder / "a.nii.gz")


def _h5(folder: Path) -> None:
    import h5py

    with h5py.File(folder / "a.h5", "w") as file:
        file["image"], file["label"] = IMAGE.astype(np.float32), LABEL


def _nrrd(folder: Path) -> None:
    import nrrd

    fields = {"space": "left-posterior-superior", "space directions": np.eye(3), "space origin": np.zeros(3)}
    nrrd.write(str(folder / "a.nrrd"), IMAGE, fields, index_order="F")


def _mgz(folder: Path) -> None:
    nib.MGHImage(IMAGE, AFFINE).to_filename(folder / "a.mgz")


def _dicom(folder: Path) -> None:
    import pydicom

    for k in range(3):
        meta = pydicom.dataset.FileMetaDataset()
        meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = (
            pydicom.uid.MRImageStorage,
            f"1.2.{k + 1}",
        )
        one = pydicom.Dataset()
        one.file_meta, one.SOPClassUID, one.SOPInstanceUID = meta, pydicom.uid.MRImageStorage, f"1.2.{k + 1}"
        one.SeriesInstanceUID, one.Modality, one.InstanceNumber = "1.2", "MR", k + 1
        one.ImagePositionPatient, one.PixelSpacing = [0.0, 0.0, 2.0 * k], [1.0, 1.0]
        one.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        one.Rows, one.Columns = IMAGE.shape[1], IMAGE.shape[0]
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 1
        one.PixelData = IMAGE[:, :, k].T.astype("<i2").tobytes()
        one.save_as(folder / f"{k}.dcm", enforce_file_format=True)


def _text(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(text, encoding="utf-8") and None


def _described(content: dict[str, Any]) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        for name, array in (("imagesTr", IMAGE), ("labelsTr", LABEL)):
            (folder / name).mkdir()
            for case in "ab":
                nib.save(
                    nib.Nifti1Image(array, AFFINE),
                    folder / name / f"{case}{'_0000' * (name[0] == 'i')}.nii.gz",
                )
        (folder / "dataset.json").write_text(json.dumps(content))

    return make


def _scan(path: Path) -> Any:
    return find_reader(path.parent).scan(path.parent, ReaderOptions())


def _listed(path: Path) -> Any:
    for name in "ab":
        (path.parent / f"{name}.nii.gz").touch()
    return list(read_input_table(path, ["T1", "T2"]))


_NNUNET = {
    "channel_names": {"0": "MR"},
    "labels": {"background": 0, "organ": 1},
    "numTraining": 2,
    "file_ending": ".nii.gz",
}
_MSD = {
    "name": "m", "modality": {"0": "MR"}, "labels": {"0": "background", "1": "organ"}, "numTraining": 2, "test": ["./imagesTr/b_0000.nii.gz"],
    "training": [{"image": "./imagesTr/a_0000.nii.gz", "label": "./labelsTr/a.nii.gz"}],
}  # fmt: skip
DOORS: dict[str, Door] = {
    "image": Door("a.nii.gz", _nifti(IMAGE), read_image, ("bytes", "header"), lambda one: one.array),
    "label": Door("a.nii.gz", _nifti(LABEL), read_label, ("bytes", "header"), lambda one: one.array),
    "channels": Door("a.nii.gz", _nifti(np.stack([IMAGE, IMAGE], -1)), read_channels, ("bytes", "header"), lambda all_: all_[1].array),
    "grid": Door("a.nii.gz", _nifti(LABEL), read_grid, ("header",)),
    "h5": Door("a.h5", _h5, lambda path: read_h5_case(path, "a", (1.0, 1.0, 1.0)), ("bytes",)),
    "nrrd": Door("a.nrrd", _nrrd, read_nrrd, ("bytes",)),
    "mgz": Door("a.mgz", _mgz, FORMATS["mgz"].read_image, ("bytes",), lambda one: one.array),
    "dicom": Door("1.dcm", _dicom, lambda path: read_series(path.parent), ("bytes",)),
    "input table": Door("list.csv", _text("list.csv", "case_id,T1,T2\nx,a.nii.gz,b.nii.gz\n"), _listed, ("bytes", "text", "table")),
    "split lists": Door("train.list", _text("train.list", "a\nb\n"), lambda path: read_lists(path.parent, {"a", "b"}), ("bytes", "text")),
    "hq list": Door("hq.txt", _text("hq.txt", "a\nb\n"), lambda path: read_hq_list(path, {"a", "b"}), ("bytes", "text")),
    "settings": Door("set.yaml", _text("set.yaml", "trainer: {steps: 5, learning_rate: 0.1}\ndata:\n  patch: [16, 16, 16]\n"),
                     lambda path: resolve("alc", file=path), ("bytes", "text")),
    "nnunet": Door("dataset.json", _described(_NNUNET), _scan, ("bytes", "text", "json")),
    "msd": Door("dataset.json", _described(_MSD), _scan, ("bytes", "text", "json")),
    "cases.csv": Door("cases.csv", lambda folder: CaseRow.write(folder, [CaseRow(case_id="a"), CaseRow(case_id="b", quality="lq")]) and None,
                      lambda path: CaseRow.read(path.parent), ("bytes", "text", "table")),
    "dataset.json": Door("dataset.json", _described(_NNUNET), lambda path: DatasetRecord.read(path.parent), ("bytes", "text", "json")),
}  # fmt: skip
"""Readers by name; those of optional packages need them."""


def record_doors(made: Path) -> dict[str, Door]:
    """One door for each kind of record of which a file lies anywhere in a folder, by the record's name."""
    doors = {}
    for kind in _kinds():
        if (example := next(iter(sorted(made.rglob(kind.NAME))), None)) is None:
            continue
        ways = ("json",) if kind.NAME.endswith(".json") else ("table",) if kind.NAME.endswith(".csv") else ()
        doors[kind.NAME] = Door(kind.NAME, _copy(example), _read_as(kind), ("bytes", "text", *ways))
    return doors


def _kinds() -> list[Any]:
    modules = [
        importlib.import_module(f"alcseg.records.{one.name}")
        for one in pkgutil.iter_modules(alcseg.records.__path__)
    ]
    kinds = {
        kind
        for module in modules
        for kind in vars(module).values()
        if inspect.isclass(kind) and issubclass(kind, Document | Row | StepTable)
    }
    return sorted(
        (kind for kind in kinds if hasattr(kind, "NAME") and hasattr(kind, "read_file")),
        key=lambda kind: kind.__name__,
    )


def _copy(example: Path) -> Callable[[Path], None]:
    raw = example.read_bytes()
    return lambda folder: (folder / example.name).write_bytes(raw) and None


def _read_as(kind: Any) -> Callable[[Path], Any]:
    return lambda path: kind.read_file(path)
