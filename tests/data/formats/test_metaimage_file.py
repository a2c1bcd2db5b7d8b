"""MetaImage files that ITK takes for others, or refuses without a reason, are told in words."""

import zlib
from pathlib import Path

import pytest

from alcseg.data.formats import read_image
from alcseg.errors import DataError, GeometryError

pytest.importorskip("SimpleITK")

HEADER = (
    "ObjectType = Image\nNDims = 3\nBinaryData = True\nTransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\n"
    "ElementSpacing = 2 3 4\nDimSize = 2 1 1\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
)


def write(folder: Path, was: str = "", now: str = "", voxels: bytes = b"\x05\x07") -> Path:
    assert was in HEADER
    path = folder / "a.mha"
    path.write_bytes(HEADER.replace(was, now).encode() + voxels if was else HEADER.encode() + voxels)
    return path


def test_a_header_that_says_everything_is_read(tmp_path: Path) -> None:
    assert read_image(write(tmp_path)).array.ravel().tolist() == [5, 7]
    turned = write(tmp_path, "1 0 0 0 1 0 0 0 1", "0.707 0.707 0 -0.707 0.707 0 0 0 1")  # few digits
    assert read_image(turned).spacing == pytest.approx((2, 3, 4), rel=1e-3)


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ("ElementSpacing = 2 3 4", "ElementSpacing = -2 3 4", r"voxel sizes above 0 mm, found \(-2, 3, 4\)"),
        ("ElementSpacing = 2 3 4", "ElementSize = 2 3 0", r"voxel sizes above 0 mm, found \(2, 3, 0\)"),
        ("1 0 0 0 1 0 0 0 1", "2 0 0 0 1 0 0 0 1", "three directions of length 1 as TransformMatrix"),
    ],
)
def test_what_cannot_place_voxels_is_refused(tmp_path: Path, was: str, now: str, said: str) -> None:
    with pytest.raises(GeometryError, match=said):
        read_image(write(tmp_path, was, now))


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ("2 1 1", "2 0 1", r"at least one voxel along each axis, found shape \(2, 0, 1\)"),
        ("2 1 1", "2 -1 1", r"at least one voxel along each axis, found shape \(2, -1, 1\)"),
        ("2 1 1", "2.7 1 1", r"three whole numbers as DimSize, found '2\.7 1 1'"),
        ("2 1 1", "2 9 1", r"expected 18 bytes of voxels \(2 9 1 of MET_UCHAR\), found 2\. Copy it again"),
        ("DimSize = 2 1 1\n", "", "found no DimSize"),
        ("ElementType = MET_UCHAR\n", "", "found no ElementType"),
        (HEADER, "hello", "expected a MetaImage header with .*, found no NDims"),
        ("LOCAL", "LIST\n../a.raw", "in one file beside it, found 'LIST'"),
        ("LOCAL", "gone.raw", "expected its voxels in gone.raw beside it, found no such file"),
    ],
)
def test_what_holds_no_voxels_is_refused(tmp_path: Path, was: str, now: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_image(write(tmp_path, was, now))


@pytest.mark.parametrize("harm", ["cut", "damaged", "short", "of no stated size"])
def test_packed_voxels_that_are_not_whole_are_told(tmp_path: Path, harm: str) -> None:
    packed = zlib.compress(bytes(range(200)) * 5)
    path = tmp_path / "a.mha"
    stated = "CompressedData = True\nCompressedDataSize = {}\nElementType"
    header = HEADER.replace("2 1 1", "10 10 10").replace("ElementType", stated)
    path.write_bytes(header.format(len(packed)).encode() + packed)
    assert read_image(path).array.sum() == 5 * sum(range(200))
    spoiled = {
        "cut": packed[:-4],
        "damaged": packed[:30] + bytes([packed[30] ^ 4]) + packed[31:],
        "short": zlib.compress(bytes(999)),
        "of no stated size": packed,
    }
    size = 0 if harm == "of no stated size" else len(spoiled[harm])
    path.write_bytes(header.format(size).encode() + spoiled[harm])
    with pytest.raises(DataError, match=r"expected 1000 bytes of voxels .*, found (some that cannot be|999)"):
        read_image(path)


def test_voxels_beside_a_header_are_looked_at_too(tmp_path: Path) -> None:
    header = HEADER.replace("LOCAL", "a.raw").replace("ElementType", "HeaderSize = 3\nElementType")
    (tmp_path / "a.mhd").write_text(header)
    (tmp_path / "a.raw").write_bytes(b"...\x05\x07")
    assert read_image(tmp_path / "a.mhd").array.ravel().tolist() == [5, 7]
    (tmp_path / "a.raw").write_bytes(b"...\x05")
    with pytest.raises(DataError, match=r"a\.mhd: expected 2 bytes of voxels .*, found 1"):
        read_image(tmp_path / "a.mhd")
