"""The cache is kept small without taking anything from a training."""

import os
import shutil
from pathlib import Path

import pytest

from alcseg.data import cache_limit
from alcseg.data.cache_limit import cached_plans, in_use, prune

fcntl = pytest.importorskip("fcntl")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three folders of 100 bytes, the first used longest ago, and things that are not of the cache."""
    root = tmp_path / ".alcseg-cache"
    for number in range(3):
        folder = root / f"{number}".rjust(16, "a")
        folder.mkdir(parents=True)
        (folder / "case.image.npy").write_bytes(b"x" * 100)
        os.utime(folder, (1000 + number, 1000 + number))
    (root / "notes").mkdir()
    (root / "notes" / "mine.txt").write_text("mine")
    return root


def left(root: Path) -> list[str]:
    return [plan.path.name[-1] for plan in cached_plans(root)]


def test_what_was_used_longest_ago_goes_first(root: Path) -> None:
    assert left(root) == ["0", "1", "2"]
    assert prune(root, 300) == []
    assert [plan.size for plan in prune(root, 250)] == [100]
    assert left(root) == ["1", "2"]
    prune(root, 0)
    assert left(root) == []
    assert (root / "notes" / "mine.txt").is_file()
    assert cached_plans(root / "nowhere") == prune(root / "nowhere", 0) == []


def test_what_a_training_holds_stays(root: Path) -> None:
    first = cached_plans(root)[0].path
    with in_use(first), in_use(first):  # trainings share it
        prune(root, 0)
        assert left(root) == ["0"]
    assert cached_plans(root)[0].last_used > 1002
    prune(root, 0)
    assert left(root) == []


def test_a_file_that_goes_while_it_is_counted_counts_nothing(root: Path) -> None:
    """As another training's unfinished ones do; a link to nowhere is listed and has no size either."""
    folder = cached_plans(root)[0].path
    (folder / ".partial-case.image.npy").symlink_to(root / "nowhere")
    assert next(plan for plan in cached_plans(root) if plan.path == folder).size == 100


def test_a_folder_that_goes_while_it_is_counted_counts_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does that another process prunes."""

    def goes(folder: Path) -> bool:
        if found := is_plan(folder):
            shutil.rmtree(folder)
        return found

    is_plan = cache_limit._is_plan
    plans = cached_plans(root)
    monkeypatch.setattr(cache_limit, "_is_plan", goes)
    assert cached_plans(root) == []
    monkeypatch.setattr(cache_limit, "cached_plans", lambda root: plans)
    assert prune(root, 0) == []


def test_a_folder_that_is_pruned_while_a_training_takes_it_up_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("a" * 16)
    pruned = iter([True, False, True, False, False])  # before it is opened, and before it is locked

    def go(*_: object) -> None:
        if next(pruned):
            shutil.rmtree(folder)

    make = cache_limit.make_folder
    monkeypatch.setattr(cache_limit, "make_folder", lambda path: (make(path), go()))
    monkeypatch.setattr(fcntl, "flock", go)
    with in_use(folder):
        assert folder.is_dir()
    assert not any(pruned)


def test_a_folder_that_was_made_anew_is_not_taken_for_the_old_one(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at it and the lock: somebody pruned it, and a training is at it again."""
    folder = cached_plans(root)[0].path
    own = os.open(folder, os.O_RDONLY)  # its number is not given to another

    def anew(*_: object) -> None:
        shutil.rmtree(folder)
        folder.mkdir()

    monkeypatch.setattr(fcntl, "flock", anew)
    assert folder not in [plan.path for plan in prune(root, 250)]
    assert folder.is_dir()
    os.close(own)
