"""A DICOM series as scanners write them: oblique, anisotropic, file names against the order of positions."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

SHAPE = (7, 6, 5)  # columns, rows, slices
SPACING = (0.7, 1.3, 2.9)  # between columns, rows and slices
ORIGIN = np.array([-91.25, 37.5, 112.125])  # LPS


def cosines() -> np.ndarray:
    """Unit vectors along rows, along columns and from slice to slice, as columns, in LPS."""
    about_x, about_z = 0.4, -0.7
    one = np.array([[1, 0, 0], [0, np.cos(about_x), -np.sin(about_x)], [0, np.sin(about_x), np.cos(about_x)]])
    other = np.array(
        [[np.cos(about_z), -np.sin(about_z), 0], [np.sin(about_z), np.cos(about_z), 0], [0, 0, 1]]
    )
    return other @ one


@pytest.fixture
def series(tmp_path: Path, write_slice: Callable[..., None]) -> Path:
    """The folder; slice k holds 100 k everywhere and counts its pixels up."""
    pydicom = pytest.importorskip("pydicom")
    folder = tmp_path / "patient" / "T1"
    axes = cosines()
    for index in range(SHAPE[2]):
        path = folder / f"{9 - index}.dcm"
        write_slice(
            path,
            np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE[1], SHAPE[0]) + 100 * index,
            [float(f"{part:.9f}") for part in ORIGIN + axes[:, 2] * SPACING[2] * index],
            orientation=[float(f"{part:.12f}") for part in (*axes[:, 0], *axes[:, 1])],
            spacing=(SPACING[1], SPACING[0]),
            number=index + 1,
        )
        one = pydicom.dcmread(path)
        one.StudyInstanceUID, one.FrameOfReferenceUID = "1.2.4", "1.2.5"
        one.SliceThickness = SPACING[2]
        one.save_as(path)
    return folder
