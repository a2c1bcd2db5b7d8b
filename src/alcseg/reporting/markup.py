"""A `DataTable` as Markdown, CSV, LaTeX and as a block of the HTML page."""

import csv
import io
from collections.abc import Callable
from math import isnan

from alcseg.reporting.html import Table, format_value
from alcseg.reporting.table import Cell, DataTable, Interval, Line, Number, Stat

__all__ = ["to_csv", "to_html", "to_latex", "to_markdown"]

_ARROWS = {"higher": " ↑", "lower": " ↓", "nothing": ""}
_LATEX_ARROWS = {"higher": r" $\uparrow$", "lower": r" $\downarrow$", "nothing": ""}
_LATEX_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{",
        "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "<": "$<$",
        ">": "$>$", "–": "--", "α": r"$\alpha$", "β": r"$\beta$", "−": "$-$",
    }
)  # fmt: skip

_MARKDOWN_ESCAPES = str.maketrans({"<": "&lt;"} | {mark: f"\\{mark}" for mark in "\\`*_|[]"})


def to_markdown(table: DataTable) -> str:
    """A pipe table; the best value bold, published rows in italics since Markdown knows no gray."""
    lines = [f"**{table.title}**", ""]
    headings = [_markdown_text(column.heading) + _ARROWS[column.better] for column in table.columns]
    lines.append("| " + " | ".join(headings) + " |")
    lines.append("|" + "|".join("---:" if column.numeric else "---" for column in table.columns) + "|")
    for line in table.lines:
        cells = (_styled(line, cell, _markdown_text, "**{}**", "*{}*") for cell in line.cells)
        lines.append("| " + " | ".join(cells) + " |")
    if table.notes:
        lines += ["", " ".join(_markdown_text(note) for note in table.notes)]
    return "\n".join(lines) + "\n"


def to_csv(table: DataTable) -> str:
    """Numbers in full; standard deviations as `<key>_std`, intervals as `<key>_low` and `<key>_high`."""
    columns = [
        [key for line in table.lines for key in _csv_cells(column.key, line.cells[index])]
        for index, column in enumerate(table.columns)
    ]
    header = ["source", *dict.fromkeys(key for keys in columns for key in keys)]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, header, restval="", lineterminator="\n")
    writer.writeheader()
    for line in table.lines:
        row: dict[str, object] = {"source": "paper" if line.published else "ours"}
        for column, cell in zip(table.columns, line.cells, strict=True):
            row |= _csv_cells(column.key, cell)
        writer.writerow(row)
    return buffer.getvalue()


def _csv_cells(key: str, cell: Cell) -> dict[str, object]:
    """A cell as columns of a CSV file; what is missing has none."""
    if cell is None:
        return {}
    if isinstance(cell, Interval):
        return {f"{key}_low": f"{cell.low:.6g}", f"{key}_high": f"{cell.high:.6g}"}
    if isinstance(cell, Number):
        return {key: f"{cell.value:.6g}"}
    if isinstance(cell, Stat):
        stated = {key: cell.mean, f"{key}_std": cell.std}
        return {name: f"{value:.6g}" for name, value in stated.items() if not isnan(value)}
    return {key: cell}


def to_latex(table: DataTable) -> str:
    r"""A `table*` for `\input`; needs the packages booktabs and xcolor."""
    alignment = "".join("r" if column.numeric else "l" for column in table.columns)
    headings = [_latex(column.heading) + _LATEX_ARROWS[column.better] for column in table.columns]
    lines = [
        "% needs \\usepackage{booktabs} and \\usepackage{xcolor}",
        "\\begin{table*}",
        "  \\centering\\small",
        f"  \\caption{{{_latex(' '.join([_sentence(table.title), *table.notes]))}}}",
        f"  \\label{{tab:{table.name}}}",
        f"  \\begin{{tabular}}{{@{{}}{alignment}@{{}}}}",
        "    \\toprule",
        "    " + " & ".join(headings) + " \\\\",
        "    \\midrule",
    ]
    for line in table.lines:
        cells = (
            _styled(line, cell, _latex, r"\textbf{{{}}}", r"\textcolor{{gray}}{{{}}}") for cell in line.cells
        )
        lines.append("    " + " & ".join(cells) + " \\\\")
    lines += ["    \\bottomrule", "  \\end{tabular}", "\\end{table*}"]
    return "\n".join(lines) + "\n"


def to_html(table: DataTable, *, titled: bool = True) -> Table:
    """A block of the page; `titled` puts the title before the notes."""
    notes = ([_sentence(table.title)] if titled else []) + list(table.notes)
    return Table(
        [column.heading + _ARROWS[column.better] for column in table.columns],
        [[_plain(cell) for cell in line.cells] for line in table.lines],
        caption=" ".join(notes),
        quiet_rows=[index for index, line in enumerate(table.lines) if line.published],
        strong_cells=[
            (row, column)
            for row, line in enumerate(table.lines)
            for column, cell in enumerate(line.cells)
            if isinstance(cell, Stat) and cell.best
        ],
        number_columns=[index for index, column in enumerate(table.columns) if column.numeric],
    )


def _plain(cell: Cell) -> str:
    if isinstance(cell, Stat):
        return "–" if isnan(cell.mean) else cell.text
    return cell.text if isinstance(cell, Interval | Number) else format_value(cell)


def _styled(line: Line, cell: Cell, escape: Callable[[str], str], best: str, published: str) -> str:
    text = escape(_plain(cell))
    if isinstance(cell, Stat) and cell.best:
        return best.format(text)
    return published.format(text) if line.published and text not in ("–", "--", "") else text


def _markdown_text(text: str) -> str:
    return text.translate(_MARKDOWN_ESCAPES)


def _latex(text: str) -> str:
    return text.translate(_LATEX_ESCAPES)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."
