"""The page of a correction: a panel per case, what was done in words, links into the review."""

import re
import shutil

import pytest

from alcseg.commands._correct_page import write_page
from alcseg.corrected import Correction
from alcseg.records.correction import CorrectionRecord
from alcseg.records.foretold import Foretold


@pytest.fixture
def page(study):
    return (study.correction.path / "report.html").read_text(encoding="utf-8")


def test_every_case_that_was_looked_at_has_its_planes_and_a_link(study, page):
    names = list(study.correction.ranked)
    assert re.findall(r'<article class="case" id="case-([^"]*)"', page) == names
    assert page.count('role="img"') == 3 * len(names)
    for name in names:
        assert f"http://127.0.0.1:8800/?case={name}&amp;region=1&amp;of=correction" in page
        assert f'<a href="#case-{name}">{name}</a>' in page
    assert f"<code>alcseg review {study.correction.path}</code>" in page


def test_it_loads_nothing(page):
    sources = re.findall(r'(?:src|href)="([^"#]+)', page)
    assert sources
    assert all(source.startswith(("data:", "http://127.0.0.1:8800/")) for source in sources)
    assert "<link" not in page


def test_what_was_done_and_why_stands_there(study, page):
    for line in study.correction.audit:
        assert line.reason[1:40] in page
    assert f"{study.correction.record.corrected}</dd>" in page


def test_expected_errors_are_drawn_against_those_of_the_rehearsal(study, page, tmp_path):
    assert "How far to believe it" not in page  # four steps of training judge nothing
    shutil.copytree(study.correction.path, tmp_path / "corrected")
    folder = tmp_path / "corrected"
    record = CorrectionRecord.read(folder)
    points = tuple(Foretold(expected=at, true=at, low=at, high=at + 0.1, n=8) for at in (0.1, 0.3))
    told = rehearsed(record, foretold_given=points, foretold_written=points)
    told.write(folder)
    write_page(Correction.open(folder), folder)
    again = (folder / "report.html").read_text(encoding="utf-8")
    assert "How far to believe it" in again
    assert again.count('<figure class="plot">') == 1
    assert "Rehearsed on 60 errors simulated on 4 trusted labels" in again


def rehearsed(record, **curves):
    from alcseg.records.correction import Rehearsal

    rehearsal = Rehearsal(
        cases=4, errors=60, given_dice=0.7, written_dice=0.8, worse_share=0.05, right_given_dice=None,
        right_written_dice=None, **curves,
    )  # fmt: skip
    return record.model_copy(update={"rehearsal": rehearsal})
