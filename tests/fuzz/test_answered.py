"""What counts as an answer, and what does not."""

from pathlib import Path

import pytest

from fuzz.answered import Answer, complaints, contents

GOOD = Answer(4, "", "warning: odd\nDataError: a.csv: expected rows, found none. Fill it.\n")
DATA = frozenset({4})


def kinds(
    answer: Answer, before: dict[str, bytes] | None = None, after: dict[str, bytes] | None = None
) -> set[str]:
    return {kind for kind, _ in complaints(answer, DATA, before or {}, after or {}, ("out",))}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"code": 0, "err": ""}, "wrong exit code"),
        ({"code": 1, "err": "KeyError: 'x' A fault of alcseg; --debug shows where it arose."}, "fault"),
        ({"code": None, "raised": "Traceback"}, "traceback"),
        ({"err": f"Traceback (most recent call last):\n{GOOD.err}"}, "traceback"),
        ({"err": GOOD.err * 2}, "not one line"),
        ({"err": f"/x/nifti.py:12: RuntimeWarning: overflow\n{GOOD.err}"}, "not one line"),
        ({"err": ""}, "not one line"),
        ({"seconds": 61.0}, "no answer in time"),
    ],
)
def test_other_answers_are_told_apart(changes: dict[str, object], kind: str) -> None:
    assert not kinds(GOOD)
    assert kind in kinds(GOOD._replace(**changes))


def test_what_is_changed_gone_or_written_elsewhere_is_lost(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "link").symlink_to("a")
    before = contents(tmp_path)
    assert not kinds(GOOD, before, {**before, "out/b": b"new"})
    assert kinds(GOOD, before, {**before, "a": b"2"}) == {"data lost"}
    assert kinds(GOOD, before, {**before, "link": b"-> b"}) == {"data lost"}
    assert kinds(GOOD, before, {"a": before["a"]}) == {"data lost"}
    assert kinds(GOOD, before, {**before, "elsewhere": b""}) == {"data lost"}
    assert kinds(GOOD, before, {**before, "out/.partial-1": b""}) == {"data lost"}


def test_a_result_that_lists_what_is_wrong_needs_no_line() -> None:
    assert not kinds(Answer(4, "2 findings", ""))
