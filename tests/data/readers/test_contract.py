"""Every reader on a tiny look-alike of its layout."""

import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from alcseg.commands.archive_dataset import archive_dataset
from alcseg.data.phantoms import write_phantoms
from alcseg.data.readers import READERS, find_reader
from alcseg.testing.readers import ReaderContract

IMAGE = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
LABEL = np.zeros((3, 4, 5), np.uint8)
LABEL[1, 1:3, 2:4] = 1
CASES = ("a", "b")

WriteSlice = Callable[..., None]


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.Nifti1Image(array, np.diag([1.0, 1.0, 2.0, 1.0])).to_filename(path)


def nnunet(root: Path) -> None:
    write_phantoms(root, train=2, val=1, test=1, shape=(16, 16, 12))


def msd(root: Path) -> None:
    pairs = []
    for case in CASES:
        save(root / f"imagesTr/{case}.nii.gz", IMAGE)
        save(root / f"labelsTr/{case}.nii.gz", LABEL)
        pairs.append({"image": f"./imagesTr/{case}.nii.gz", "label": f"./labelsTr/{case}.nii.gz"})
    labels = {"0": "background", "1": "organ"}
    meta = {"name": "Tiny", "modality": {"0": "CT"}, "labels": labels, "training": pairs, "test": []}
    (root / "dataset.json").write_text(json.dumps(meta), encoding="utf-8")


def archive(root: Path) -> None:
    msd(root.with_name("msd"))
    archive_dataset(root.with_name("msd"), root)


def nifti(root: Path) -> None:
    for case in CASES:
        save(root / f"images/{case}.nii.gz", IMAGE)
        save(root / f"labels/{case}.nii.gz", LABEL)


def la_h5(root: Path) -> None:
    h5py = pytest.importorskip("h5py")
    for case in CASES:
        (root / case).mkdir(parents=True)
        with h5py.File(root / case / "mri_norm2.h5", "w") as file:
            file["image"], file["label"] = (np.resize(array, (3, 4, 88)) for array in (IMAGE, LABEL))


def la_nrrd(root: Path) -> None:
    nrrd = pytest.importorskip("nrrd")
    header = {
        "space": "left-posterior-superior",
        "space directions": np.diag([0.625, 0.5, 1.25]),
        "space origin": np.zeros(3),
    }
    for case in CASES:
        (root / "Training Set" / case).mkdir(parents=True)
        for name, array in (("lgemri", IMAGE.astype(np.uint8)), ("laendo", LABEL * 255)):
            nrrd.write(str(root / "Training Set" / case / f"{name}.nrrd"), array, header, index_order="F")


def write_series(folder: Path, write_slice: WriteSlice) -> None:
    for height in range(IMAGE.shape[2]):
        write_slice(
            folder / f"{height:06d}.dcm", IMAGE[:, :, height].T, (0, 0, 1.5 * height), number=height + 1
        )


def dicom(root: Path, write_slice: WriteSlice) -> None:
    for case in CASES:
        write_series(root / case, write_slice)


def nih_pancreas(root: Path, write_slice: WriteSlice) -> None:
    for number in (1, 2):
        patient = f"manifest/Pancreas-CT/PANCREAS_{number:04d}"
        write_series(root / patient / "11-24-2015/Pancreas-18957", write_slice)
        save(root / f"TCIA_pancreas_labels-02-05-2017/label{number:04d}.nii.gz", LABEL)


LOOK_ALIKES: dict[str, Callable[..., None]] = {
    "archive": archive,
    "dicom": dicom,
    "la-h5": la_h5,
    "la-nrrd": la_nrrd,
    "msd": msd,
    "nifti": nifti,
    "nih-pancreas": nih_pancreas,
    "nnunet": nnunet,
}


class TestBuiltIn(ReaderContract):
    @pytest.fixture(params=READERS.builtin)
    def layout(self, request: pytest.FixtureRequest) -> str:
        return request.param

    @pytest.fixture
    def source(self, layout: str, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
        needed = ("write_slice",) if layout in ("dicom", "nih-pancreas") else ()  # needs pydicom
        LOOK_ALIKES[layout](tmp_path / "source", *map(request.getfixturevalue, needed))
        return tmp_path / "source"


PLUG_INS = """
from alcseg.data.readers.nifti import NIfTIReader

class Strict(NIfTIReader):
    general = False

    @classmethod
    def detect(cls, source):
        return (source / "study.txt").is_file()

class General(NIfTIReader):
    @classmethod
    def detect(cls, source):
        return any(source.glob("*.img")) or super().detect(source)
"""


def test_strict_plug_ins_are_asked_before_general_readers_and_general_ones_last(
    tmp_path: Path, install
) -> None:
    nifti(tmp_path / "plain")
    nifti(tmp_path / "study")
    (tmp_path / "study/study.txt").touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/a.img").touch()
    install("lab", "1", PLUG_INS, {"alcseg.readers": {"a-general": "lab:General", "study": "lab:Strict"}})
    assert type(find_reader(tmp_path / "plain")) is READERS["nifti"]
    assert type(find_reader(tmp_path / "study")) is READERS["study"]
    assert type(find_reader(tmp_path / "other")) is READERS["a-general"]


def test_no_plug_in_is_imported_where_a_strict_reader_says_yes(
    tmp_path: Path, install, caplog: pytest.LogCaptureFixture
) -> None:
    msd(tmp_path / "source")
    install("costly", "1", "raise SystemError('imported')", {"alcseg.readers": {"x": "costly:X"}})
    assert type(find_reader(tmp_path / "source")) is READERS["msd"]
    assert type(find_reader(tmp_path / "source", "nifti")) is READERS["nifti"]
    assert not caplog.records
