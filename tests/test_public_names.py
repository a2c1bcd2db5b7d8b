"""What `alcseg` promises can be imported, and importing it is light."""

import ast
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import alcseg


@pytest.mark.parametrize("name", alcseg.__all__)
def test_every_public_name_is_there(name):
    assert getattr(alcseg, name) is not None


def test_no_verb_is_hidden_by_a_module_of_its_name():
    modules = {name for _, name, _ in pkgutil.iter_modules(alcseg.__path__)}
    assert modules & set(alcseg.__all__) == {"metrics", "noise"}  # which are public as modules


def test_dir_lists_the_public_names():
    assert dir(alcseg) == sorted(alcseg.__all__)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        alcseg.no_such_name  # noqa: B018 - the access is what is tested


def test_prediction_waits_for_nothing_that_only_training_needs():
    program = (
        "import sys, torch, monai; before = set(sys.modules); import alcseg.commands.predict; "
        "print(sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = ast.literal_eval(done.stdout)
    assert "alcseg" in loaded
    assert not {"lightning", "tensorboard", "matplotlib", "jsonargparse", "pandas"} & set(loaded)


def test_import_loads_nothing_heavy():
    program = "import sys, alcseg; print([m for m in ('torch', 'numpy', 'lightning') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_function_and_class_has_its_place_in_the_reference():
    page = (Path(__file__).parents[1] / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    shown = {line.removeprefix("::: ") for line in page.splitlines() if line.startswith(":::")}
    public = [getattr(alcseg, name) for name in alcseg.__all__]
    own = [one for one in public if getattr(one, "__module__", "").startswith("alcseg.")]
    assert len(own) > 20
    for one in own:
        assert shown & {one.__module__, f"{one.__module__}.{one.__qualname__}"}, one
