"""Writing whole files or none."""

from pathlib import Path

import pytest

from alcseg.errors import DataError, ResourceError, UsageError
from alcseg.files import (
    atomic_path,
    link_or_copy,
    make_folder,
    output_folder,
    read_json,
    remove_output,
    require_apart,
    write_json,
)


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


def test_a_failed_folder_leaves_nothing(tmp_path: Path) -> None:
    def fail_halfway() -> None:
        with output_folder(tmp_path / "out") as partial:
            (partial / "half").write_text("x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_files_is_kept_unless_told(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine").write_text("x")
    with pytest.raises(UsageError, match="--overwrite"), output_folder(out):
        pass
    assert (out / "mine").exists()
    with output_folder(out, overwrite=True) as partial:
        (partial / "new").write_text("y")
    assert [path.name for path in out.iterdir()] == ["new"]


@pytest.mark.parametrize("holds", ["dataset.json", "run.json", "plan.yaml", "audit.json", "predict.json"])
def test_what_is_of_another_kind_is_never_overwritten(tmp_path: Path, holds: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / holds).write_text("{}")
    with (
        pytest.raises(UsageError, match=rf"({holds}).*remove this one yourself"),
        output_folder(tmp_path / "out", overwrite=True, writes="report.html"),
    ):
        pass
    assert (tmp_path / "out" / holds).exists()
    with output_folder(tmp_path / "out", overwrite=True, writes=holds) as partial:
        (partial / "new").write_text("y")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["new"]


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
    with pytest.raises(ResourceError, match=f"'Not a directory' at {tmp_path}"), output_folder(below):
        pass
    with pytest.raises(ResourceError), atomic_path(below):
        pass
    with pytest.raises(ResourceError):
        link_or_copy(tmp_path / "file", below)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that is there and takes nothing")
def test_a_folder_that_takes_nothing_is_named() -> None:
    with pytest.raises(ResourceError, match="/proc/out: expected a folder"), output_folder(Path("/proc/out")):
        pass


def test_the_working_folder_is_never_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "project" / "here"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    for slip in (here, here.parent, Path()):
        with pytest.raises(UsageError, match="folder of its own"):
            remove_output(slip)
        with pytest.raises(UsageError), output_folder(slip, overwrite=True):
            pass
    assert here.is_dir()


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


def test_an_output_must_lie_apart_from_inputs(tmp_path: Path) -> None:
    for out in ("data/labels", "data", "data/labels/new"):
        with pytest.raises(UsageError, match="output folder outside of the source"):
            require_apart(tmp_path / out, tmp_path / "data" / "labels")
    require_apart(tmp_path / "data" / "scores", tmp_path / "data" / "labels")
