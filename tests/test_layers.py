"""Rules about imports that no contract in pyproject.toml can state without naming every method."""

import ast
import pkgutil
from pathlib import Path

import pytest

import alcseg.training_methods
from alcseg.training_methods import METHODS

FOLDER = Path(alcseg.training_methods.__file__).parent
PACKAGE = FOLDER.parent
FILES = {
    name: FOLDER / f"{name}.py"
    for _, name, _ in pkgutil.iter_modules([str(FOLDER)])
    if name != "base" and not name.startswith("_")
}


def imported(path: Path) -> set[str]:
    """Absolute names of all modules that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = ".".join(
                part for part in ("alcseg.training_methods" if node.level else "", node.module) if part
            )
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return names


def test_pytest_is_needed_for_testing_alone():
    sources = (path for path in PACKAGE.rglob("*.py") if path.parent.name != "testing")
    assert not [path for path in sources if "pytest" in imported(path)]


def test_every_method_lives_in_a_file_that_is_looked_at():
    assert {cls.__module__ for cls, _ in METHODS.builtin.values()} == {
        f"alcseg.training_methods.{name}" for name in FILES
    }


@pytest.mark.parametrize("name", FILES)
def test_no_method_imports_another(name):
    others = {f"alcseg.training_methods.{other}" for other in FILES if other != name}
    # The package itself imports all methods, so that would be a way around.
    assert not imported(FILES[name]) & {"alcseg.training_methods", *others}


@pytest.mark.parametrize("helper", [*FOLDER.glob("_[!_]*.py"), FOLDER / "base.py"])
def test_what_methods_share_imports_no_method(helper):
    assert not imported(helper) & {f"alcseg.training_methods.{name}" for name in FILES}
