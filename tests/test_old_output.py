"""Old outputs stand aside and come back unless something better took their place."""

import os
from pathlib import Path

import pytest

from alcseg.errors import ResourceError, UsageError
from alcseg.old_output import OldOutput
from alcseg.unfinished import unfinished_prefix
from test_outputs import content, write


def old_output(out: Path) -> OldOutput:
    """One that is worth less than a finished one; notes belong to nobody."""
    return OldOutput(
        out,
        worth=lambda: (out / "finished").exists(),
        replaced=True,
        foreign=lambda name: name.name.startswith("note"),
    )


def test_it_goes_when_the_new_one_is_worth_more(tmp_path: Path) -> None:
    out = write(tmp_path / "out", old="x", same="x", note="mine")
    old = old_output(out)
    write(out / "deep", appeared="before it is set aside")
    with old.aside():
        assert content(out) == {"note": "mine", "deep/appeared": "before it is set aside"}
        write(out, finished="y", same="y", note="changed")
    assert content(tmp_path) == {
        "out/finished": "y",
        "out/same": "y",
        "out/note": "changed",
        "out/deep/appeared": "before it is set aside",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_it_comes_back_when_the_new_one_is_not(tmp_path: Path, error: type[BaseException]) -> None:
    out = write(tmp_path / "out", old="x", same="x")

    def stop() -> None:
        with old_output(out).aside():
            write(out, begun="y", same="y", note="mine")
            raise error

    with pytest.raises(error):
        stop()
    assert content(tmp_path) == {"out/old": "x", "out/same": "x", "out/note": "mine"}


@pytest.mark.parametrize("finished", [False, True])
def test_a_killed_call_is_settled_by_the_next(tmp_path: Path, finished: bool) -> None:
    out = write(tmp_path / "out", begun="y", **({"finished": "y"} if finished else {}))
    name = f"{unfinished_prefix('replaced')}{old_output(out)._ending}"
    gone = name.replace(str(os.getpid()), str(2**22 + 1))  # no system numbers its processes so high
    write(tmp_path / gone, old="x")
    write(tmp_path / gone.replace("replaced", "partial"), half="removed")
    old_output(out)
    assert content(tmp_path) == ({"out/begun": "y", "out/finished": "y"} if finished else {"out/old": "x"})


def test_a_place_that_is_new_needs_nothing(tmp_path: Path) -> None:
    with old_output(tmp_path / "out").aside():
        assert not (tmp_path / "out").exists()


def test_a_link_stays(tmp_path: Path) -> None:
    write(tmp_path / "disk", old="x")
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    with old_output(tmp_path / "out").aside():
        write(tmp_path / "out", finished="y")
    assert (tmp_path / "out").is_symlink()
    assert content(tmp_path / "disk") == {"finished": "y"}


def test_what_cannot_be_set_aside_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = write(tmp_path / "out", old="x")
    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", lambda *names: (_ for _ in ()).throw(OSError(16, "Busy", str(names[0]))))
        with pytest.raises(ResourceError, match="out: expected a disk"), old_output(out).aside():
            pass
    monkeypatch.chdir(out)
    with pytest.raises(UsageError, match="folder of its own"):
        old_output(out)
    assert content(out) == {"old": "x"}
