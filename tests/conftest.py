"""Fixtures that any test may ask for."""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from study_folder import Study, make_study

ROOT = Path(__file__).parents[1]


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator of its own for every test, always with the same seed."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session", autouse=True)
def few_trees() -> Iterator[None]:
    """Small forests and few simulated errors: what is corrected in a test is a matter of seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("alcseg.auditing.forests._TREES", 10)
        patch.setattr("alcseg.auditing.lessons._DRAWS", (36, 8, 12))
        yield


@pytest.fixture(scope="session", autouse=True)
def no_power_cuts() -> Iterator[None]:
    """No waiting for the disk: tests write thousands of small files, and none has to outlast them."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("files", "exchange"):
            patch.setattr(f"alcseg.{module}.flush", lambda path: None)
        yield


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """Find a real dataset by name, or skip the test: `real_data("Task04_Hippocampus")`.

    Looked for in `$ALCSEG_TEST_DATA`, else in `../shared/data` beside the repository.
    """
    folder = Path(os.environ.get("ALCSEG_TEST_DATA", ROOT.parent / "shared" / "data"))

    def find(name: str) -> Path:
        path = folder / name
        if not path.exists():
            pytest.skip(f"{name} is not in {folder}; set ALCSEG_TEST_DATA to the folder that holds it")
        return path

    return find


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A small study from phantoms to scores; only to be read."""
    return make_study(tmp_path_factory.mktemp("study"))


@pytest.fixture
def write_slice() -> Callable[..., None]:
    """Write one DICOM slice: `pixels` (rows, columns), `spacing` (between rows, between columns) in mm."""
    pydicom = pytest.importorskip("pydicom")

    def write(
        path: Path, pixels: np.ndarray, position: Sequence[float], *,
        orientation: Sequence[float] = (1, 0, 0, 0, 1, 0), series: str = "1.2.3",
        slope: float | None = None, intercept: float = 0, spacing: Sequence[float] = (2, 1),
        number: int | None = None,
    ) -> None:  # fmt: skip
        meta = pydicom.dataset.FileMetaDataset()
        meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = pydicom.uid.MRImageStorage
        meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        one = pydicom.Dataset()
        one.file_meta = meta
        one.SOPClassUID, one.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        one.SeriesInstanceUID, one.Modality = series, "MR"
        one.ImagePositionPatient = [float(value) for value in position]
        one.ImageOrientationPatient = [float(value) for value in orientation]
        one.PixelSpacing = [float(value) for value in spacing]
        one.Rows, one.Columns = pixels.shape
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 1
        if number is not None:
            one.InstanceNumber = number
        if slope is not None:
            one.RescaleSlope, one.RescaleIntercept = str(slope), str(intercept)
        one.PixelData = pixels.astype("<i2").tobytes()
        path.parent.mkdir(parents=True, exist_ok=True)
        one.save_as(path, enforce_file_format=True)

    return write


class CommandResult(NamedTuple):
    """What one call of the command line left behind."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _fresh_logger() -> None:
    """The command line, called by an earlier test or fixture, has set up the package's logger for good."""
    logger = logging.getLogger("alcseg")
    logger.setLevel(logging.NOTSET)
    logger.handlers, logger.propagate = [], True


@pytest.fixture
def alcseg(capsys: pytest.CaptureFixture[str]) -> Callable[..., CommandResult]:
    """Call the command line in this process: `alcseg("check", folder).code == 0`."""
    from alcseg.cli import main

    def call(*words: object) -> CommandResult:
        capsys.readouterr()
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return CommandResult(code, captured.out, captured.err)

    return call


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Put a distribution of one module on the path, as an installer leaves it.

    `install("toys", "1.0", "PARTS = ...", {"alcseg.metrics": {"parts": "toys:PARTS"}})`
    """
    root = tmp_path / "site-packages"
    names = []

    def put(name: str, version: str, source: str, entries: Mapping[str, Mapping[str, str]]) -> None:
        names.append(name)
        write_distribution(root, name, version, source, entries)
        monkeypatch.syspath_prepend(root)

    yield put
    for name in names:
        sys.modules.pop(name, None)


def write_distribution(
    root: Path, name: str, version: str, source: str, entries: Mapping[str, Mapping[str, str]]
) -> None:
    """Files of a distribution of one module, with what it registers by entry point group."""
    info = root / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (root / f"{name}.py").write_text(source, encoding="utf-8")
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    lines = [
        line
        for group, named in entries.items()
        for line in (f"[{group}]", *(f"{word} = {target}" for word, target in named.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join([*lines, ""]), encoding="utf-8")


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int | None, int]]:
    """Side by side, threads of each and jobs of what is launched on four cores; each launch stops at once."""
    from alcseg.launching import LocalLauncher, cores

    monkeypatch.setattr(cores, "usable_cores", lambda: 4)
    monkeypatch.setattr(cores, "free_memory_gib", lambda: 64.0)
    seen: list[tuple[int, int | None, int]] = []

    def launch(launcher: LocalLauncher, jobs: Sequence[object], ended: object) -> None:
        seen.append((launcher.side_by_side, launcher.threads, len(jobs)))
        raise KeyboardInterrupt

    monkeypatch.setattr(LocalLauncher, "launch", launch)
    return seen
