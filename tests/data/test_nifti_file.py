"""Bytes of one file: whole to the last, no larger than they are, and placed by their header."""

import gzip
import struct
import time
import tracemalloc

import nibabel as nib
import numpy as np
import pytest

from alcseg.data.header_notes import header_notes
from alcseg.data.nifti import read_grid, read_image, read_label
from alcseg.errors import AlcsegError, DataError, GeometryError


def content(array, *, sform=2, qform=0):
    """Bytes of a NIfTI file with a unit affine and these form codes."""
    data = bytearray(nib.Nifti1Image(array, np.eye(4)).to_bytes())
    data[252:256] = struct.pack("<hh", qform, sform)
    return data


@pytest.fixture
def image(rng):
    return content(rng.integers(0, 200, (6, 7, 8)).astype(np.int16))


@pytest.fixture
def write(tmp_path):
    def write(data, name="a.nii.gz"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(bytes(data), mtime=0) if name.endswith(".gz") else bytes(data))
        return path

    return write


def test_no_damaged_byte_of_a_gzip_file_goes_unseen(write, rng):
    label = np.zeros((12, 12, 12), np.uint8)
    label[3:9, 4:8, 2:10] = 1
    path = write(content(label))
    good = path.read_bytes()
    # The first ten bytes are the header of gzip, whose time and system mean nothing.
    for at in rng.integers(10, len(good), 60):
        damaged = bytearray(good)
        damaged[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(damaged))
        for read in (read_label, read_image):
            try:
                found = read(path)
            except DataError:
                continue
            assert np.array_equal(found.array, label)
            assert gzip.decompress(bytes(damaged)) == gzip.decompress(good)  # a bit that gzip does not use


def test_memory_and_time_follow_what_a_file_holds(write, image):
    image[40:56] = struct.pack("<8h", 3, 2000, 2000, 700, 1, 1, 1, 1)  # 5.2 GiB of int16
    for name in ("a.nii.gz", "b.nii"):
        path = write(image, name)
        begun = time.perf_counter()
        tracemalloc.start()
        with pytest.raises(DataError, match="5600000000 bytes of voxels declared, 672 there"):
            read_image(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 64 << 20
        assert time.perf_counter() - begun < 5


@pytest.mark.parametrize(
    ("at", "raw", "message"),
    [
        (40, struct.pack("<8h", 3, -4, 7, 8, 1, 1, 1, 1), "expected"),
        (40, struct.pack("<8h", 3, 0, 7, 8, 1, 1, 1, 1), "at least one voxel along each axis"),
        (40, struct.pack("<8h", 99, 6, 7, 8, 1, 1, 1, 1), "cannot read it"),
        (70, struct.pack("<hh", 1, 1), "cannot read it"),  # one bit per voxel
        (70, struct.pack("<hh", 4444, 16), "cannot read it"),
        (108, struct.pack("<f", float("nan")), "cannot read it"),
        (108, struct.pack("<f", 1e30), "cannot read it"),
        (344, b"ni1\0", "does not begin with a NIfTI header"),
        (344, b"abcd", "does not begin with a NIfTI header"),
    ],
)
def test_odd_headers_are_one_line_that_names_the_file(write, image, at, raw, message):
    image[at : at + len(raw)] = raw
    path = write(image)
    with pytest.raises(DataError, match=message) as caught:
        read_image(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("inter", [float("nan"), float("inf")])
def test_an_intercept_that_is_no_number_is_0(write, image, inter):
    plain = read_image(write(image)).array
    image[112:120] = struct.pack("<ff", 2.0, inter)
    assert np.array_equal(read_image(write(image)).array, 2 * plain)


@pytest.mark.parametrize("slope", [0.0, float("nan"), float("inf")])
def test_a_slope_that_is_no_number_scales_nothing(write, image, slope):
    plain = read_image(write(image)).array
    image[112:120] = struct.pack("<ff", slope, 5.0)
    assert np.array_equal(read_image(write(image)).array, plain)


@pytest.mark.parametrize("steps", [(-1, 1, 2), (0, 1, 2), (1, float("nan"), 2), (1, 1, float("inf"))])
@pytest.mark.parametrize("qform", [0, 1])
def test_voxel_sizes_that_are_used_are_positive(write, rng, steps, qform):
    data = content(rng.normal(size=(3, 3, 3)), sform=0, qform=qform)
    data[80:92] = struct.pack("<3f", *steps)
    with pytest.raises(GeometryError, match="expected voxel sizes above 0 mm"):
        read_grid(write(data))
    data[254:256] = struct.pack("<h", 1)  # with an sform nobody asks
    assert read_image(write(data)).spacing == (1, 1, 1)


def test_a_quaternion_longer_than_1_is_refused(write, rng):
    data = content(rng.normal(size=(3, 3, 3)), sform=0, qform=1)
    data[256:268] = struct.pack("<3f", 0.9, 0.9, 0.9)
    with pytest.raises(GeometryError, match="expected a rotation in the qform"):
        read_image(write(data))


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "i2", "f4", "f8"])
def test_voxels_are_those_that_nibabel_reads(tmp_path, rng, kind, order, dtype):
    nifti = kind(rng.integers(0, 99, (3, 4, 5)).astype(dtype), np.diag([1.5, 2.0, 2.5, 1.0]))
    nifti.header.set_slope_inter(0.37, -3)
    path = tmp_path / "a.nii"
    kind(nifti.dataobj, nifti.affine, nifti.header.as_byteswapped(order)).to_filename(path)
    read, expected = read_image(path), nib.load(path)
    assert np.array_equal(read.array, expected.get_fdata(dtype=np.float32))
    assert np.array_equal(read.affine, expected.affine)


def test_what_is_mended_is_said_with_the_path_and_what_is_usual_is_not(write, image, caplog):
    image[76:80] = struct.pack("<f", 0)  # pixdim[0], which many tools leave at 0
    path = write(image)
    read_image(path)
    assert caplog.text == ""
    image[252:256] = struct.pack("<hh", 77, 1)
    read_image(write(image))
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: qform_code 77 not valid; setting to 0"
    ]


def test_no_change_of_a_header_ends_in_anything_but_an_error_of_ours(write, rng):
    plain = content(rng.integers(0, 3, (4, 4, 4)).astype(np.int16), qform=1)
    odd = [struct.pack("<f", value) for value in (np.nan, np.inf, -1, 0, 1e30, 1e-30)]
    odd += [struct.pack("<h", value) for value in (-1, 0, 1, 4, 16, 128, 1536, 32767)]
    read = 0
    for _ in range(100):
        changed = bytearray(plain)
        for _ in range(2):
            at, raw = int(rng.integers(0, 348)) & ~1, odd[rng.integers(len(odd))]
            changed[at : at + len(raw)] = raw
        path = write(changed, "a.nii")
        try:
            label = read_label(path)
        except AlcsegError:
            continue
        list(header_notes(label))
        read += 1
    assert 30 < read < 100
