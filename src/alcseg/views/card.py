"""A short block of HTML for notebooks: title, facts, picture and table, each as far as it can be had."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from html import escape

from matplotlib.figure import Figure

from alcseg.reporting.figures import png_bytes, png_data_uri
from alcseg.reporting.html import format_value

__all__ = ["Cell", "card", "plain", "shown", "table"]

Cell = str | int | float | None

_RESOLUTIONS = (90, 60, 40, 20)  # dots per inch, the first that fits
_MOST_BYTES = 190_000  # of the picture; base64 makes four of three
_ROWS, _LETTERS = 10, 300


def card(title: str, *parts: Callable[[], str], picture: Callable[[], Figure] | None = None) -> str:
    """A heading and what each part gives; of one that fails, in a line why.

    Args:
        title: Of the block.
        parts: Pieces of HTML.
        picture: Drawn behind them.
    """
    pieces = list(parts) if picture is None else [*parts, lambda: _image(picture)]
    body = "".join(map(_attempt, pieces))
    return f'<div style="max-width: 60em"><p><strong>{_text(title)}</strong></p>{body}</div>'


def table(rows: Iterable[Mapping[str, Cell]]) -> str:
    """A table of the first rows, and how many more there are."""
    listed = list(rows)
    if not listed:
        return ""
    head = "".join(f"<th>{_text(name)}</th>" for name in listed[0])
    lines = (
        "<tr>" + "".join(f"<td>{_text(format_value(cell))}</td>" for cell in row.values()) + "</tr>"
        for row in listed[:_ROWS]
    )
    more = f"<p>and {len(listed) - _ROWS} more</p>" if len(listed) > _ROWS else ""
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>{more}"


def plain(text: str) -> str:
    """A name as figures show it, not as the formula that dollar signs would make of it."""
    return text.replace("$", r"\$")


def shown(figure: Figure) -> Figure:
    """The figure, which a notebook then shows also where pyplot was never imported."""
    figure._repr_png_ = partial(png_bytes, figure)  # type: ignore[attr-defined]
    return figure


def _attempt(piece: Callable[[], str]) -> str:
    try:
        return piece()
    except Exception as error:  # noqa: BLE001 - a folder may be half-written in any way, and is shown all the same
        return f"<p>{_text(str(error) or type(error).__name__)}</p>"


def _image(picture: Callable[[], Figure]) -> str:
    figure = picture()
    pngs = (png_bytes(figure, dpi=dpi) for dpi in _RESOLUTIONS)
    png = next(found for found in pngs if len(found) <= _MOST_BYTES)
    return f'<img style="max-width: 100%" alt="" src="{png_data_uri(png)}">'


def _text(text: str) -> str:
    return escape(text if len(text) <= _LETTERS else f"{text[:_LETTERS]}…")
