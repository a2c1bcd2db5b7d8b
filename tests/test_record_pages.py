"""The page of the files that ALCSeg writes: every file, every field, a schema each."""

import importlib.util
import json
from pathlib import Path

import pytest

from alcseg.records.base import meanings

HOOK = Path(__file__).parents[1] / "docs" / "_hooks" / "record_pages.py"


def load():
    spec = importlib.util.spec_from_file_location("record_pages", HOOK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hook = load()


@pytest.mark.parametrize("kind", hook.kinds(), ids=lambda kind: kind.NAME)
def test_every_field_is_explained(kind):
    section = hook.section(kind)
    for record in (kind, *hook.nested(kind)):
        said = meanings(record)
        for name, field in record.model_fields.items():
            assert said.get(name), f"{record.__name__}.{name}: expected a docstring below the field"
            assert f"| `{field.alias or name}` |" in section


@pytest.mark.parametrize("kind", hook.kinds(), ids=lambda kind: kind.NAME)
def test_every_file_has_a_schema_with_its_own_names(kind):
    properties = json.loads(hook.schema(kind))["properties"]
    assert all(value["description"] for value in properties.values())
    fields = {field.alias or name: field for name, field in kind.model_fields.items()}
    own = {name for name, field in fields.items() if not field.exclude}
    own -= {getattr(kind, "SPREAD", None)}
    assert own == set(properties) - {getattr(kind, "FORMAT_KEY", None)}


def test_no_two_files_of_one_verb_have_one_name():
    names = [(kind.NAME, kind.MADE_BY) for kind in hook.kinds()]
    assert len(names) == len(set(names)) > 5


def test_the_page_links_the_schemas():
    page = hook.page()
    assert page.startswith("# Files\n")
    for kind in hook.kinds():
        assert f"(schemas/{kind.__name__}.schema.json)" in page
