"""Fixtures that any test may ask for."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator of its own for every test, always with the same seed."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """Find a real dataset by name, or skip the test: `real_data("Task04_Hippocampus")`.

    Looked for in `$ALCSEG_TEST_DATA`, else in `../shared/data` beside the repository.
    """
    folder = Path(os.environ.get("ALCSEG_TEST_DATA", ROOT.parent / "shared" / "data"))

    def find(name: str) -> Path:
        path = folder / name
        if not path.exists():
            pytest.skip(f"{name} is not in {folder}; set ALCSEG_TEST_DATA to the folder that holds it")
        return path

    return find


class CommandResult(NamedTuple):
    """What one call of the command line left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def alcseg(capsys: pytest.CaptureFixture[str]) -> Callable[..., CommandResult]:
    """Call the command line in this process: `alcseg("check", folder).code == 0`."""
    from alcseg.cli import main

    def call(*words: object) -> CommandResult:
        capsys.readouterr()
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return CommandResult(code, captured.out, captured.err)

    return call
