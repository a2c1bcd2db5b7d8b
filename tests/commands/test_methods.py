"""Every method describes itself completely."""

import inspect

import pytest

from alcseg.commands.methods import MethodInfo, MethodList, _argument_docs, methods
from alcseg.errors import UsageError
from alcseg.methods import METHODS


def test_all_methods_are_listed_in_order():
    listed = methods()
    assert isinstance(listed, MethodList)
    assert [entry.name for entry in listed.methods] == sorted(METHODS)
    assert "vnet" in listed.networks


@pytest.mark.parametrize("name", METHODS)
def test_every_setting_has_a_default_and_a_meaning(name):
    described = methods(name)
    assert isinstance(described, MethodInfo)
    assert described.summary.endswith(".")
    assert "paper" in described.description
    for setting in described.settings:
        assert setting.default is not inspect.Parameter.empty
        assert setting.meaning, f"{name}: '{setting.name}' is missing in the docstring"


@pytest.mark.parametrize("name", [name for name, (_, fixed) in METHODS.items() if fixed])
def test_fixed_settings_are_marked(name):
    fixed = METHODS[name][1]
    described = methods(name)
    assert isinstance(described, MethodInfo)
    assert {setting.name: setting.default for setting in described.settings if setting.fixed} == fixed


def test_quality_aware_follows_from_the_streams():
    aware = {entry.name: entry.quality_aware for entry in methods().methods}
    assert aware["alc"]
    assert aware["h_sup"]
    assert not aware["hl_sup"]


def test_unknown_method_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'mean_teacher'"):
        methods("mean_techer")


def test_argument_docs_join_lines_and_stop_at_the_next_section():
    docstring = "One.\n\nArgs:\n    a: First.\n    b: Second,\n        two lines: yes.\n\nRaises:\n    E: No."
    assert _argument_docs(docstring) == {"a": "First.", "b": "Second, two lines: yes."}
