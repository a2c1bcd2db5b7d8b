"""The pages of the methods, made when the site is built: one per class, complete, each linked."""

import importlib.util
from pathlib import Path

import pytest

from alcseg.training_methods import METHODS

HOOK = Path(__file__).parents[1] / "docs" / "_hooks" / "method_pages.py"


@pytest.fixture(scope="module")
def hook():
    spec = importlib.util.spec_from_file_location("method_pages", HOOK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_a_page_with_all_parts(name, hook):
    page = hook.page(hook.page_of(name))
    headings = [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")]
    assert headings[:4] == ["Idea", "Differences from the paper", "Loss terms", "Settings of the method"]
    assert headings[-1] == "Cite"
    assert f"`{name}`" in page
    method = METHODS[name][0]
    assert method.card.paper in page
    assert all(f"`{term}`" in page for term in (*method.terms, *method.readings))


def test_variants_share_the_page_of_the_plain_method(hook):
    assert hook.page_of("alc_wo_lr") == "alc"
    assert "| `alc_wo_ls` | `select_fraction` `1.0` |" in hook.page("alc")
    assert "alc_wo_ls" not in hook.page_words()


def test_the_overview_links_every_method(hook):
    text = hook.on_page_markdown(f"Before\n\n{hook.MARK}\n", None, None, None)
    assert text.startswith("Before\n\n| method |")
    for name in METHODS:
        assert f"[`{name}`]({hook.page_of(name)}.md)" in text


def test_the_navigation_gains_the_pages_of_its_section(hook):
    config = {"nav": [{"Start": "index.md"}, {"Methods": [{"Overview": "methods/index.md"}]}]}
    found = hook.on_config(config)["nav"][1]["Methods"]
    assert found[:2] == [{"Overview": "methods/index.md"}, {"alc": "methods/alc.md"}]
    assert len(found) == 1 + len(hook.page_words())


def test_equations_stay_and_marks_of_prose_are_escaped(hook):
    assert hook._prose("    a * b < c") == "    a * b < c"
    assert hook._prose("a * b of `c*d` in <x>") == r"a \* b of `c*d` in \<x>"
    assert hook._table(["a"], [["KL(p || q)"]]).endswith(r"| KL(p \|\| q) |")


def test_a_docstring_without_a_part_is_named(hook):
    with pytest.raises(ValueError, match="expected a paragraph 'Cite'"):
        hook._parts(["The idea.", "Differences from the paper: none."])
