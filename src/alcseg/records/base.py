"""What all records have in common: frozen models that know their file, its format number, and older ones."""

import ast
import csv
import inspect
import io
import itertools
import json
import math
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, ClassVar, Protocol, Self, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from alcseg.bounded_yaml import load_yaml
from alcseg.errors import DataError
from alcseg.files import read_json, write_json, write_text
from alcseg.listing import has_file
from alcseg.texts import read_cells, read_text

__all__ = [
    "Decimals",
    "Document",
    "Record",
    "Row",
    "Significant",
    "by_case",
    "explain",
    "meanings",
    "read_table",
]


class OfCase(Protocol):
    """A line that is about a case."""

    @property
    def case_id(self) -> str:
        """The case."""


Line = TypeVar("Line", bound=OfCase)


class Record(BaseModel):
    """Named values that do not change; the docstring under a field says what it is, see `meanings`."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        validate_by_name=True,
        protected_namespaces=(),
    )


class Document(Record):
    """A JSON or YAML file as a whole.

    Attributes:
        NAME: Of the file.
        MADE_BY: What writes it, as a person would call it.
        FORMAT: Number of the present format; it rises when a reader of the last one would go wrong. None
            where the file belongs to others, who know no such number.
        FORMAT_KEY: What the number stands under.
        SPREAD: Name of a field, a mapping, whose entries stand at the top of the file beside the others.
    """

    NAME: ClassVar[str]
    MADE_BY: ClassVar[str]
    FORMAT: ClassVar[int | None] = 1
    FORMAT_KEY: ClassVar[str] = "format"
    SPREAD: ClassVar[str | None] = None

    @classmethod
    def path(cls, folder: Path) -> Path:
        """Where the file lies in a folder."""
        return folder / cls.NAME

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the file of a folder; see `read_file`."""
        return cls.read_file(cls.path(folder))

    @classmethod
    def read_file(cls, path: Path) -> Self:
        """Read a file of this kind.

        Raises:
            DataError: If it is absent or damaged, or of a newer format.
        """
        if not has_file(path):
            found = "a folder. Restore the file." if path.is_dir() else "no file. Check the path."
            raise DataError(f"{path}: expected {cls.NAME} of {cls.MADE_BY}, found {found}")
        content = _read_yaml(path) if path.suffix == ".yaml" else read_json(path)
        if not isinstance(content, dict):
            raise DataError(
                f"{path}: expected {cls.NAME} of {cls.MADE_BY}, got {type(content).__name__}. Restore it."
            )
        return cls.parse(content, path)

    @classmethod
    def parse(cls, content: dict[str, Any], path: Path) -> Self:
        """Make a record of the content of a file.

        Args:
            content: Plain types; files from before formats were numbered have none, which counts as 0.
            path: Where it came from, for messages.

        Raises:
            DataError: If a field is absent or wrong, or the format is newer.
        """
        found = 0 if cls.FORMAT is None else content.get(cls.FORMAT_KEY, 0)
        if type(found) is not int or found < 0:
            raise DataError(
                f"{path}: expected a number of the format of {cls.NAME}, found {found!r:.40}. "
                "Restore it, or make it again."
            )
        if found > (cls.FORMAT or 0):
            raise DataError(
                f"{path}: expected format {cls.FORMAT} of {cls.NAME} or an older one, found {found!r:.40}. "
                "It was written by a newer alcseg; update this one."
            )
        try:
            return cls.model_validate(cls.upgrade(cls._gathered(content), found))
        except ValidationError as error:
            raise DataError(
                f"{path}: expected {cls.NAME} of {cls.MADE_BY}, got {explain(error)}. "
                "Restore it, or make it again."
            ) from None
        except DataError as error:  # of a validator that does not know the file
            raise DataError(f"{path}: {error}") from None

    @classmethod
    def upgrade(cls, content: dict[str, Any], found: int) -> dict[str, Any]:
        """The content of an older format as one of the present format; by default as it is."""
        return content

    @classmethod
    def _gathered(cls, content: dict[str, Any]) -> dict[str, Any]:
        """The content with what is no field in the field for it, if there is one."""
        if cls.SPREAD is None:
            return content
        own = {field.alias or name for name, field in cls.model_fields.items() if name != cls.SPREAD}
        own |= set() if cls.FORMAT is None else {cls.FORMAT_KEY}
        rest = {key: value for key, value in content.items() if key not in own}
        return {key: value for key, value in content.items() if key in own} | {cls.SPREAD: rest}

    def content(self) -> dict[str, Any]:
        """Plain types in the order of the fields, the format number first; what is not finite is None."""
        plain: dict[str, Any] = _finite(self.model_dump(mode="json", by_alias=True))
        spread = {} if self.SPREAD is None else plain.pop(self.SPREAD)
        own = ({} if self.FORMAT is None else {self.FORMAT_KEY: self.FORMAT}) | plain
        return own | {key: value for key, value in spread.items() if key not in own}

    def write(self, folder: Path) -> Path:
        """Write the file into a folder, whole or not at all, and return its path."""
        return self.write_file(self.path(folder))

    def write_file(self, path: Path) -> Path:
        """Write a file of this kind, whole or not at all."""
        if path.suffix == ".yaml":
            write_text(path, yaml.safe_dump(self.content(), sort_keys=False, allow_unicode=True))
        else:
            write_json(path, self.content())
        return path


class Row(Record):
    """One line of a CSV file; the fields are its columns, in order.

    An empty cell is None where that is allowed, else nan for a number and an empty text. A column that is
    absent has the field's default. Floating-point fields are written in full unless a `Decimals` or a
    `Significant` stands in their annotation.

    Attributes:
        NAME: Of the file.
        MADE_BY: What writes it, as a person would call it.
    """

    NAME: ClassVar[str]
    MADE_BY: ClassVar[str]

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        """Headings of the file."""
        return tuple(field.alias or name for name, field in cls.model_fields.items())

    @classmethod
    def path(cls, folder: Path) -> Path:
        """Where the file lies in a folder."""
        return folder / cls.NAME

    @classmethod
    def read(cls, folder: Path) -> tuple[Self, ...]:
        """Read the file of a folder; see `read_file`."""
        return cls.read_file(cls.path(folder))

    @classmethod
    def read_file(cls, path: Path) -> tuple[Self, ...]:
        """Read all lines of a file.

        Raises:
            DataError: If it is absent, a column is missing or a cell is wrong.
        """
        headings, lines = cls.lines(path)
        required = [field.alias or name for name, field in cls.model_fields.items() if field.is_required()]
        absent = [name for name in required if name not in headings]
        if absent and not lines:  # a table without lines has its headings; a file of nothing is no table
            raise DataError(
                f"{path}: expected {', '.join(cls.columns())} of {cls.MADE_BY}, found no column '{absent[0]}'"
                f"{'' if headings else ' in an empty file'}. Restore it, or make it again."
            )
        rows = []
        for number, cells in enumerate(lines, start=2):
            try:
                rows.append(cls.model_validate(cls.from_cells(cells)))
            except (ValidationError, TypeError) as error:
                reason = explain(error) if isinstance(error, ValidationError) else "a line that is cut off"
                raise DataError(
                    f"{path}, line {number}: expected {', '.join(cls.columns())} of {cls.MADE_BY}, "
                    f"got {reason}. Restore it, or make it again."
                ) from None
        return tuple(rows)

    @classmethod
    def lines(cls, path: Path) -> tuple[list[str], list[dict[str, Any]]]:
        """Headings of a file, and the cells of its lines by heading, unchecked; None where a line ends early.

        Raises:
            DataError: If the file is absent or no such table.
        """
        return read_table(path, cls.NAME, cls.MADE_BY)

    @classmethod
    def from_cells(cls, cells: dict[str, Any]) -> dict[str, Any]:
        """Values of the fields from the cells of a line; empty ones as the field wants them."""
        values = {}
        for name, field in cls.model_fields.items():
            key = field.alias or name
            if key not in cells:
                continue
            cell = cells[key]
            if cell is None:
                raise TypeError("the line has too few cells")
            values[key] = _empty(field) if cell == "" else cell
        return values

    def cells(self) -> dict[str, str]:
        """Heading to text."""
        return {
            field.alias or name: _text(getattr(self, name), field.metadata)
            for name, field in type(self).model_fields.items()
        }

    @classmethod
    def write(cls, folder: Path, rows: Iterable[Self]) -> Path:
        """Write the file into a folder, whole or not at all, and return its path."""
        return cls.write_file(cls.path(folder), rows)

    @classmethod
    def write_file(cls, path: Path, rows: Iterable[Self]) -> Path:
        """Write a file of this kind, whole or not at all."""
        text = io.StringIO()
        writer = csv.DictWriter(text, cls.columns(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(row.cells() for row in rows)
        write_text(path, text.getvalue())
        return path


@dataclass(frozen=True)
class Decimals:
    """A number is written with so many digits after the point."""

    count: int

    def __call__(self, value: float) -> str:
        """The number as text."""
        return f"{value:.{self.count}f}"


@dataclass(frozen=True)
class Significant:
    """A number is written with at most so many significant digits."""

    count: int

    def __call__(self, value: float) -> str:
        """The number as text."""
        return f"{value:.{self.count}g}"


def read_table(path: Path, name: str, made_by: str) -> tuple[list[str], list[dict[str, Any]]]:
    """Headings of a CSV file, and the cells of its lines by heading; None where a line ends early.

    Raises:
        DataError: If the file is absent or no such table.
    """
    headings, *rows = read_cells(path, f"{name} of {made_by}") or [[]]
    if twice := sorted({heading for heading in headings if heading and headings.count(heading) > 1}):
        raise DataError(f"{path}: expected each column once, found '{twice[0]}' again. Take one out.")
    lines = []
    for number, row in enumerate(rows, start=2):
        if any(row[len(headings) :]):
            raise DataError(
                f"{path}, line {number}: expected {len(headings)} cells, found {len(row)}. "
                "Put a cell with a separator in it between quotes."
            )
        lines.append(dict(itertools.zip_longest(headings, row[: len(headings)])))
    return headings, lines


def by_case(rows: Iterable[Line]) -> dict[str, tuple[Line, ...]]:
    """Lines of a table by their `case_id`, cases and lines in the order of the table."""
    found: dict[str, list[Line]] = {}
    for row in rows:
        found.setdefault(row.case_id, []).append(row)
    return {case_id: tuple(own) for case_id, own in found.items()}


def meanings(kind: type[Record]) -> dict[str, str]:
    """What the docstring under each field says; read from the source when asked, not on every import."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base is Record or not issubclass(base, Record):
            continue
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        for field, text in itertools.pairwise(getattr(definition, "body", ())):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                found[ast.unparse(field.target)] = inspect.cleandoc(ast.literal_eval(text.value))
    return found


def explain(error: ValidationError) -> str:
    """What pydantic found wrong first, in a few words."""
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"])) or "the whole"
    if first["type"] == "value_error":  # of a validator, which says it all
        return f"{where}: {first['ctx']['error']}".removesuffix(".")
    message = f"{first['msg'][0].lower()}{first['msg'][1:]}"
    if first["type"] == "missing":
        return f"no '{where}'"
    return f"{first['input']!r:.60} for '{where}': {message}"


def _empty(field: FieldInfo) -> Any:
    """What an empty cell means."""
    kinds = (
        get_args(field.annotation)
        if get_origin(field.annotation) in (Union, UnionType)
        else (field.annotation,)
    )
    if type(None) in kinds:
        return None
    return math.nan if float in kinds else ""


def _text(value: Any, metadata: Iterable[Any]) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        written = next((mark for mark in metadata if isinstance(mark, Decimals | Significant)), repr)
        return written(value)
    return str(value)


def _finite(value: Any) -> Any:
    """Numbers that are not finite as None, all the way down: JSON has no words for them."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _read_yaml(path: Path) -> Any:
    text = read_text(path, "a YAML file")
    try:
        content = load_yaml(text)
        json.dumps(content, ensure_ascii=False, default=str).encode()  # half a surrogate pair is no text
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}: not valid YAML ({error}). Repair or replace it.") from None
    return content
