"""The page: escaped, self-contained, readable without pictures."""

import re

import pytest
from markupsafe import Markup
from matplotlib.figure import Figure

from alcseg.errors import ShapeError
from alcseg.reporting.case_panel import CasePanel, Cases
from alcseg.reporting.html import Commands, Facts, Picture, Section, Table, Text, format_value, write_report


@pytest.fixture
def page(tmp_path):
    sections = [
        Section("Result & more", [Text("Dice of <b>two</b> methods."), Facts([("Dice", 0.5)], large=True)]),
        Section(
            "Ranking",
            [
                Table(
                    ["case", "Dice"],
                    [["<script>x</script>", 0.81234], ["b", float("nan")]],
                    sortable=True,
                    strong_rows=[0],
                )
            ],
        ),
        Section(
            "Pictures",
            [Picture(Figure(figsize=(1, 1)), alt='a "square"', caption="Empty."), Commands(["a", "b"])],
        ),
    ]
    return write_report(tmp_path / "new" / "report.html", title="T", lead="L", sections=sections).read_text()


def test_text_is_escaped(page):
    assert "<b>two</b>" not in page
    assert "&lt;script&gt;x&lt;/script&gt;" in page
    assert 'alt="a &#34;square&#34;"' in page


def test_the_page_loads_nothing(page):
    assert "http" not in page
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    assert all(source.startswith(("data:image/png;base64,", "#")) for source in sources)


def test_links_reach_their_sections(page):
    anchors = re.findall(r'href="#([^"]*)"', page)
    assert anchors == ["result-more", "ranking", "pictures"]
    assert all(f'id="{anchor}"' in page for anchor in anchors)


def test_numbers_are_aligned_and_sortable(page):
    assert '<td class="number" data-value="0.81234">0.812</td>' in page
    assert page.count('<button type="button">') == 2
    assert '<tr class="strong">' in page


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ShapeError, match="expected 2 cells"):
        Table(["a", "b"], [["x"]])


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (float("nan"), "–"), (0.5, "0.500"), (3, "3"), ("x", "x")]
)
def test_values_as_a_person_reads_them(value, text):
    assert format_value(value) == text


def test_a_case_has_its_planes_words_and_link_and_the_table_leads_to_it(tmp_path):
    panel = CasePanel(
        "a<b",
        heading="1.",
        badge="moved",
        facts="Dice 0.5",
        words=["<i>"],
        planes=[Markup("<svg/>")],
        link="http://x/",
    )
    table = Table(["case"], [["a<b"], ["other"]], links={"a<b": f"#{panel.anchor}"})
    cases = Cases([panel], command="alcseg review it")
    page = write_report(
        tmp_path / "report.html", title="T", sections=[Section("S", [cases, table])]
    ).read_text()
    assert f'<article class="case" id="{panel.anchor}">' in page
    assert f'<a href="#{panel.anchor}">a&lt;b</a>' in page
    assert "<svg/>" in page
    assert "<li>&lt;i&gt;</li>" in page
    assert '<a class="open" href="http://x/" target="_blank" rel="noopener noreferrer">' in page
    assert "<code>alcseg review it</code>" in page


def test_a_case_without_a_review_has_no_link(tmp_path):
    page = write_report(
        tmp_path / "report.html", title="T", sections=[Section("S", [Cases([CasePanel("a")])])]
    )
    assert 'class="open"' not in page.read_text()
    assert "<code>" not in page.read_text()


def test_a_plot_is_sharp_and_turned_dark_and_another_picture_stays(tmp_path):
    pictures = [Picture(Figure(figsize=(2, 1)), alt="a", plot=plot) for plot in (True, False)]
    page = write_report(tmp_path / "report.html", title="T", sections=[Section("S", pictures)]).read_text()
    assert page.count('<figure class="plot">') == 1
    assert 'alt="a" width="220">' in page  # of 384 pixels
    assert "prefers-color-scheme: dark" in page
