"""A trail that grows, and says to the letter what it said before."""

import json
from math import nan

import pytest

from alcseg.errors import DataError
from alcseg.records.audit_trail import AuditLine, AuditTrail, VolumeChange


def line(case_id="a", **changes):
    values = {
        "time": "now",
        "run": "run",
        "method": "alc",
        "quality": "lq",
        "action": "moved",
        "reason": "why",
    }
    return AuditLine(case_id=case_id, **values | changes)


def test_a_line_is_a_json_object(tmp_path):
    change = VolumeChange(added_mm3=1.5, removed_mm3=0)
    AuditTrail().followed_by([line(classes={"x": change}, drawn_mm={"x": nan})]).write(tmp_path)
    (text,) = (tmp_path / "audit.jsonl").read_text().splitlines()
    assert json.loads(text) == {
        "format": 2, "time": "now", "run": "run", "method": "alc", "case_id": "a", "quality": "lq",
        "action": "moved", "voxels_changed": 0,
        "classes": {"x": {"added_mm3": 1.5, "removed_mm3": 0.0}}, "drawn_mm": {"x": None}, "reason": "why",
    }  # fmt: skip


def test_older_lines_stay_to_the_letter(tmp_path):
    # As written before lines had a format; with NaN, a key of somebody else's, and no end of the last line.
    old = (
        '{"time": "then", "run": "r", "method": "alc", "case_id": "b",   "quality": "lq", '
        '"action": "undecided", "voxels_changed": 0, "voxels_kept_as_uncertain": 0, "classes": {}, '
        '"drawn_mm": {"x": NaN}, "reason": "why", "seen_by": "me"}'
    )
    (tmp_path / "audit.jsonl").write_text(old)
    trail = AuditTrail.read(tmp_path)
    assert [one.action for one in trail.lines] == ["undecided"]
    longer = trail.followed_by([line("c")])
    assert [one.case_id for one in longer.lines] == ["b", "c"]
    longer.write(tmp_path)
    assert (tmp_path / "audit.jsonl").read_text().splitlines()[0] == old
    again = AuditTrail.read(tmp_path)
    assert [one.case_id for one in again.lines] == ["b", "c"]
    assert (
        again.followed_by([line("d")]).text
        == again.text + longer.text.splitlines()[1].replace('"c"', '"d"') + "\n"
    )


def test_a_dataset_that_was_never_corrected_has_none(tmp_path):
    assert AuditTrail.read(tmp_path) == AuditTrail()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "line 2: not valid JSON"),
        ("[]", "line 2: expected a JSON object"),
        ('{"format": 3}', "line 2: expected format 2"),
        ('{"format": 1}', "line 2: expected audit.jsonl of `alcseg correct`, got no 'time'"),
    ],
)
def test_a_damaged_line_is_named(tmp_path, text, words):
    (tmp_path / "audit.jsonl").write_text(json.dumps(line().content()) + "\n" + text + "\n")
    with pytest.raises(DataError, match=words):
        AuditTrail.read(tmp_path)


def test_what_is_no_text_is_said_so(tmp_path):
    AuditLine.path(tmp_path).write_bytes(b"\xff\xfe{")
    with pytest.raises(DataError, match="expected UTF-8 text"):
        AuditTrail.read(tmp_path)
