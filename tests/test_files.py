"""Writing whole files or none."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

import alcseg.files
from alcseg.errors import DataError, ResourceError
from alcseg.files import (
    atomic_path,
    link_or_copy,
    make_folder,
    read_json,
    write_json,
    write_text,
)
from alcseg.unfinished import leftovers


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail_halfway() -> None:
        with atomic_path(target) as partial:
            partial.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("text", ["[" * 100_000, "1" * 5_000, "{", '{"a": 1, "a": 2}', '"\\ud800"'])
def test_json_that_is_none_is_a_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=r"a\.json: not valid JSON"):
        read_json(tmp_path / "a.json")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    below = tmp_path / "file" / "deep" / "out"
    with pytest.raises(ResourceError, match="file/deep/out: expected a folder that can be made"):
        make_folder(below)
    with pytest.raises(ResourceError, match=f"'Not a directory' at {tmp_path}"):
        make_folder(below)
    with pytest.raises(ResourceError), atomic_path(below):
        pass
    with pytest.raises(ResourceError):
        link_or_copy(tmp_path / "file", below)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_json_comes_back_and_faults_are_named(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": [1, 2.5, None]})
    assert read_json(tmp_path / "a.json") == {"b": [1, 2.5, None]}
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(DataError, match="not valid JSON"):
        read_json(tmp_path / "bad.json")
    with pytest.raises(DataError, match="found no file"):
        read_json(tmp_path / "absent.json")


def test_a_link_has_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"123")
    link_or_copy(tmp_path / "a", tmp_path / "deep" / "b")
    assert (tmp_path / "deep" / "b").read_bytes() == b"123"


def test_bytes_are_on_the_disk_before_the_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = []
    monkeypatch.setattr(alcseg.files, "flush", lambda path: done.append(path.name[:9]))
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda old, new: (done.append("renamed"), replace(old, new)))
    write_text(tmp_path / "a.txt", "x")
    assert done == [".partial-", "renamed", tmp_path.name[:9]]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT])
def test_a_full_disk_is_told_of_the_file_that_was_to_be_written(tmp_path: Path, number: int) -> None:
    def fill(name: Path | None) -> None:
        raise OSError(number, os.strerror(number), name and str(name))

    for name in (None, tmp_path / "source"):  # such as what `shutil.copyfile` names
        with (
            pytest.raises(ResourceError, match=rf"^{tmp_path}/a\.txt: expected a disk with room"),
            atomic_path(tmp_path / "a.txt"),
        ):
            fill(name)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow beyond 4 kB."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


WRITERS: dict[str, Callable[[Path, torch.Tensor], None]] = {
    "bytes": lambda path, array: path.write_bytes(array.numpy().tobytes()),
    "numpy": lambda path, array: np.save(path, array.numpy()),
    "torch": lambda path, array: torch.save(array, path),
    "safetensors": lambda path, array: safetensors.torch.save_file({"a": array}, path),
}


@pytest.mark.usefixtures("small_disk")
@pytest.mark.parametrize("name", WRITERS)
def test_every_library_that_meets_a_full_disk_is_understood(tmp_path: Path, name: str) -> None:
    with (
        pytest.raises(ResourceError, match=rf"^{tmp_path}/a\.npy: expected a disk with room"),
        atomic_path(tmp_path / "a.npy") as partial,
    ):
        WRITERS[name](partial, torch.zeros(10_000))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_read_meanwhile_is_no_full_disk(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a"):
        (tmp_path / "absent").read_text()


def test_a_name_as_long_as_can_be_is_written(tmp_path: Path) -> None:
    write_text(tmp_path / f"{'a' * 248}.nii.gz", "x")
    assert [len(path.name) for path in tmp_path.iterdir()] == [255]


def test_a_number_that_is_not_finite_is_never_written_as_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"b": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    with pytest.raises(DataError, match=r"a\.json: expected a file or nothing in its place, found a folder"):
        write_json(tmp_path / "a.json", {})
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_what_is_written_is_no_leftover_from_its_first_moment_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread may look for leftovers at any time."""
    close = os.close
    seen: list[Path] = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "close", lambda handle: (close(handle), seen.extend(tmp_path.iterdir())))
        with atomic_path(tmp_path / "a.txt"):
            assert len(seen) == 1
            assert leftovers(tmp_path) == []


def test_a_folder_whose_parent_is_removed_meanwhile_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir = os.mkdir
    removed = iter([True, True])

    def made(path: Path, *mode: int) -> None:
        if Path(path).name == "b" and next(removed, False):
            (tmp_path / "a").rmdir()
        mkdir(path, *mode)

    (tmp_path / "a").mkdir()
    monkeypatch.setattr(os, "mkdir", made)
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    assert next(removed, None) is None
