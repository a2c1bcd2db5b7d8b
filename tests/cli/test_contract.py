"""Command line, functions and registries say the same: names, defaults, choices, help."""

import argparse
import importlib
import inspect
import re
from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from alcseg.cli.flags import PRINT_OPTIONS
from alcseg.cli.parser import ARCHIVE, DRY_RUNS, ONE_METHOD, VERBS, build_parser

ONLY_IN_PYTHON = {"demo": {"cases", "set"}}
"""Parameters that no flag stands for."""

ELSEWHERE = {
    ("import", "part_mib"): ARCHIVE,
    ("methods", "name"): ONE_METHOD,
    ("train", "dry_run"): DRY_RUNS["train"],
}
"""Flags that pick another function than that of the verb."""

PARSERS = build_parser()[1]


def function(verb: str) -> Callable[..., Any]:
    module, name = VERBS[verb]
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def actions(verb: str) -> dict[str, argparse.Action]:
    """Flags and arguments of a verb that belong to its function."""
    kept = (action for action in PARSERS[verb]._actions if action.dest not in ("help", *PRINT_OPTIONS))
    return {action.dest: action for action in kept}


OPTIONS = [(verb, name) for verb in VERBS for name in actions(verb) if (verb, name) not in ELSEWHERE]


@pytest.mark.parametrize("verb", VERBS)
def test_every_parameter_has_a_flag(verb):
    parameters = set(inspect.signature(function(verb)).parameters)
    assert parameters - set(actions(verb)) == ONLY_IN_PYTHON.get(verb, set()) & parameters


@pytest.mark.parametrize(("verb", "name"), OPTIONS)
def test_defaults_are_those_of_the_function(verb, name):
    action, parameter = actions(verb)[name], inspect.signature(function(verb)).parameters[name]
    if parameter.default is parameter.empty:
        assert action.required
        return
    assert not action.required
    default = action.default
    assert (tuple(default) if isinstance(default, list) else default) == parameter.default


@pytest.mark.parametrize(("verb", "name"), OPTIONS)
def test_choices_are_those_of_the_function(verb, name):
    wanted = words(get_type_hints(function(verb))[name])
    choices = actions(verb)[name].choices
    assert (tuple(choices) if choices else ()) == wanted


@pytest.mark.parametrize(("verb", "name"), OPTIONS)
def test_every_option_is_explained_on_both_sides(verb, name):
    assert actions(verb)[name].help
    docstring = inspect.getdoc(function(verb)) or ""
    assert re.search(rf"^    {name}: ", docstring, re.MULTILINE), f"{verb}: no '{name}' under Args"


@pytest.mark.parametrize(("flag", "target"), ELSEWHERE.items(), ids=str)
def test_flags_that_pick_another_function_leave_it_what_it_takes(flag, target):
    module, name, *left_out = target
    verb, own = flag
    inspected = inspect.signature(getattr(importlib.import_module(module), name))
    takes_all = any(one.kind is one.VAR_KEYWORD for one in inspected.parameters.values())
    handed_on = set(actions(verb)) - {own, *(left_out[0] if left_out else ())}
    assert takes_all or handed_on <= set(inspected.parameters)


def words(hint: Any) -> tuple[str, ...]:
    """The words of a `Literal`, perhaps one that may be None."""
    if get_origin(hint) is Literal:
        return tuple(map(str, get_args(hint)))
    return next((found for part in get_args(hint) if (found := words(part))), ())
