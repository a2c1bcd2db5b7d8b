"""Every record, damaged in every way: read for what it still says, or one DataError that names the file."""

import functools
import importlib
import itertools
import json
import math
import pkgutil
import types
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
import yaml

import alcseg.plans
import alcseg.records
from alcseg.errors import DataError
from alcseg.records.audit_trail import AuditLine, AuditTrail
from alcseg.records.base import Document, Record, Row
from alcseg.records.benchmark_plan import BenchmarkPlan
from alcseg.records.dataset import DatasetRecord
from alcseg.records.settings import ChosenMethod, RunSettings
from alcseg.records.steps import StepTable

for _module in pkgutil.iter_modules(alcseg.records.__path__):
    importlib.import_module(f"alcseg.records.{_module.name}")


def kinds(base: type) -> list[Any]:
    """All records of the package, in the order of their names."""
    found = {kind for kind in base.__subclasses__() if kind.__module__.startswith("alcseg.records.")}
    return sorted(found, key=lambda kind: kind.__name__)


DOCUMENTS, ROWS = kinds(Document), kinds(Row)
BAD: tuple[Any, ...] = (
    True, -1, 0, 2**70, 0.5, 1e308, math.nan, math.inf, "", "x", "../x", "\x00", "\ud800", [], [None],
    {}, {"x": None}, [[[]]],
)  # fmt: skip
CELLS = ("", "x", "-1", "1e999", "nan", "1" * 5000, '"', "a\nb", "\x00", "../x", "=1", "0x1", "1_000", " ")


def example(kind: Any) -> Any:
    """A value of an annotation."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return example(inner[0])
    if origin is Literal:
        return inner[0]
    if origin in (Union, types.UnionType):
        return example(next(one for one in inner if one is not type(None)))
    if origin is tuple:
        return (example(inner[0]),) if inner[1:] == (...,) else tuple(map(example, inner))
    if origin is dict:
        return {"x": example(inner[1])}
    if origin is list:
        return [example(inner[0])]
    if isinstance(kind, type) and issubclass(kind, Record):
        return record(kind)
    return {str: "x", int: 1, float: 0.5, bool: True, Any: 1, object: 1}[kind]


def record(kind: type[Record]) -> Record:
    """One that holds something in every field."""
    if kind is BenchmarkPlan:
        text = files(alcseg.plans).joinpath("smoke.yaml").read_text()
        return BenchmarkPlan.parse(yaml.safe_load(text), Path("smoke.yaml"))
    if kind is RunSettings:
        return RunSettings(method=ChosenMethod(name="alc"))
    values = {field.alias or name: example(field.annotation) for name, field in kind.model_fields.items()}
    if kind is DatasetRecord:
        values |= {"file_ending": ".nii.gz", "channel_names": {"0": "x"}}
        values |= {"labels": {"background": 0, "x": 1}, "ignore": 2}
    return kind.model_validate(values)


def places(content: Any) -> Iterator[list[Any]]:
    """Keys that lead to everything that content holds."""
    for key in (
        content if isinstance(content, dict) else range(len(content) if isinstance(content, list) else 0)
    ):
        yield [key]
        for rest in places(content[key]):
            yield [key, *rest]


def with_another(content: Any, place: list[Any], value: Any) -> Any:
    """The content with another value in one place; without it where that is `...`."""
    key, *rest = place
    new = content.copy()
    if not rest and value is ...:
        del new[key]
    else:
        new[key] = with_another(content[key], rest, value) if rest else value
    return new


def read(kind: Any, path: Path, data: bytes) -> None:
    """Reads what was damaged, or refuses it in a line that names the file."""
    path.write_bytes(data)
    refused_in_a_line(lambda: kind.read_file(path), path)


def refused_in_a_line(call: Callable[[], object], path: Path) -> None:
    """Only that, or not at all."""
    said = str(path)
    try:
        call()
    except DataError as error:
        said = str(error)
    assert str(path) in said
    assert "\n" not in said
    assert len(said) < 1200


def cuts(data: bytes) -> Iterator[bytes]:
    """Truncated, and with a byte that is no text."""
    for number in range(12):
        end = len(data) * number // 12
        yield data[:end]
        yield data[:end] + b"\xff" + data[end:]
        yield data[:end] + b"\x00" + data[end + 1 :]


def test_all_records_are_here() -> None:
    assert {"plan.json", "run.json", "archive.json", "demo.json", "predict.json", "correct.json"} <= {
        kind.NAME for kind in DOCUMENTS
    }
    assert {"offsets.csv", "fingerprint.csv", "cases.csv"} <= {kind.NAME for kind in ROWS}


@pytest.mark.parametrize("kind", DOCUMENTS, ids=lambda kind: kind.__name__)
def test_a_damaged_document_is_one_line(kind: type[Document], tmp_path: Path) -> None:
    whole = record(kind)
    path = whole.write(tmp_path)
    assert kind.read_file(path).content() == whole.content()
    is_json = path.suffix == ".json"
    found = [*cuts(path.read_bytes())]
    for data in (
        b"",
        b"null",
        b"[]",
        b"1",
        b"{}",
        b"[" * 100_000,
        b'x: "\\ud800"',
        *(found if is_json else found[::6]),
    ):
        read(kind, path, data)
    content = whole.content()
    bad = itertools.cycle(BAD)  # in turn, since all of them in every place take long
    for place in places(content):
        for value in (..., None, *itertools.islice(bad, 5)):
            changed = with_another(content, place, value)
            if is_json:
                read(kind, path, json.dumps(changed).encode())
            elif value != "\ud800":  # reading YAML takes long, and refuses that
                refused_in_a_line(functools.partial(kind.parse, changed, path), path)


@pytest.mark.parametrize("kind", ROWS, ids=lambda kind: kind.__name__)
def test_a_damaged_table_is_one_line(kind: type[Row], tmp_path: Path) -> None:
    path = kind.write(tmp_path, [record(kind)] * 2)
    text = path.read_bytes()
    if kind.NAME != "cases.csv":  # which names each case once
        assert len(kind.read_file(path)) == 2
    heading, line, _ = text.decode().split("\n", 2)
    cells = line.split(",")
    for data in (b"", b"\n\n", heading.encode(), line.encode(), text.replace(b",", b";"), *cuts(text)):
        read(kind, path, data)
    for number in range(len(cells)):
        for cell in CELLS:
            read(
                kind,
                path,
                "\n".join([heading, ",".join([*cells[:number], cell, *cells[number + 1 :]])]).encode(),
            )
        read(kind, path, "\n".join([heading, ",".join([*cells[:number], *cells[number + 1 :]])]).encode())
        read(kind, path, "\n".join([heading, ",".join(cells[:number])]).encode())


def test_damaged_steps_are_one_line(tmp_path: Path) -> None:
    text = "step,loss,lr,seg,val_dice,val_dice_teacher,time_s,w\n1,0.5,0.1,0.5,0.5,0.5,1.0,1\n"
    path = tmp_path / "metrics.csv"
    for data in cuts(text.encode()):
        read(StepTable, path, data)
    for cell in CELLS:
        for number in range(8):
            cells = ["1"] * 8
            cells[number] = cell
            read(StepTable, path, f"{text}{','.join(cells)}\n".encode())


def test_a_damaged_trail_is_one_line(tmp_path: Path) -> None:
    path, content = tmp_path / AuditLine.NAME, record(AuditLine).content()
    lines = [json.dumps(content)]
    for place in places(content):
        lines += [json.dumps(with_another(content, place, value)) for value in (..., *BAD)]
    for data in (*cuts(lines[0].encode()), *(line.encode() for line in lines)):
        path.write_bytes(data)
        refused_in_a_line(lambda: AuditTrail.read(tmp_path), path)
