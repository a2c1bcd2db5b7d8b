"""What a cache takes, and removing it."""

from pathlib import Path

import pytest

from alcseg.commands.cache import cache
from alcseg.errors import DataError, UsageError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a" * 16, "b" * 16):
        folder = tmp_path / ".alcseg-cache" / name
        folder.mkdir(parents=True)
        (folder / "case.image.npy").write_bytes(b"x" * 2**20)
    return tmp_path


@pytest.mark.parametrize("inside", ["", ".alcseg-cache"])
def test_it_is_told_and_removed_where_that_is_asked_for(root: Path, inside: str) -> None:
    found = cache(root / inside)
    assert (found.size_gib, found.removed, len(found.plans)) == (0.002, (), 2)
    kept = cache(root / inside, prune=True, keep_gib=1.5 / 2**10)
    assert (kept.size_gib, len(kept.removed), kept.removed_gib) == (0.001, 1, 0.001)
    assert cache(root / inside, prune=True).plans == {}


def test_a_cache_of_another_name_is_known_by_its_folders(root: Path) -> None:
    (root / ".alcseg-cache").rename(root / "mine")
    assert len(cache(root / "mine").plans) == 2


def test_what_cannot_be_done_is_refused(root: Path, tmp_path: Path) -> None:
    for folder in (tmp_path / "nowhere", root / ".alcseg-cache" / ("a" * 16)):
        with pytest.raises(DataError, match="expected a cache of `alcseg train` or the folder of runs"):
            cache(folder, prune=True)
    with pytest.raises(UsageError, match="expected with --prune"):
        cache(root, keep_gib=1)
    for size in (-1.0, float("nan")):
        with pytest.raises(UsageError, match="expected 0 or more"):
            cache(root, prune=True, keep_gib=size)


def test_the_command_line(root: Path, alcseg) -> None:
    assert alcseg("cache", root, "--prune").code == 0
    assert not list((root / ".alcseg-cache").iterdir())
