"""A table in four languages, with names that are markup in each of them."""

import pytest

from alcseg.reporting.html import Section, write_report
from alcseg.reporting.markup import to_csv, to_html, to_latex, to_markdown
from alcseg.reporting.table import Column, DataTable, Interval, Line, Number, Stat

NASTY = r"A_b & 50% <b>|*\{~^$#"


@pytest.fixture
def table():
    columns = (
        Column("method", "method", numeric=False),
        Column("dice", "Dice (%)", "higher"),
        Column("gain", "gain"),
        Column("p", "p"),
    )
    lines = (
        Line(
            (
                NASTY,
                Stat(88.874, 0.301, best=True),
                Interval(-1.0, 2.345, signed=True),
                Number(0.0001, "< 0.001"),
            )
        ),
        Line(("paper", Stat(88.87), None, None), published=True),
    )
    return DataTable("toy", "A toy", columns, lines, ("A note.",))


def test_markdown(table):
    assert to_markdown(table).splitlines() == [
        "**A toy**",
        "",
        "| method | Dice (%) ↑ | gain | p |",
        "|---|---:|---:|---:|",
        r"| A\_b & 50% &lt;b>\|\*\\{~^$# | **88.87 ± 0.30** | -1.00 to +2.35 | &lt; 0.001 |",
        "| *paper* | *88.87* | – | – |",
        "",
        "A note.",
    ]


def test_csv_keeps_the_numbers(table):
    assert to_csv(table).splitlines() == [
        "source,method,dice,dice_std,gain_low,gain_high,p",
        rf"ours,{NASTY},88.874,0.301,-1,2.345,0.0001",
        "paper,paper,88.87,,,,",
    ]


def test_latex(table):
    text = to_latex(table)
    escaped = r"A\_b \& 50\% $<$b$>$|*\textbackslash{}\{\textasciitilde{}\textasciicircum{}\$\#"
    assert rf"    {escaped} & \textbf{{88.87 $\pm$ 0.30}} & -1.00 to +2.35 & $<$ 0.001 \\" in text
    assert r"    \textcolor{gray}{paper} & \textcolor{gray}{88.87} & -- & -- \\" in text
    assert r"\caption{A toy. A note.}" in text
    assert r"method & Dice (\%) $\uparrow$ & gain & p \\" in text


def test_html_escapes_and_grays(table, tmp_path):
    page = write_report(tmp_path / "page.html", title=NASTY, sections=[Section("S", [to_html(table)])])
    text = page.read_text(encoding="utf-8")
    assert "<b>" not in text
    assert "A_b &amp; 50% &lt;b&gt;" in text
    block = to_html(table)
    assert block.strong_cells == [(0, 1)]
    assert block.quiet_rows == [1]
