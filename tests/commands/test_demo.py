"""The demo from end to end, small: two steps of training on ten scans."""

import re
import shlex

import pytest

from alcseg.cli.parser import parse
from alcseg.commands.demo import demo
from alcseg.errors import UsageError
from alcseg.records.demo import DemoRecord

_FAST = [
    "trainer.steps=2",
    "trainer.validate_every=2",
    "network.filters=2",
    "data.hq_batch=1",
    "data.lq_batch=2",
]


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return demo(tmp_path_factory.mktemp("demo") / "out", seed=1, cases=(6, 1, 2), set=_FAST)


@pytest.mark.integration
def test_it_scores_the_labels_and_the_methods(result):
    record = result.record
    assert record.labels.keys() == {"given", "refined"}
    assert 0.2 < record.labels["given"] < 0.9
    assert list(record.test) == ["h_sup", "hl_sup", "alc"]
    assert all(0.0 <= scores.dice <= 1.0 and scores.hd95_mm > 0.0 for scores in record.test.values())


@pytest.mark.integration
def test_it_keeps_a_record(result):
    assert DemoRecord.read(result.out) == result.record
    assert result.record.seed == 1
    assert len(result.record.steps) == len(result.record.commands) == 14


@pytest.mark.integration
def test_the_page_shows_everything_and_loads_nothing(result):
    page = result.report.read_text()
    assert page.count("<img ") == 5  # labels before and after, three cases, training curves
    assert all(f'<h2 id="{anchor}-title">' in page for anchor in ("result", "cases", "training-curves"))
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)


@pytest.mark.integration
def test_the_commands_are_ones_that_the_program_takes(result):
    verbs = [shlex.split(line)[1:] for line in result.record.commands if line.startswith("alcseg ")]
    assert {words[0] for words in verbs} == {"corrupt", "train", "correct", "predict", "evaluate"}
    for words in verbs:
        parse(words)


def test_a_folder_with_files_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(UsageError, match="empty or new output folder"):
        demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
