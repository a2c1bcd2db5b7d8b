"""Every method describes itself completely."""

import subprocess
import sys

import pytest

from alcseg.commands.methods import MethodInfo, MethodList, _costs, _paragraphs, methods
from alcseg.errors import UsageError
from alcseg.training_methods import METHODS


def test_all_methods_are_listed_in_order():
    listed = methods()
    assert isinstance(listed, MethodList)
    assert [entry.name for entry in listed.methods] == sorted(METHODS)
    assert "vnet" in listed.networks
    assert all(entry.paper and entry.networks and entry.predicts for entry in listed.methods)


def test_a_method_of_another_package_says_which(install):
    source = "from alcseg.training_methods.supervised import HSup\nclass Other(HSup):\n    'One line.'"
    install("elsewhere", "2.1", source, {"alcseg.methods": {"other": "elsewhere:Other"}})
    listed = {entry.name: entry for entry in methods()}  # anew, whatever is kept
    assert listed["other"].distribution == "elsewhere 2.1"
    assert methods()["other"].distribution == "elsewhere 2.1"
    assert methods()["h_sup"].distribution is None
    assert [entry.name for entry in methods().methods] == sorted([*METHODS.builtin, "other"])


def test_the_list_is_printed_without_torch(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    expected = methods()
    program = (
        "import sys; from alcseg.commands.methods import methods; from alcseg.cli import main; "
        "sys.dont_write_bytecode = True; main(['methods']); print(methods()); "
        "heavy = ('torch', 'lightning', 'monai', 'pandas', 'scipy', 'matplotlib'); "
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)"
    )
    words = [sys.executable, "-X", f"pycache_prefix={tmp_path}", "-c", program]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert done.stdout.rstrip().endswith(str(expected))


def test_measured_costs_belong_to_methods():
    listed = methods()
    costs = {entry.name: entry.cost for entry in listed.methods}
    assert set(_costs().cost) <= set(costs)
    assert listed.measured == _costs().measured.model_dump()
    assert all(cost is None or cost > 0 for cost in costs.values())


def test_a_method_that_was_not_measured_has_no_cost(monkeypatch):
    known = _costs().model_copy(update={"cost": {"hl_sup": 1.0}})
    monkeypatch.setattr("alcseg.commands.methods._costs", lambda: known)
    assert methods()["hl_sup"].cost == 1.0
    assert methods()["alc"].cost is None


@pytest.mark.parametrize("name", METHODS)
def test_every_setting_has_a_default_and_a_meaning(name):
    described = methods()[name]
    assert isinstance(described, MethodInfo)
    assert described.summary.endswith(".")
    assert "paper" in described.description
    for setting in described.settings:
        field = METHODS[name][0].settings_class.model_fields[setting.name]
        assert not field.is_required()
        assert setting.meaning, f"{name}: '{setting.name}' has no docstring"
        if isinstance(setting.default, int | float) and not isinstance(setting.default, bool):
            assert setting.range, f"{name}: '{setting.name}' is a number without a range"


def test_choices_and_ranges_come_from_the_settings():
    described = {setting.name: setting for setting in methods()["trinet"].settings}
    assert described["select"].choices == ("both_small", "small_gap")
    assert described["select"].range == ""
    assert described["keep_ratio"].range == "above 0 and up to 1"
    assert described["ramp_end_fraction"].range == "0 to 1"
    assert described["ce_weight"].range == "at least 0"
    assert described["quality_aware"].choices == ()


@pytest.mark.parametrize("name", [name for name, (_, fixed) in METHODS.items() if fixed])
def test_fixed_settings_are_marked(name):
    fixed = METHODS[name][1]
    described = methods()[name]
    assert isinstance(described, MethodInfo)
    assert {setting.name: setting.default for setting in described.settings if setting.fixed} == fixed


def test_quality_aware_follows_from_the_streams():
    aware = {entry.name: entry.quality_aware for entry in methods().methods}
    assert aware["alc"]
    assert aware["h_sup"]
    assert not aware["hl_sup"]


def test_unknown_method_names_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'mean_teacher'"):
        methods()["mean_techer"]


def test_paragraphs_flow_and_equations_stand():
    docstring = "One\nline.\n\nThe loss is\n    a = b\n    c = d\n\n    e = f\nwhere\n- a: two\n  lines\n- b"
    equations = "    a = b\n    c = d"
    assert _paragraphs(docstring) == [
        "One line.",
        "The loss is",
        equations,
        "    e = f",
        "where\n- a: two lines\n- b",
    ]
