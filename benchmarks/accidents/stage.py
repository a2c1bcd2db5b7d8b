"""What the trials are done on: a small study from phantoms to scores, and the same scans in every layout."""

import csv
import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import h5py
import nibabel as nib
import nrrd
import numpy as np
import pydicom

import alcseg
from study_folder import SETTINGS, make_study

__all__ = ["SAME", "SMALL", "make_stage"]

SAME = " ".join(SETTINGS)
"""Settings of the run on the stage."""
SMALL = " ".join(one for one in SETTINGS if not one.startswith(("trainer.steps", "trainer.validate")))
PLAN = """\
title: Trial
datasets:
  few: {{format: nifti, import: {{test_fraction: 0.4, seed: 0}}, corrupt: {{hq_first: 2, model: cube, size: [2, 4]}}, hq_percent: 50}}
rows: [h_sup]
set: {settings}
"""


def make_stage(root: Path) -> None:
    """A minute's work; `root` is new."""
    make_study(root)
    shutil.copytree(root / "run", root / "half")  # a run that has yet to say that it is done
    (root / "half/DONE").unlink()
    _add_sources(root)
    (root / "bench").mkdir()
    settings = {key: json.loads(value) for key, value in (one.split("=") for one in SETTINGS)}
    settings |= {"trainer.steps": 2, "trainer.validate_every": 0}
    (root / "bench/plan.yaml").write_text(PLAN.format(settings=json.dumps(settings)))
    alcseg.benchmark(root / "bench/plan.yaml", out=root / "bench", data=root / "plain", jobs=0, device="cpu")
    alcseg.audit(
        root / "noisy", out=root / "audit", folds=2, rounds=1, steps=2, device="cpu", set=SMALL.split()
    )
    (root / "cached").mkdir()
    shutil.move(root / ".alcseg-cache", root / "cached/.alcseg-cache")
    if find_spec("alcseg.reviewing"):
        _review(root)


def _review(root: Path) -> None:
    from alcseg.records.review_book import ReviewBook
    from alcseg.reviewing.desk import Desk, Note
    from alcseg.reviewing.subject import Subject

    (root / "book").mkdir()
    subject = Subject.open(root / "correction")
    book = ReviewBook.open(root / "book/book.sqlite", labels=subject.dataset.labels)
    for number in (0, 1):
        Desk(subject, book).decide(number, "anna", 1, "accept", Note(0), None)
    book.close()
    alcseg.review(root / "correction", export=root / "exported", book=root / "book/book.sqlite")


def _add_sources(root: Path) -> None:
    phantoms = alcseg.Dataset.open(root / "phantoms")
    channel = (("0", "MR"),)
    for number, row in enumerate(phantoms.rows):
        case = phantoms.read(row.case_id)
        image, label = case.images[0], case.label
        affine = np.diag([2.0, 2.0, 2.0, 1.0])
        array, classes = np.asarray(image.array, np.float32), np.asarray(label.array, np.uint8)
        for folder, one in (("plain/images", array), ("plain/labels", classes)):
            _save(root / folder / f"scan{number}.nii.gz", one, affine)
        if number < 3:
            _save(root / "new" / f"new{number}.nii.gz", array, affine)
            _save(root / "msd/imagesTr" / f"m{number}.nii.gz", array, affine)
            _save(root / "msd/labelsTr" / f"m{number}.nii.gz", classes, affine)
            (root / "h5").mkdir(exist_ok=True)
            with h5py.File(root / f"h5/scan{number}.h5", "w") as file:
                file["image"], file["label"] = array, classes
            _write_nrrd(root / f"nrrd/Training Set/S{number}", array, classes)
            _write_dicom(root / f"dicom/P{number}/T1", array[:, :, :6], number)
    names = [f"m{number}" for number in range(3)]
    (root / "msd/dataset.json").write_text(json.dumps({
        "name": "m", "modality": dict(channel), "labels": {"0": "background", "1": "body", "2": "tail"}, "numTraining": 3,
        "training": [{"image": f"./imagesTr/{n}.nii.gz", "label": f"./labelsTr/{n}.nii.gz"} for n in names], "test": [],
    }))  # fmt: skip
    (root / "h5/train.list").write_text("scan0\nscan1\n")
    (root / "h5/test.list").write_text("scan2\n")
    (root / "lists").mkdir()
    with (root / "lists/cases.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [["case_id", "image"], *([f"n{k}", f"../new/new{k}.nii.gz"] for k in range(3))]
        )
    (root / "lists/cases.txt").write_text("".join(f"../new/new{k}.nii.gz\n" for k in range(3)))
    (root / "lists/trusted.txt").write_text("scan0\nscan1\nscan2\nscan3\n")
    (root / "lists/config.yaml").write_text("method:\n  name: alc\ntrainer:\n  learning_rate: 0.01\n")


def _save(path: Path, array: np.ndarray, affine: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, affine), path)


def _write_nrrd(folder: Path, image: np.ndarray, label: np.ndarray) -> None:
    folder.mkdir(parents=True)
    fields = {
        "space": "left-posterior-superior",
        "space directions": np.diag([2.0, 2.0, 2.0]),
        "space origin": np.zeros(3),
    }
    nrrd.write(str(folder / "lgemri.nrrd"), image.clip(0, 1500).astype(np.int16), fields, index_order="F")
    nrrd.write(str(folder / "laendo.nrrd"), (label > 0).astype(np.uint8) * 255, fields, index_order="F")


def _write_dicom(folder: Path, image: np.ndarray, number: int) -> None:
    folder.mkdir(parents=True)
    for k in range(image.shape[2]):
        meta = pydicom.dataset.FileMetaDataset()
        meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = pydicom.uid.MRImageStorage
        meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}.{k + 1}"
        one = pydicom.Dataset()
        one.file_meta = meta
        one.SOPClassUID, one.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        one.SeriesInstanceUID, one.Modality, one.PatientID = f"1.2.3.{number}", "MR", f"P{number}"
        one.InstanceNumber, one.ImagePositionPatient = k + 1, [0.0, 0.0, 2.0 * k]
        one.ImageOrientationPatient, one.PixelSpacing = [1, 0, 0, 0, 1, 0], [2.0, 2.0]
        one.Rows, one.Columns = image.shape[1], image.shape[0]
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 1
        one.PixelData = image[:, :, k].T.astype("<i2").tobytes()
        one.save_as(folder / f"{k}.dcm", enforce_file_format=True)
