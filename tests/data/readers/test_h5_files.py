from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alcseg.data.readers.h5_files import read_h5_case, read_h5_label, read_h5_shape
from alcseg.errors import DataError

h5py = pytest.importorskip("h5py")

IMAGE = np.arange(60.0).reshape(3, 4, 5)
LABEL = IMAGE > 30
SPACING = (1.0, 2.0, 3.0)


def test_a_case_is_read_as_it_stands(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"] = IMAGE
        file.create_dataset("label", data=LABEL, compression="gzip")
    case = read_h5_case(tmp_path / "a.h5", "x", SPACING)
    assert case.case_id == "x"
    assert case.images[0].array.dtype == np.float32
    assert np.array_equal(case.images[0].array, IMAGE)
    assert case.images[0].spacing == SPACING
    assert case.label is not None
    assert np.array_equal(case.label.array, LABEL)
    assert np.array_equal(read_h5_label(tmp_path / "a.h5"), LABEL)
    assert read_h5_shape(tmp_path / "a.h5") == (3, 4, 5)


def put(key: str, content: Any) -> Callable[[Any, Path], None]:
    def write(file: Any, _: Path) -> None:
        file[key] = content

    return write


def declare(file: Any, _: Path) -> None:
    file.create_dataset("label", shape=(30_000, 30_000, 30_000), dtype=np.uint8, chunks=(64, 64, 64))


def elsewhere(file: Any, _: Path) -> None:
    layout = h5py.VirtualLayout(shape=IMAGE.shape, dtype=np.uint8)
    layout[:] = h5py.VirtualSource("gone.h5", "label", shape=IMAGE.shape)
    file.create_virtual_dataset("label", layout)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda *_: None, r"expected the keys image and label, found \['image'\]"),
        (lambda file, _: file.create_group("label"), "expected a volume under 'label', found <HDF5 group"),
        (put("label", 1), r"expected a 3D volume under 'label', found shape \(\)"),
        (put("label", LABEL[0]), r"found shape \(4, 5\)"),
        (put("label", np.zeros((0, 4, 5))), r"found shape \(0, 4, 5\)"),
        (put("label", h5py.Empty("f")), "expected a volume under 'label'"),
        (put("label", IMAGE.astype("S3")), r"expected numbers under 'label', found \|S3"),
        (put("label", IMAGE.astype(complex)), "expected numbers under 'label', found complex128"),
        (put("label", LABEL[:2]), r"a label of its shape, found \(3, 4, 5\) and \(2, 4, 5\)"),
        (put("label", IMAGE + 0.5), "expected whole-number labels"),
        (put("label", np.full(IMAGE.shape, np.nan)), "expected whole-number labels"),
        (put("label", h5py.SoftLink("/gone")), "cannot read it .*component not found"),
        (put("label", h5py.ExternalLink("gone.h5", "/label")), "cannot read it .*open file"),
        (declare, "expected the voxels of 'label' in the file, found 0 bytes of 27000000000000"),
        (elsewhere, "expected the voxels of 'label' in the file"),
    ],
)
def test_what_is_no_case_is_told_in_a_line(
    write: Callable[[Any, Path], None], words: str, tmp_path: Path
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"] = IMAGE
        write(file, tmp_path)
    with pytest.raises(DataError, match=words) as refused:
        read_h5_case(tmp_path / "a.h5", "a", SPACING)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("cut", [0, 4, 600])
def test_a_file_that_is_cut_off_is_told_in_a_line(cut: int, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"], file["label"] = IMAGE, LABEL
    (tmp_path / "a.h5").write_bytes((tmp_path / "a.h5").read_bytes()[:cut])
    with pytest.raises(DataError, match=r"a\.h5: expected a whole h5 file, cannot read it"):
        read_h5_case(tmp_path / "a.h5", "a", SPACING)
