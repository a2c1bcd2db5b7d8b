"""Archives: bit for bit there and back, in parts, or refused."""

import json

import nibabel as nib
import numpy as np
import pytest

from alcseg.commands.archive_dataset import archive_dataset
from alcseg.commands.import_dataset import import_dataset
from alcseg.data.archive import Archive, read_archived_case, write_archive
from alcseg.errors import DataError, UsageError


@pytest.fixture
def source(tmp_path, rng):
    """Two labeled cases and one without label; images hold 0.0 and -0.0, which are other bits."""
    table = np.array([0.0, -0.0, 1 / 3, -2.5e-7, 1e30], np.float32)
    for case in ("a", "b", "c"):
        image = table[rng.integers(0, 5, (4, 5, 6))]
        image[0, 0, :2] = 0.0, -0.0
        affine = np.diag([0.625, -0.625, 1.1, 1.0])
        (tmp_path / "src/images").mkdir(parents=True, exist_ok=True)
        (tmp_path / "src/labels").mkdir(exist_ok=True)
        nib.Nifti1Image(image, affine).to_filename(tmp_path / f"src/images/{case}.nii.gz")
        if case != "c":
            label = rng.integers(0, 2, image.shape).astype(np.uint8)
            nib.Nifti1Image(label, affine).to_filename(tmp_path / f"src/labels/{case}.nii.gz")
    return tmp_path / "src"


def bits(array):
    return array.dtype, array.shape, array.tobytes()


def test_there_and_back_bit_for_bit_over_many_parts(source, tmp_path):
    direct = import_dataset(source, tmp_path / "direct", test_fraction=0.5)
    (tmp_path / "archive").mkdir()
    archive = write_archive(direct, tmp_path / "archive", 100)
    assert len(archive.index.parts) > 3
    assert max(part.bytes for part in archive.index.parts) == 100
    back = import_dataset(tmp_path / "archive", tmp_path / "back")
    assert back.rows == direct.rows
    assert back.record == direct.record
    for row in direct.rows:
        old, new = direct.read(row.case_id), back.read(row.case_id)
        assert bits(old.images[0].array) == bits(new.images[0].array)
        assert np.array_equal(old.images[0].affine, new.images[0].affine)
        assert (old.label is None) == (new.label is None)
        if old.label is not None:
            assert bits(old.label.array) == bits(new.label.array)


def test_import_writes_an_archive_in_one_go(source, tmp_path):
    archive = archive_dataset(source, tmp_path / "archive", part_mib=1, test_fraction=0.5)
    assert isinstance(archive, Archive)
    assert sorted(case.row.split for case in archive.index.cases) == ["test", "train", "train"]
    assert sorted(path.name for path in archive.root.iterdir()) == ["archive.json", "part-0000.bin"]
    assert archive.to_document()["cases"] == 3
    with pytest.raises(UsageError, match="at least 1 MiB"):
        archive_dataset(source, tmp_path / "none", part_mib=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "src"]


def test_the_command_line_says_how_large_parts_may_be(source, tmp_path, alcseg):
    result = alcseg("import", source, tmp_path / "archive", "--archive", "--val-fraction", "0.5", "--json")
    assert (result.code, json.loads(result.out)["cases"]) == (0, 3)
    assert [case.row.split for case in Archive.open(tmp_path / "archive").index.cases].count("val") == 1
    assert "parts" in alcseg("import", source, tmp_path / "other", "--archive", "1").out
    assert alcseg("import", source, tmp_path / "none", "--archive", "0").code == 2
    assert alcseg("import", source, source / "archive", "--archive", "1").code == 2


def test_damage_is_named(source, tmp_path):
    archive_dataset(source, tmp_path / "archive")
    part = tmp_path / "archive/part-0000.bin"
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    with pytest.raises(DataError, match=r"part-0000\.bin: expected the part as it was written, found other"):
        import_dataset(tmp_path / "archive", tmp_path / "back")
    part.unlink()
    with pytest.raises(DataError, match="found none"):
        import_dataset(tmp_path / "archive", tmp_path / "back")


def test_many_values_are_refused(source, tmp_path):
    image = np.arange(257, dtype=np.float32).reshape(257, 1, 1)
    nib.Nifti1Image(image, np.eye(4)).to_filename(source / "images/c.nii.gz")
    with pytest.raises(DataError, match=r"at most 256 different values to archive, found 257"):
        archive_dataset(source, tmp_path / "archive")
    assert [path.name for path in tmp_path.iterdir()] == ["src"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("start", 1), ("start", 10**9), ("bytes", 3), ("header", 0), ("header", 540), ("values", 2),
        ("values", 10**6), ("dtype", "organ"), ("dtype", "<f8"), ("dtype", "O"), ("shape", [4, 5]),
        ("shape", [2**40, 2**40, 1]),
    ],
)  # fmt: skip
def test_an_index_that_is_damaged_is_named(source, tmp_path, key, value):
    archive = archive_dataset(source, tmp_path / "archive")
    content = json.loads((archive.root / "archive.json").read_text())
    content["cases"][0]["images"][0][key] = value
    (archive.root / "archive.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"archive\.json: expected a volume at byte \d+ of the parts"):
        read_archived_case(Archive.open(archive.root), "a")
