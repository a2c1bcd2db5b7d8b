"""One self-contained HTML page from tables, figures and text; opens offline, prints well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TypeAlias

from jinja2 import BaseLoader, Environment, StrictUndefined
from matplotlib.figure import Figure

import alcseg
from alcseg.errors import ShapeError
from alcseg.files import write_text
from alcseg.reporting.case_panel import Cases
from alcseg.reporting.figures import png_bytes, png_data_uri

__all__ = [
    "Block",
    "Cases",
    "Commands",
    "Facts",
    "Picture",
    "Section",
    "Table",
    "Text",
    "format_value",
    "write_report",
]

Cell: TypeAlias = str | int | float | None

_DPI, _PLOT_DPI = 110, 192  # a plot is shown at half its pixels, sharp on fine screens


@dataclass(frozen=True)
class Text:
    """A paragraph; `note` sets it smaller, as an aside."""

    text: str
    note: bool = False
    kind: str = field(default="text", init=False)


@dataclass(frozen=True)
class Table:
    """A table; numbers stand right-aligned, missing ones as a dash.

    Attributes:
        columns: Headings.
        rows: One cell per column; floats are shown with `digits` decimals.
        caption: What the table says, in a sentence.
        digits: Decimals of floating-point numbers.
        sortable: Let the reader sort by a click on a heading.
        strong_rows: Indices of rows to stress.
        quiet_rows: Indices of rows in gray.
        strong_cells: `(row, column)` of cells in bold.
        number_columns: Columns of numbers that are written out as text.
        links: Text of cells to where they lead.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    digits: int = 3
    sortable: bool = False
    strong_rows: Sequence[int] = ()
    quiet_rows: Sequence[int] = ()
    strong_cells: Sequence[tuple[int, int]] = ()
    number_columns: Sequence[int] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    kind: str = field(default="table", init=False)

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ShapeError(
                    f"report table: expected {len(self.columns)} cells a row, got {len(row)}: {list(row)}."
                )

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Whether a column holds numbers, by column; what is missing in it does not count."""
        return tuple(
            i in self.number_columns
            or (
                any(isinstance(row[i], int | float) for row in self.rows)
                and not any(isinstance(row[i], str) for row in self.rows)
            )
            for i in range(len(self.columns))
        )


@dataclass(frozen=True)
class Picture:
    """A figure with the words a blind reader gets instead (`alt`) and a caption.

    Curves on white are a `plot`: where the reader's screen is dark they are turned dark, too.
    """

    figure: Figure | bytes
    alt: str
    caption: str = ""
    plot: bool = False
    kind: str = field(default="picture", init=False)

    @property
    def source(self) -> str:
        """The picture itself, as an inline PNG."""
        png = (
            self.figure
            if isinstance(self.figure, bytes)
            else png_bytes(self.figure, dpi=_PLOT_DPI if self.plot else _DPI)
        )
        return png_data_uri(png)

    @property
    def width(self) -> int | None:
        """Pixels on the page; None for as many as it has."""
        if not self.plot or isinstance(self.figure, bytes):
            return None
        return round(self.figure.get_figwidth() * _DPI)


@dataclass(frozen=True)
class Commands:
    """Command lines to copy."""

    lines: Sequence[str]
    kind: str = field(default="commands", init=False)


@dataclass(frozen=True)
class Facts:
    """Names and values: versions, seeds, hardware, the few numbers that matter."""

    items: Sequence[tuple[str, Cell]]
    large: bool = False
    kind: str = field(default="facts", init=False)


Block: TypeAlias = Text | Table | Picture | Commands | Facts | Cases


@dataclass(frozen=True)
class Section:
    """A headed part of the page."""

    title: str
    blocks: Sequence[Block]

    @property
    def anchor(self) -> str:
        """What a link to this section ends with."""
        return "-".join("".join(c if c.isalnum() else " " for c in self.title.lower()).split())


def write_report(path: Path, *, title: str, sections: Sequence[Section], lead: str = "") -> Path:
    """Write the page; texts are escaped, so names from files cannot become markup.

    Args:
        path: The `.html` file to write, whole or not at all.
        title: Heading of the page and of the browser's tab.
        sections: What the page says, in order.
        lead: One paragraph under the heading.
    """
    environment = Environment(
        loader=BaseLoader(), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["cell"] = format_value
    templates = files("alcseg.reporting") / "templates"
    template = environment.from_string((templates / "report.html.j2").read_text(encoding="utf-8"))
    page = template.render(
        title=title,
        lead=lead,
        sections=sections,
        version=alcseg.__version__,
        style=(templates / "report.css").read_text(encoding="utf-8"),
        script=(templates / "report.js").read_text(encoding="utf-8"),
    )
    write_text(path, page)
    return path


def format_value(value: Cell, digits: int = 3) -> str:
    """A cell as a person reads it: `0.812`, `12`, a dash for what is missing or not a number."""
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    if isinstance(value, float):
        return f"{value:.{digits}f}"
    return str(value)
