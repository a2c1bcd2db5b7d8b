"""The demo from end to end, small: two steps of training on ten scans."""

import re
import shlex

import pytest

from alcseg.cli.parser import parse
from alcseg.commands.demo import demo
from alcseg.errors import UsageError
from alcseg.records.demo import DemoRecord, DemoScores

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
    assert len(result.record.steps) == 14
    assert result.record.commands[14:] == (f"alcseg review {result.corrected}",)


@pytest.mark.integration
def test_the_page_shows_everything_and_loads_nothing(result):
    page = result.report.read_text()
    assert page.count("<img ") == 5  # labels before and after, three cases, training curves
    assert all(f'<h2 id="{anchor}-title">' in page for anchor in ("result", "cases", "training-curves"))
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)


@pytest.mark.integration
def test_the_commands_are_ones_that_the_program_takes(result):
    verbs = [shlex.split(line)[1:] for line in result.record.commands if line.startswith("alcseg ")]
    assert {words[0] for words in verbs} == {"corrupt", "train", "correct", "predict", "evaluate", "review"}
    for words in verbs:
        parse(words)


@pytest.fixture
def stopped_at_training(monkeypatch):
    """Phantoms and noise are quick; whatever trains is stopped."""

    def train(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("alcseg.commands.demo.train", train)
    return {"seed": 1, "cases": (4, 1, 1), "set": _FAST}


def test_a_demo_that_was_stopped_goes_on(stopped_at_training, tmp_path):
    out = tmp_path / "out"
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            demo(out, **stopped_at_training)
        stopped = DemoRecord.read(out)
        assert [step.title for step in stopped.steps] == ["generate phantoms", "spoil LQ labels"]
        assert not stopped.done
        made = (out / "noisy" / "dataset.json").stat().st_mtime_ns
    assert (out / "noisy" / "dataset.json").stat().st_mtime_ns == made
    with pytest.raises(UsageError, match="expected a demo of the same settings"):
        demo(out, **(stopped_at_training | {"seed": 2}))


def test_an_old_demo_stays_until_a_new_one_is_whole(stopped_at_training, tmp_path):
    out = tmp_path / "out"
    (out / "phantoms").mkdir(parents=True)
    (out / "phantoms" / "old").write_text("x")
    (out / "mine.txt").write_text("x")
    scores = DemoScores(dice=0.9, hd95_mm=1.0)
    old = DemoRecord(seed=0, versions={}, started="", test={"alc": scores}, commands=())
    old.write(out)
    with pytest.raises(UsageError, match="--overwrite"):
        demo(out, **stopped_at_training)
    with pytest.raises(KeyboardInterrupt):
        demo(out, overwrite=True, **stopped_at_training)
    assert DemoRecord.read(out) == old
    assert sorted(path.name for path in out.iterdir()) == ["demo.json", "mine.txt", "phantoms"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("options", [{"device": "tpu"}, {"workers": -1}])
def test_wrong_options_are_refused_before_anything_is_made(options, tmp_path):
    with pytest.raises(UsageError, match=f"--{next(iter(options))}: expected"):
        demo(tmp_path / "out", **options)
    assert not list(tmp_path.iterdir())


def test_a_folder_with_files_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(UsageError, match="empty or new output folder"):
        demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
