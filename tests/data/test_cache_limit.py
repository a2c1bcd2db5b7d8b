"""The cache is kept small without taking anything from a training."""

import os
from pathlib import Path

import pytest

from alcseg.data.cache_limit import cached_plans, in_use, prune


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
