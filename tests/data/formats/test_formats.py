"""Every format on one small, oblique and anisotropic volume, against the libraries' own readers."""

import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from alcseg.data.case import Volume
from alcseg.data.formats import FORMATS, format_of, read_image, read_label, volume_stem
from alcseg.data.formats.colors import write_color_table
from alcseg.data.formats.output import LabelOutput
from alcseg.errors import AlcsegError, DataError, LabelError, UsageError
from alcseg.types import Affine

nrrd = pytest.importorskip("nrrd")
sitk = pytest.importorskip("SimpleITK")

LABELS = {"background": 0, "left atrium": 1, "wall": 300}


def _oblique() -> Affine:
    """Three turns, voxels of 0.7 x 1.3 x 2.9 mm, far from the origin, and left-handed."""
    turn = np.eye(3)
    for axis, angle in enumerate((0.3, -0.5, 1.1)):
        one, other = (number for number in range(3) if number != axis)
        step = np.eye(3)
        step[[one, other], [one, other]] = np.cos(angle)
        step[one, other], step[other, one] = -np.sin(angle), np.sin(angle)
        turn = turn @ step
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-0.7, 1.3, 2.9])
    affine[:3, 3] = [-91.25, 37.5, 112.125]
    return affine


AFFINE = _oblique()
SHAPE = (7, 6, 5)
LANDMARKS = np.random.default_rng(0).permutation(np.argwhere(np.ones(SHAPE)))[:10]
LABEL = np.zeros(SHAPE, np.int64)
LABEL[tuple(LANDMARKS[:5].T)], LABEL[tuple(LANDMARKS[5:].T)] = 1, 300
IMAGE = Volume(np.random.default_rng(1).normal(size=SHAPE).astype(np.float32), AFFINE, None, Path("image"))
ON_ANY_GRID = [name for name in FORMATS if name != "dicom-seg"]  # which needs a series; see its own tests
VALUES = [name for name, found in FORMATS.items() if not found.names_classes]


def _written(folder: Path, name: str) -> Path:
    written = FORMATS[name]
    path = folder / f"case{written.endings[0]}"
    written.write_label(path, LABEL, IMAGE, LABELS)
    return path


def _by_nibabel(path: Path) -> tuple[np.ndarray, Affine]:
    found = nib.load(path)
    return np.asanyarray(found.dataobj), found.affine


def _by_simpleitk(path: Path) -> tuple[np.ndarray, Affine]:
    found = sitk.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(found.GetDirection(), (3, 3)) @ np.diag(found.GetSpacing())
    affine[:3, 3] = found.GetOrigin()
    return sitk.GetArrayFromImage(found).T, np.diag([-1, -1, 1, 1]) @ affine


def _by_pynrrd(path: Path) -> tuple[np.ndarray, Affine]:
    data, header = nrrd.read(str(path))
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = header["space directions"].T, header["space origin"]
    return data, np.diag([-1, -1, 1, 1]) @ affine


THEIRS = [
    ("nifti", _by_nibabel), ("nifti", _by_simpleitk),
    ("mgz", _by_nibabel),
    ("mha", _by_simpleitk),
    ("nrrd", _by_pynrrd), ("nrrd", _by_simpleitk),
    ("seg.nrrd", _by_pynrrd), ("seg.nrrd", _by_simpleitk),
]  # fmt: skip


@pytest.mark.parametrize(("name", "read"), THEIRS)
def test_other_readers_find_every_landmark_where_it_was(tmp_path: Path, name: str, read) -> None:
    data, affine = read(_written(tmp_path, name))
    np.testing.assert_array_equal(data, LABEL)
    for landmark in LANDMARKS:
        expected = AFFINE @ [*landmark, 1]
        np.testing.assert_allclose(
            affine @ [*landmark, 1], expected, rtol=0, atol=np.spacing(np.float32(128)) * 2
        )


@pytest.mark.parametrize("name", ON_ANY_GRID)
def test_what_was_written_comes_back_voxel_for_voxel(tmp_path: Path, name: str) -> None:
    found = read_label(_written(tmp_path, name), LABELS)
    np.testing.assert_array_equal(found.array, LABEL)
    np.testing.assert_allclose(found.affine, AFFINE, rtol=0, atol=2e-5)


@pytest.mark.parametrize("name", VALUES)
def test_an_image_comes_back_too(tmp_path: Path, name: str) -> None:
    found = read_image(_written(tmp_path, name))
    assert found.array.dtype == np.float32
    np.testing.assert_array_equal(found.array, LABEL)


@pytest.mark.parametrize("name", [name for name in ON_ANY_GRID if name != "nifti"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    path = _written(tmp_path, name)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match=r"cannot read it|found no|cannot be unpacked"):
        read_label(path, LABELS)


@pytest.mark.parametrize("name", ["mgz", "mha", "nrrd", "seg.nrrd"])
def test_one_damaged_byte_of_packed_voxels_is_told(tmp_path: Path, name: str) -> None:
    path = _written(tmp_path, name)
    content = bytearray(path.read_bytes())
    content[-12] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError):
        read_label(path, LABELS)


@pytest.mark.parametrize("name", ["mgz", "mha", "nrrd"])
def test_axes_in_another_order_are_put_onto_the_grid_of_the_image(tmp_path: Path, name: str) -> None:
    turned = np.zeros((4, 4))
    turned[[2, 0, 1], [0, 1, 2]], turned[3, 3] = [-1, 1, -1], 1  # x' = -z, y' = x, z' = -y
    turned[[2, 1], 3] = [SHAPE[2] - 1, SHAPE[1] - 1]
    other = Volume(np.flip(LABEL.transpose(2, 0, 1), (0, 2)), AFFINE @ turned, None, Path("other"))
    path = tmp_path / f"case{FORMATS[name].endings[0]}"
    FORMATS[name].write_label(path, other.array, other, LABELS)
    assert read_label(path).shape == (5, 7, 6)
    np.testing.assert_array_equal(read_label(path, like=IMAGE).array, LABEL)


def test_the_header_of_a_metaimage_is_understood_as_itk_understands_it(tmp_path: Path) -> None:
    path = tmp_path / "a.mha"
    start = b"ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
    end = b"DimSize = 2 1 1\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n\x05\x07"
    path.write_bytes(start + b"ElementSize = 2 3 4\n" + end)
    np.testing.assert_array_equal(read_image(path).affine, np.diag([-2, -3, 4, 1]))
    # Each row of the matrix is the direction of one array axis: the first runs along LPS y.
    path.write_bytes(start + b"TransformMatrix = 0 1 0 -1 0 0 0 0 1\nElementSpacing = 2 3 4\n" + end)
    found = read_image(path)
    np.testing.assert_array_equal(found.affine, [[0, 3, 0, 0], [-2, 0, 0, 0], [0, 0, 4, 0], [0, 0, 0, 1]])
    assert found.array.ravel().tolist() == [5, 7]


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (b"NDims = 3", b"NDims = three"),
        (b"Offset = 0 0 0", b"Offset = nan 0 0"),
        (b"Offset = 0 0 0", b"Offset = here 0 0"),
        (b"ElementSpacing = 2 3 4", b"ElementSpacing = 2 3 4 5"),
    ],
)
def test_numbers_that_itk_would_take_for_others_are_refused(tmp_path: Path, was: bytes, now: bytes) -> None:
    path = tmp_path / "a.mha"
    header = b"ObjectType = Image\nNDims = 3\nOffset = 0 0 0\nElementSpacing = 2 3 4\nDimSize = 2 1 1\n"
    header += b"ElementType = MET_UCHAR\nElementDataFile = LOCAL\n\x05\x07"
    path.write_bytes(header)
    assert read_image(path).shape == (2, 1, 1)
    path.write_bytes(header.replace(was, now))
    with pytest.raises(DataError, match="expected one 3D volume"):
        read_image(path)


def test_voxels_of_a_metaimage_lie_in_it_or_beside_it(tmp_path: Path) -> None:
    header = "ObjectType = Image\nNDims = 3\nDimSize = 2 1 1\nElementType = MET_UCHAR\nElementDataFile = {}\n"
    (tmp_path / "a.raw").write_bytes(b"\x05\x07")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.raw").write_bytes(b"\x05\x07")
    (tmp_path / "a.mhd").write_text(header.format("a.raw"))
    assert read_image(tmp_path / "a.mhd").array.ravel().tolist() == [5, 7]
    for name in ("other/a.raw", str(tmp_path / "a.raw"), "../a.raw"):
        (tmp_path / "a.mhd").write_text(header.format(name))
        with pytest.raises(DataError, match="in a file beside it"):
            read_image(tmp_path / "a.mhd")


def test_voxels_of_an_nrrd_file_lie_in_it_or_beside_it(tmp_path: Path) -> None:
    header = (
        "NRRD0004\ntype: uint8\ndimension: 3\nspace: left-posterior-superior\nsizes: 2 1 1\n"
        "space directions: (1,0,0) (0,1,0) (0,0,1)\nspace origin: (0,0,0)\nencoding: raw\ndata file: {}\n\n"
    )
    (tmp_path / "other").mkdir()
    for place in (tmp_path, tmp_path / "other"):
        (place / "a.raw").write_bytes(b"\x05\x07")
    (tmp_path / "a.nhdr").write_text(header.format("a.raw"))
    assert read_image(tmp_path / "a.nhdr").array.ravel().tolist() == [5, 7]
    for name in ("other/a.raw", str(tmp_path / "a.raw"), "../a.raw"):
        (tmp_path / "a.nhdr").write_text(header.format(name))
        with pytest.raises(DataError, match="in a file beside it"):
            read_image(tmp_path / "a.nhdr")


@pytest.mark.parametrize(
    ("place", "number", "said"),
    [
        (4, struct.pack(">i", -7), r"at least one voxel along each axis, found shape \(-7, 6, 5\)"),
        (20, struct.pack(">i", 9), "type of voxels 9"),
        (30, struct.pack(">f", -2), r"voxel sizes above 0 mm, found \(-2, "),
        (30, struct.pack(">f", 0), r"voxel sizes above 0 mm, found \(0, "),
    ],
)
def test_an_mgh_header_that_places_no_voxels_is_refused(
    tmp_path: Path, place: int, number: bytes, said: str
) -> None:
    path = tmp_path / "a.mgh"
    FORMATS["mgz"].write_label(path, LABEL, IMAGE, LABELS)
    content = bytearray(path.read_bytes())
    content[place : place + len(number)] = number
    path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        read_label(path)


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        (b"sizes: 2 1 1", b"sizes: 2 0 1", r"at least one voxel along each axis, found shape \(2, 0, 1\)"),
        (b"sizes: 2 1 1", b"sizes: 2 -1 1", r"at least one voxel along each axis, found shape \(2, -1, 1\)"),
        (b"type: uint8", b"type: what", "cannot read it"),
        (None, b"", "it ends too early"),
    ],
)
@pytest.mark.parametrize("ending", [".nrrd", ".seg.nrrd"])
def test_an_nrrd_header_that_says_nothing_is_refused(
    tmp_path: Path, was: bytes | None, now: bytes, said: str, ending: str
) -> None:
    header = (
        b"NRRD0004\ntype: uint8\ndimension: 3\nspace: left-posterior-superior\nsizes: 2 1 1\n"
        b"space directions: (1,0,0) (0,1,0) (0,0,1)\nspace origin: (0,0,0)\nencoding: raw\n\n\x05\x07"
    )
    path = tmp_path / f"a{ending}"
    path.write_bytes(now if was is None else header.replace(was, now))
    with pytest.raises(DataError, match=said):
        read_label(path)


def test_what_is_no_mgh_file_at_all_is_refused(tmp_path: Path) -> None:
    for name, content in (("empty.mgh", b""), ("short.mgh", bytes(100)), ("zeros.mgh", bytes(400))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=r"cannot read it|at least one voxel"):
            read_label(tmp_path / name)


def test_mgz_holds_values_beyond_a_byte_as_int32(tmp_path: Path) -> None:
    assert nib.load(_written(tmp_path, "mgz")).get_data_dtype() == np.dtype(">i4")
    found = read_label(tmp_path / "case.mgz").array
    assert found.dtype.isnative
    FORMATS["mgz"].write_label(tmp_path / "b.mgz", np.minimum(LABEL, 255), IMAGE, LABELS)
    assert nib.load(tmp_path / "b.mgz").get_data_dtype() == np.uint8


def test_a_label_on_another_lattice_is_left_for_the_comparison_of_grids(tmp_path: Path) -> None:
    path = _written(tmp_path, "nrrd")
    shifted = AFFINE.copy()
    shifted[:3, 3] += 0.2
    like = Volume(IMAGE.array, shifted, None, Path("image"))
    np.testing.assert_allclose(read_label(path, like=like).affine, AFFINE, atol=1e-9)


def test_values_that_are_no_whole_numbers_are_refused(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.full((2, 2, 2), 0.5))
    sitk.WriteImage(image, str(tmp_path / "a.mha"))
    with pytest.raises(LabelError, match="whole-number labels"):
        read_label(tmp_path / "a.mha")


def test_more_than_one_volume_is_refused(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((2, 2, 2, 3)), isVector=True), str(tmp_path / "a.mha"))
    nib.save(nib.MGHImage(np.zeros((2, 2, 2, 3), np.float32), np.eye(4)), tmp_path / "a.mgz")
    for name in ("a.mha", "a.mgz"):
        with pytest.raises(DataError, match="expected one 3D volume"):
            read_image(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "stem", "known"),
    [
        ("a.nii.gz", "a", "nifti"), ("a.b.nii", "a.b", "nifti"), ("a.seg.nrrd", "a", "seg.nrrd"),
        ("a.nrrd", "a", "nrrd"), ("A.MHD", "A", "mha"), ("a.mgz", "a", "mgz"), ("a.txt", None, None),
    ],
)  # fmt: skip
def test_the_ending_tells_the_format(name: str, stem: str | None, known: str | None) -> None:
    assert volume_stem(Path(name)) == stem
    assert format_of(Path(name)) == (FORMATS[known] if known else None)


@pytest.mark.parametrize(("name", "package"), [("nrrd", "nrrd"), ("seg.nrrd", "nrrd"), ("mha", "SimpleITK")])
def test_a_missing_package_is_told_with_its_extra(
    tmp_path: Path, monkeypatch, name: str, package: str
) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(AlcsegError, match=r"pip install ['\"]alcseg\["):
        _written(tmp_path, name)


def test_an_unknown_format_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match=r"expected one of .* Did you mean 'nrrd'"):
        LabelOutput.of("nrd", LABELS, {})


def test_names_and_colors_stand_in_a_table_that_slicer_reads(tmp_path: Path) -> None:
    write_color_table(tmp_path, LABELS)
    lines = (tmp_path / "labels.ctbl").read_text().splitlines()
    assert lines[1:] == ["0 background 0 0 0 0", "1 left_atrium 230 76 51 255", "300 wall 51 153 230 255"]
