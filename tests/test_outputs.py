"""Output folders that are whole or not there, and what they replace."""

import errno
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from alcseg import exchange
from alcseg.errors import ResourceError, UsageError
from alcseg.exchange import short
from alcseg.locks import LOCK_INSIDE, alone
from alcseg.outputs import output_folder, real_path, refuse_working_place, require_apart, require_free
from alcseg.unfinished import unfinished_prefix


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def content(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


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
            refuse_working_place(real_path(slip))
        with pytest.raises(UsageError), output_folder(slip, overwrite=True):
            pass
    assert here.is_dir()


def test_an_output_must_lie_apart_from_inputs(tmp_path: Path) -> None:
    for out in ("data/labels", "data", "data/labels/new"):
        with pytest.raises(UsageError, match="output folder outside of the source"):
            require_apart(tmp_path / out, tmp_path / "data" / "labels")
    require_apart(tmp_path / "data" / "scores", tmp_path / "data" / "labels")


def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    write(tmp_path / "disk" / "real", old="x")
    (tmp_path / "out").symlink_to(tmp_path / "disk" / "real")
    with output_folder(tmp_path / "out", overwrite=True) as partial:
        write(partial, new="y")
    assert (tmp_path / "out").is_symlink()
    assert content(tmp_path / "disk") == {"real/new": "y"}
    (tmp_path / "ahead").symlink_to(tmp_path / "disk" / "later")
    with output_folder(tmp_path / "ahead") as partial:
        write(partial, new="z")
    assert content(tmp_path / "disk" / "later") == {"new": "z"}


def test_links_in_a_circle_are_named(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    for look in (real_path, require_free, lambda path: require_apart(path, tmp_path)):
        with pytest.raises(UsageError, match="a: expected a path, found links that lead in a circle"):
            look(tmp_path / "a")


def test_the_old_content_stays_until_the_new_is_whole(tmp_path: Path) -> None:
    out = write(tmp_path / "out", old="x")

    def stop_halfway() -> None:
        with output_folder(out, overwrite=True) as partial:
            write(partial, new="y")
            assert content(out) == {"old": "x"}
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_halfway()
    assert content(tmp_path) == {"out/old": "x"}


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_appears_meanwhile_is_taken_over(tmp_path: Path, overwrite: bool) -> None:
    out = write(tmp_path / "out", old="x") if overwrite else tmp_path / "out"
    with output_folder(out, overwrite=overwrite) as partial:
        write(partial / "deep", new="y")
        write(out / "deep", note="mine")
        if overwrite:
            (out / "old").write_text("saved meanwhile")
    kept = {"old": "saved meanwhile"} if overwrite else {}
    assert content(out) == {"deep/new": "y", "deep/note": "mine"} | kept
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("place", ["beside", "inside"])
def test_nothing_is_lost_where_two_write_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.setattr(os.path, "ismount", lambda path: place == "inside" and Path(path) == out)
    (tmp_path / "out-1").mkdir()

    def write_twice() -> None:
        with output_folder(out) as partial:
            write(partial, a="second", b="second")
            write(out, a="first")

    other = "out-2" if place == "beside" else "out/out-1"
    with pytest.raises(
        UsageError, match=rf"'a' appeared in it meanwhile\. It stays, .* is {tmp_path}/{other}"
    ):
        write_twice()
    assert content(tmp_path) == {"out/a": "first", f"{other}/a": "second", f"{other}/b": "second"}


def test_a_place_that_cannot_be_renamed_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = write(tmp_path / "out", old="x")
    write(out / "deep", old="x")
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path) == out)
    with output_folder(out, overwrite=True) as partial:
        assert partial.parent == out
        write(partial / "deep", new="y")
        write(out, note="mine")
    assert content(out) == {"deep/new": "y", "note": "mine"}
    rename = os.rename

    def fail_late(old: Path, new: Path) -> None:
        if Path(new) == out / "second":
            raise PermissionError(1, "Operation not permitted", str(old))
        rename(old, new)

    monkeypatch.setattr(os, "rename", fail_late)

    def fail() -> None:
        with output_folder(out, overwrite=True) as partial:
            write(partial, first="z", second="z")

    with pytest.raises((ResourceError, PermissionError)):
        fail()
    assert content(out) == {"deep/new": "y", "note": "mine"}
    assert sorted(path.name for path in out.iterdir()) == ["deep", "note"]


def test_an_exchange_that_fails_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = write(tmp_path / "out", old="x")
    rename = os.rename

    def fail(old: Path, new: Path) -> None:
        if Path(new) == out and ".partial-" in str(old):
            raise PermissionError(1, "Operation not permitted", str(old))
        rename(old, new)

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(ResourceError, match="out: expected a disk"), output_folder(out, overwrite=True):
        pass
    assert content(tmp_path) == {"out/old": "x"}


def test_what_another_verb_should_keep_is_kept_unless_made_anew(tmp_path: Path) -> None:
    out = write(tmp_path / "out", mine="x", scan="old")
    with output_folder(out, overwrite=True, keep=lambda name: name.name in ("mine", "scan")) as partial:
        write(partial, scan="new")
    assert content(out) == {"mine": "x", "scan": "new"}


GONE = unfinished_prefix().replace(
    str(os.getpid()), str(2**22 + 1)
)  # no system numbers its processes so high


def test_a_kill_in_the_middle_of_an_exchange_is_made_good(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with output_folder(out):
        pass
    aside = f"{GONE.replace('partial', 'replaced')}{short(out)}"
    out.rename(write(tmp_path, old="x") / "gone")  # between the two renames the place is empty
    write(tmp_path / aside, old="x")
    write(tmp_path / f"{GONE}half", half="y")
    with pytest.raises(UsageError, match="found files in it"), output_folder(out):
        pass
    assert content(out) == {"old": "x"}
    write(tmp_path / aside, old="older")  # after them the old has not been removed yet
    with output_folder(out, overwrite=True) as partial:
        write(partial, new="z")
    assert content(out) == {"new": "z"}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_an_error_in_a_folder_names_its_place(tmp_path: Path) -> None:
    def fill() -> None:
        with output_folder(tmp_path / "out") as partial:
            raise OSError(28, "No space left on device", str(partial / "labelsTr" / "a.nii.gz"))

    with pytest.raises(ResourceError, match=r"out/labelsTr/a\.nii\.gz: expected a disk with room"):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_an_output_has_the_usual_permissions(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with output_folder(tmp_path / "out"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o750


def test_a_second_call_on_the_same_folder_is_told_at_once(tmp_path: Path) -> None:
    def write_from_another_thread() -> None:  # which the lock takes for another process
        with output_folder(tmp_path / "link") as partial:
            write(partial, a="second")

    (tmp_path / "link").symlink_to(tmp_path / "out")
    with ThreadPoolExecutor(1) as pool, output_folder(tmp_path / "out") as partial:
        write(partial, a="first")
        with pytest.raises(UsageError, match="link: another alcseg is at it"):
            pool.submit(write_from_another_thread).result()
    assert content(tmp_path / "out") == {"a": "first"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "out"]


def test_a_folder_of_which_the_parent_is_read_only_is_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = write(tmp_path / "out", old="x")
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path and access(path, mode))
    with output_folder(out, overwrite=True) as partial:
        write(partial, new="y")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
        assert (out / LOCK_INSIDE).is_file()
    assert content(tmp_path) == {"out/new": "y"}
    (out / "new").unlink()
    with alone(out), output_folder(out) as partial:  # which counts as empty
        write(partial, new="z")
    assert content(tmp_path) == {"out/new": "z"}


def test_files_that_come_and_go_in_the_output_meanwhile_stop_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as those that an editor locks a file by."""
    out = write(tmp_path / "out", old="x")
    take_over = exchange.take_over

    def gone_by_now(source: Path, target: Path) -> None:
        source.unlink()
        take_over(source, target)

    monkeypatch.setattr(exchange, "take_over", gone_by_now)
    with output_folder(out, overwrite=True) as partial:
        write(partial, new="y")
        write(out, note="n")
    assert content(out) == {"new": "y"}
    monkeypatch.setattr(os, "walk", lambda folder: [(folder, [], ["new", "gone"])])
    assert list(exchange.listing(out)) == [Path("new")]


def test_a_folder_that_another_process_exchanges_just_now_is_looked_at_under_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    iterdir = Path.iterdir

    def gone(folder: Path) -> Iterator[Path]:
        monkeypatch.setattr(Path, "iterdir", iterdir)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))

    out = write(tmp_path / "out", old="x")
    monkeypatch.setattr(Path, "iterdir", gone)
    with pytest.raises(UsageError, match="expected an empty or new output folder"), output_folder(out):
        pass
