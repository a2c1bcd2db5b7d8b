"""A copy of the study that a test may damage, and a table of all trials at the end of the run."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import study_folder
from faults.verbs import add_inputs


@pytest.fixture(scope="session")
def inputs(study: study_folder.Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study and what further verbs take; only to be read, see `own_inputs`."""
    root = tmp_path_factory.mktemp("faults") / "inputs"
    shutil.copytree(study.root, root)
    add_inputs(root)
    return root


@pytest.fixture
def own_inputs(inputs: Path, tmp_path: Path) -> Path:
    """A copy."""
    return Path(shutil.copytree(inputs, tmp_path / "inputs"))


def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter") -> None:
    """Verb, fault, trials, and how many were answered as documented with nothing lost."""
    reports = [one for kind in ("passed", "failed") for one in terminalreporter.stats.get(kind, [])]
    rows = [dict(one.user_properties) for one in reports if one.user_properties]
    rows = [row for row in rows if "trials" in row]
    if not rows:
        return
    write: Callable[[str], None] = terminalreporter.write_line
    terminalreporter.section("faults")
    write(f"{'verb':<18}{'fault':<28}{'trials':>8}{'as documented':>16}")
    for row in sorted(rows, key=lambda row: (row["verb"], row["fault"])):
        write(f"{row['verb']:<18}{row['fault']:<28}{row['trials']:>8}{row['right']:>16}")
    total, right = (sum(row[key] for row in rows) for key in ("trials", "right"))
    write(f"{'all':<46}{total:>8}{right:>16}")
