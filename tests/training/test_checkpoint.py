from pathlib import Path

import pytest
import torch

from alcseg.errors import CheckpointError
from alcseg.training.checkpoint import find_checkpoint, previous, write_checkpoint


class Mine:
    """Stands for a method."""


def write(path: Path, step: int, method: str = "Mine") -> None:
    write_checkpoint(path, lambda partial: torch.save({"method": method, "done": step}, partial))


def test_the_one_before_is_kept(tmp_path: Path) -> None:
    last = tmp_path / "last.ckpt"
    assert find_checkpoint(last, Mine()) == (None, 0)
    for step in (2, 4, 6):
        write(last, step)
    assert find_checkpoint(last, Mine()) == (last, 6)
    assert torch.load(previous(last), weights_only=True)["done"] == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.ckpt", "previous.ckpt"]


@pytest.mark.parametrize("damage", ["empty", "cut off", "foreign", "list", "folder", "link", "gone"])
def test_a_damaged_one_is_passed_over_for_the_one_before(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    last = tmp_path / "last.ckpt"
    write(last, 2)
    write(last, 4)
    whole = last.read_bytes()
    last.unlink()
    if damage == "folder":
        last.mkdir()
    elif damage == "link":
        last.symlink_to(tmp_path / "moved.ckpt")
    elif damage == "list":
        torch.save([1, 2], last)
    elif damage != "gone":
        last.write_bytes(
            {"empty": b"", "cut off": whole[: len(whole) // 2], "foreign": b"no weights"}[damage]
        )
    assert find_checkpoint(last, Mine()) == (previous(last), 2)
    assert "oing on from step 2 of previous.ckpt" in caplog.text
    previous(last).unlink()
    if damage != "gone":
        with pytest.raises(CheckpointError, match=r"last\.ckpt: expected a checkpoint .* --overwrite"):
            find_checkpoint(last, Mine())


def test_one_of_another_method_is_refused_whatever_lies_beside_it(tmp_path: Path) -> None:
    last = tmp_path / "last.ckpt"
    write(last, 2)
    write(last, 4, "Other")
    with pytest.raises(CheckpointError, match="expected a checkpoint of Mine, found one of Other"):
        find_checkpoint(last, Mine())


def test_a_write_that_fails_changes_nothing(tmp_path: Path) -> None:
    last = tmp_path / "last.ckpt"
    write(last, 2)

    def fail(partial: Path) -> None:
        partial.write_bytes(b"half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_checkpoint(last, fail)
    assert find_checkpoint(last, Mine()) == (last, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]
