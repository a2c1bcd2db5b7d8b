"""Examples in docstrings are run as they stand."""

import doctest
import importlib
from pathlib import Path

import pytest

import alcseg

ROOT = Path(alcseg.__file__).parent
WITH_EXAMPLES = sorted(path for path in ROOT.rglob("*.py") if ">>> " in path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_examples_give_what_they_say(path: Path) -> None:
    words = path.relative_to(ROOT.parent).with_suffix("").parts
    module = importlib.import_module(".".join(words).removesuffix(".__init__"))
    failed, tried = doctest.testmod(module)
    assert tried
    assert not failed
