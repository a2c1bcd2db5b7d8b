"""The page of all files that ALCSeg writes, made of the records when the site is built, with JSON schemas.

What the page says stands in `alcseg.records`, so that it cannot fall behind the files.
"""

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Iterator
from typing import Any, TypeAlias, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

import alcseg.records
from alcseg.records.base import Decimals, Document, Record, Row, Significant, meanings
from alcseg.records.checked import limits
from alcseg.records.steps import StepTable

Kinds = Document | Row | StepTable
Kind: TypeAlias = type[Document] | type[Row] | type[StepTable]

PAGE = "reference/files.md"
HEAD = """# Files

Every file that ALCSeg writes, field by field. JSON and YAML files carry the number of their `format`; tables
are known by their columns. Older formats are read with the defaults below, newer ones are refused. A cell is
empty where a number is not defined. Unknown keys and columns are left alone.

"""


def on_files(files: Any, config: Any) -> Any:
    """Add the page and a schema per file."""
    from mkdocs.structure.files import File  # of the docs extra; the tests do without

    files.append(File.generated(config, PAGE, content=page()))
    for kind in kinds():
        files.append(File.generated(config, f"reference/{schema_name(kind)}", content=schema(kind)))
    return files


def kinds() -> list[Kind]:
    """All files, by the modules that hold them."""
    found: dict[Kind, None] = {}
    for _, name, _ in pkgutil.iter_modules(alcseg.records.__path__):
        module = importlib.import_module(f"alcseg.records.{name}")
        for value in vars(module).values():
            if inspect.isclass(value) and issubclass(value, Kinds) and hasattr(value, "NAME"):
                found[value] = None
    return sorted(found, key=lambda kind: kind.NAME)


def page() -> str:
    """The page, Markdown."""
    return HEAD + "\n\n".join(section(kind) for kind in kinds()) + "\n"


def section(kind: Kind) -> str:
    """What stands in one file."""
    parts = [f"## `{kind.NAME}`", _prose(inspect.getdoc(kind) or "")]
    written = f"Written by {kind.MADE_BY}"
    if issubclass(kind, Document):
        number = "" if kind.FORMAT is None else f"; format {kind.FORMAT}"
        parts.append(f"{written}{number}. [JSON schema]({schema_name(kind)})")
    else:
        parts.append(f"{written}; one line each. [JSON schema of a line]({schema_name(kind)})")
    parts.append(fields(kind))
    for part in nested(kind):
        parts += [f"### {part.__name__}", _prose(inspect.getdoc(part) or ""), fields(part)]
    return "\n\n".join(parts)


def fields(kind: type[Record]) -> str:
    """A table of the fields of a record."""
    lines = ["| field | kind | default | meaning |", "|---|---|---|---|"]
    said = meanings(kind)
    for name, field in kind.model_fields.items():
        default = "needed" if field.is_required() else f"`{_default(field)}`"
        cells = (f"`{field.alias or name}`", _kind(field), default, _prose(said.get(name, "")))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def nested(kind: type[Record]) -> Iterator[type[Record]]:
    """Records that stand in the fields of this one, each once, outer ones first."""
    seen: dict[type[Record], None] = {}
    waiting = [field.annotation for field in kind.model_fields.values()]
    while waiting:
        annotation = waiting.pop(0)
        waiting += get_args(annotation)
        if inspect.isclass(annotation) and issubclass(annotation, BaseModel) and annotation not in seen:
            seen[annotation] = None
            waiting += [field.annotation for field in annotation.model_fields.values()]
    yield from seen


def schema_name(kind: Kind) -> str:
    """File of the JSON schema, beside the page."""
    return f"schemas/{kind.__name__}.schema.json"  # two tables are called ranking.csv


def schema(kind: Kind) -> str:
    """The JSON schema."""
    content: dict[str, Any] = kind.model_json_schema(mode="serialization")
    for part in (kind, *nested(kind)):
        described = content if part is kind else content["$defs"][part.__name__]
        for name, text in meanings(part).items():
            own = described["properties"].get(part.model_fields[name].alias or name)
            if own is not None:  # some stand in no file
                own["description"] = " ".join(text.split())
    properties = content.get("properties", {})
    if issubclass(kind, Document) and kind.SPREAD is not None:  # its entries stand at the top of the file
        content["additionalProperties"] = properties.pop(kind.SPREAD)["additionalProperties"]
        content["required"] = [name for name in content.get("required", []) if name != kind.SPREAD]
    if issubclass(kind, Document) and kind.FORMAT is not None:
        number = {"const": kind.FORMAT, "title": "Format", "description": "Number of the format."}
        content["properties"] = {kind.FORMAT_KEY: number} | properties
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _kind(field: FieldInfo) -> str:
    """The type of a field as a person writes it."""
    annotation = field.annotation
    text = (
        annotation.__name__ if inspect.isclass(annotation) and not get_args(annotation) else str(annotation)
    )
    text = re.sub(r"\b(?:typing|pathlib|collections\.abc|alcseg\.records\.\w+)\.", "", text)
    text = re.sub(r"\bAnnotated\[(\w+), [^\[\]]*\]", r"\1", text)  # what marks it follows in words
    text = re.sub(r"\bOptional\[(\w+(?:\[[^\[\]]*\])?)\]", r"\1 | None", text)
    text = {"NoneType": "None"}.get(text, text)
    written = {
        Decimals: "{} decimals",
        Significant: "{} significant digits",
    }
    marks = [written[type(mark)].format(mark.count) for mark in field.metadata if type(mark) in written]
    return ", ".join(filter(None, [f"`{text}`", *marks, limits(field)]))


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Record):
        return "{}"
    return "null" if value is None else json.dumps(value, default=str)


def _prose(text: str) -> str:
    """Text on one line, in which only code is marked."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(
        part if index % 2 else re.sub(r"([*<])", r"\\\1", part) for index, part in enumerate(parts)
    )
