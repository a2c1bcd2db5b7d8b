import importlib.util
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from zipfile import ZipFile

import pytest

from alcseg.reviewing.server import STATIC

ROOT = Path(__file__).parents[1]
needs_page = pytest.mark.skipif(
    not (STATIC / "index.html").is_file(), reason="the page is not built: `make web`"
)


class Command:
    """A command of setuptools, which remembers its warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def hooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`setup.py` for a clone in which the page was not built."""
    spec = importlib.util.spec_from_file_location("alcseg_setup", ROOT / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "web" / "src").mkdir(parents=True)
    (tmp_path / "web" / "src" / "main.js").touch()
    monkeypatch.setattr(module, "WEB", tmp_path / "web")
    monkeypatch.setattr(module, "PAGE", tmp_path / "static" / "index.html")
    return module


@needs_page
def test_every_file_of_the_page_is_packed() -> None:
    content = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = content["tool"]["setuptools"]["package-data"]["alcseg"]
    package = STATIC.parents[1]
    packed = {path for pattern in patterns for path in package.glob(pattern)}
    assert {path for path in STATIC.rglob("*") if path.is_file()} <= packed


def test_without_node_packing_goes_on_and_says_what_will_be_missing(
    hooks: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    command = Command()
    hooks.build_page(command)
    (told,) = command.warnings
    assert "no Node.js" in told
    assert "alcseg review" in told


def test_the_page_is_built_where_it_is_missing_or_older_than_its_sources(
    hooks: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = []
    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(subprocess, "run", lambda words, **_: called.append(words[1]))
    hooks.build_page(Command())
    assert called == ["ci", "run"]
    hooks.PAGE.parent.mkdir()
    hooks.PAGE.touch()
    hooks.build_page(Command())
    assert called == ["ci", "run"]
    os.utime(hooks.PAGE, (0, 0))
    hooks.build_page(Command())
    assert called == ["ci", "run"] * 2


@pytest.mark.slow
@needs_page
def test_a_wheel_holds_the_page(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(ROOT / "src", clone / "src", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, clone)
    command = "from setuptools.build_meta import build_wheel; build_wheel('..')"
    subprocess.run([sys.executable, "-c", command], cwd=clone, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in ZipFile(wheel).namelist() if "reviewing/static/" in name}
    assert packed == {
        f"alcseg/reviewing/static/{path.relative_to(STATIC).as_posix()}"
        for path in STATIC.rglob("*")
        if path.is_file()
    }
