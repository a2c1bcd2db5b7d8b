"""NIfTI and DICOM headers that say what few readers expect."""

import random
from pathlib import Path

import pydicom

from accidents.trial import COMMANDS, DAMAGED, Trial
from fuzz.spoiling import HEADER_FIELDS, change_header

FILES = {
    "import": "plain/images/scan3.nii.gz",
    "check": "noisy/labelsTr/phantom_003.nii.gz",
    "predict": "new/new1.nii.gz",
    "evaluate": "predictions/phantom_008.nii.gz",
}
DICOM = ("Rows", "Columns", "PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "BitsAllocated", "PixelRepresentation",
         "SeriesInstanceUID", "SOPClassUID", "RescaleSlope", "PhotometricInterpretation", "PixelData", "SamplesPerPixel", "Modality")  # fmt: skip
WRONG = {
    "Rows": (0, 65535, 3), "Columns": (0, 65535), "PixelSpacing": ([0.0, 0.0], [-1.0, 1.0], [1.0], ["1e30", "1e30"]),
    "ImagePositionPatient": ([0.0, 0.0], ["1e300", "0", "0"], [0.0, 0.0, 1000.0]),
    "ImageOrientationPatient": ([0, 0, 0, 0, 0, 0], [1, 0, 0, 1, 0, 0], [1, 0, 0], [2, 0, 0, 0, 2, 0]),
    "BitsAllocated": (7, 32, 0), "PixelRepresentation": (5,), "SeriesInstanceUID": ("", "not a uid"), "SOPClassUID": ("",),
    "RescaleSlope": ("0", "1e300", "-1"), "PhotometricInterpretation": ("RGB", "", "PALETTE COLOR"), "SamplesPerPixel": (3, 0),
    "Modality": ("", "CT", "SEG"),
}  # fmt: skip


def trials(rng: random.Random) -> list[Trial]:
    """Every field with every value; of DICOM elements also none and an empty one, in one slice and in all."""
    found = []
    for verb, name in FILES.items():
        for field, (_, _, values) in HEADER_FIELDS.items():
            for value in values:
                words = tuple(COMMANDS[verb].split())
                found.append(
                    Trial(verb, f"{field} {value:g} in {name}", words, DAMAGED, _nifti(name, field, value))
                )
    for verb, words in (
        ("import", "import {dicom} {out}"),
        ("predict", "predict {run} {dicom} --out {out} --device cpu"),
    ):
        for element in DICOM:
            for value in ("gone", "empty", *WRONG.get(element, ())):
                where = rng.choice(("one", "all"))
                name = f"{element} {value} in {where} of the slices"
                found.append(Trial(verb, name, tuple(words.split()), DAMAGED, _dicom(element, value, where)))
    return found


def _nifti(name: str, field: str, value: float):
    return lambda root, rng: change_header(root / name, field, value)


def _dicom(element: str, value: object, where: str):
    def spoil(root: Path, rng: random.Random) -> None:
        paths = sorted((root / "dicom/P1/T1").glob("*.dcm"))
        with pydicom.config.disable_value_validation():
            for path in paths if where == "all" else paths[2:3]:
                one = pydicom.dcmread(path)
                if value == "gone":
                    if element in one:
                        del one[element]
                else:
                    setattr(
                        one, element, (b"" if element == "PixelData" else None) if value == "empty" else value
                    )
                one.save_as(path)

    return spoil
