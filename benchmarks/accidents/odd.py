"""Inputs that are odd, and valid: they are to be taken as they are meant."""

import gzip
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np

from accidents.trial import BAD_DATA, COMMANDS, DONE, Trial

Change = Callable[[np.ndarray, np.ndarray], nib.spatialimages.SpatialImage]
DOORS = {"import": ("plain/images", "plain/labels"), "predict": ("new",), "evaluate": ("predictions",)}


def _image(
    array: np.ndarray, affine: np.ndarray, kind: type = nib.Nifti1Image, **header: object
) -> nib.spatialimages.SpatialImage:
    made = kind(array, affine)
    for name, value in header.items():
        made.header[name] = value
    return made


def _codes(array: np.ndarray, affine: np.ndarray, sform: int, qform: int) -> nib.Nifti1Image:
    made = nib.Nifti1Image(array, affine)
    made.set_sform(affine, sform)
    made.set_qform(affine, qform)
    return made


def _big(array: np.ndarray, affine: np.ndarray) -> nib.Nifti1Image:
    return nib.Nifti1Image(array, affine, nib.Nifti1Header(endianness=">"))


GOOD: dict[str, Change] = {
    "a trailing axis of one": lambda a, m: _image(a[..., None], m),
    "two trailing axes of one": lambda a, m: _image(a[..., None, None], m),
    "float64 voxels": lambda a, m: _image(a.astype(np.float64), m),
    "int32 voxels": lambda a, m: _image(a.astype(np.int32), m),
    "int16 voxels": lambda a, m: _image(a.astype(np.int16), m),
    "uint16 voxels": lambda a, m: _image(np.clip(a, 0, None).astype(np.uint16), m),
    "int64 voxels": lambda a, m: nib.Nifti1Image(a.astype(np.int64), m, dtype=np.int64),
    "NIfTI-2": lambda a, m: _image(a, m, nib.Nifti2Image),
    "big endian": _big,
    "the qform alone": lambda a, m: _codes(a, m, 0, 1),
    "the sform alone": lambda a, m: _codes(a, m, 1, 0),
    "both with code 2": lambda a, m: _codes(a, m, 2, 2),
    "codes 4": lambda a, m: _codes(a, m, 4, 4),
    "an intent": lambda a, m: _image(a, m, intent_code=1002),
    "a description": lambda a, m: _image(a, m, descrip=b"\xff\xfe not text"),
    "seconds as unit of time": lambda a, m: _image(a, m, xyzt_units=10),
    "cal_min and cal_max nan": lambda a, m: _image(a, m, cal_min=np.nan, cal_max=np.nan),
}  # fmt: skip
NO_SCAN: dict[str, Change] = {
    "complex voxels": lambda a, m: _image(a.astype(np.complex64), m),
    "two volumes": lambda a, m: _image(np.stack([a, a], -1), m),
    "one slice as 2D": lambda a, m: _image(a[..., 5], m),
    "no voxel": lambda a, m: _image(a[:0], m),
    "all of one value": lambda a, m: _image(np.full_like(a, 7), m),
    "all not a number": lambda a, m: _image(np.full(a.shape, np.nan, np.float32), m),
    "one infinite voxel": lambda a, m: _image(np.where(np.arange(a.size).reshape(a.shape) == 99, np.inf, a).astype(np.float32), m),
    "RGB voxels": lambda a, m: nib.Nifti1Image(np.zeros(a.shape, [("R", "u1"), ("G", "u1"), ("B", "u1")]), m),
    "a flat affine": lambda a, m: _image(a, m @ np.diag([1.0, 1.0, 1e-12, 1.0])),
}  # fmt: skip
"""What is no scan; a label that is of one value or has fractions is another matter."""


def trials(rng: random.Random) -> list[Trial]:
    """Each oddity at each door, in one file or in all of a folder."""
    found = []
    for verb, folders in DOORS.items():
        words = tuple(COMMANDS[verb].split())
        for folder in folders:
            for name, change in GOOD.items():
                for whole in (True, False):
                    where = "all files" if whole else "one file"
                    trial = Trial(
                        verb,
                        f"{name} in {where} of {folder}",
                        words,
                        DONE,
                        _change(folder, change, whole=whole),
                        look=_count(verb),
                    )
                    found.append(trial)
            for name, change in NO_SCAN.items():
                constant = name == "all of one value" and folder in ("predictions", "new")
                codes = BAD_DATA | {3} if verb == "predict" else BAD_DATA
                codes = (
                    codes | DONE
                    if constant or (folder == "plain/labels" and name == "all of one value")
                    else codes
                )
                found.append(
                    Trial(
                        verb,
                        f"{name} in one file of {folder}",
                        words,
                        frozenset(codes),
                        _change(folder, change, whole=False),
                    )
                )
    for name, rename in NAMES.items():
        for verb, folder in (("import", "plain"), ("predict", "new")):
            found.append(
                Trial(
                    verb,
                    name,
                    tuple(COMMANDS[verb].split()),
                    DONE,
                    _rename(folder, rename),
                    look=_count(verb),
                )
            )
    found += [Trial("predict", f"a pattern {p}", ("predict", "{run}", "{new}/" + p, "--out", "{out}", "--device", "cpu"), DONE, look=_count("predict"))
              for p in ("*.nii.gz", "new?.nii.gz", "new[0-2]*", "**/*.nii.gz")]  # fmt: skip
    return found


NAMES: dict[str, Callable[[str], str]] = {
    "names with blanks": lambda name: name.replace("scan", "my scan ").replace("new", "my new "),
    "names with dots": lambda name: name.replace("scan", "a.b.").replace("new", "1.2.3."),
    "names with umlauts": lambda name: name.replace("scan", "Jürgen").replace("new", "Ängström"),
    "names in Chinese": lambda name: name.replace("scan", "病人").replace("new", "病人"),
    "names with brackets": lambda name: name.replace("scan", "s[1](2)").replace("new", "s[1](2)"),
    "names that are numbers": lambda name: name.replace("scan", "00").replace("new", "00"),
    "names with an apostrophe": lambda name: name.replace("scan", "o'neil").replace("new", "o'neil"),
    "names with a comma": lambda name: name.replace("scan", "a,b").replace("new", "a,b"),
    "names with a percent sign": lambda name: name.replace("scan", "50%s").replace("new", "50%s"),
    "not compressed": lambda name: name.removesuffix(".gz"),
    "upper-case endings": lambda name: name.replace(".nii.gz", ".NII.GZ"),
}


def _change(folder: str, change: Change, *, whole: bool):
    def spoil(root: Path, rng: random.Random) -> None:
        paths = [
            p
            for p in sorted((root / folder).glob("*.nii.gz"))
            if "_prob" not in p.name and "_uncert" not in p.name
        ]
        for path in paths if whole else paths[1:2]:
            given = nib.load(path)
            nib.save(change(np.asarray(given.dataobj), given.affine), path)

    return spoil


def _rename(folder: str, rename: Callable[[str], str]):
    def spoil(root: Path, rng: random.Random) -> None:
        for path in sorted((root / folder).rglob("*.nii.gz")):
            new = path.with_name(rename(path.name))
            shutil.move(path, new)
            if new.suffix == ".nii":
                new.write_bytes(gzip.decompress(new.read_bytes()))

    return spoil


def _count(verb: str):
    """That as many cases came out as went in."""
    given, pattern = {"import": (9, "labelsT*/*"), "predict": (3, "*.nii*"), "evaluate": (1, "per_case.csv")}[
        verb
    ]

    def look(root: Path, stage: Path) -> str:
        came = [one for one in (root / "out").glob(pattern) if one.is_file()]
        return "" if len(came) == given else f"{given} given, {len(came)} written"

    return look
