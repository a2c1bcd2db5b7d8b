import numpy as np
import pytest

from alcseg.errors import DataError, UsageError
from alcseg.records.review_book import StaleError
from alcseg.reviewing.agreement import CONSENSUS
from alcseg.reviewing.desk import Desk, Note


def test_the_queue_begins_with_the_label_that_is_most_probably_wrong(desk: Desk) -> None:
    told = desk.queue("anna", 1)
    assert [case["case_id"] for case in told["cases"]] == ["ras", "thick_lps", "permuted", "oblique"]
    assert [round(case["error"], 3) for case in told["cases"]] == [0.4, 0.3, 0.2, 0.1]
    assert told["cases"][0]["words"][0] == "left: it was made so"
    assert told["decided"] == 0
    assert told["seconds_left"] is None


def test_states_are_those_of_the_reader_and_time_left_is_the_pace(desk: Desk) -> None:
    desk.decide(0, "anna", 1, "accept", Note(0, seconds=30.0), None)
    desk.decide(1, "anna", 1, "skip", Note(0, seconds=10.0), None)
    drawn = desk.sheet(2).given.copy()
    desk.save(2, "anna", 1, Note(0), drawn)
    told = desk.queue("anna", 1)
    assert [case["state"] for case in told["cases"]] == ["accept", "skip", "begun", "open"]
    assert told["decided"] == 1
    assert told["seconds_left"] == 3 * 20.0
    other = desk.queue("ben", 1)
    assert [case["state"] for case in other["cases"]] == ["open"] * 4
    assert other["cases"][0]["read_by"] == ["anna"]
    assert [case["state"] for case in desk.queue("anna", 2)["cases"]] == ["open"] * 4


def test_what_is_accepted_is_the_proposal(desk: Desk) -> None:
    decision = desk.decide(0, "anna", 1, "accept", Note(0), None)
    sheet = desk.sheet(0)
    np.testing.assert_array_equal(desk.book.label(decision), sheet.to_file(sheet.proposed))
    assert decision.verdict == "accept"
    assert decision.seen == sheet.seen


def test_a_label_can_be_half_given_and_half_proposed(desk: Desk) -> None:
    sheet = desk.sheet(3)
    drawn = sheet.proposed.copy()
    drawn[sheet.region_map == 1] = sheet.given[sheet.region_map == 1]
    decision = desk.decide(3, "anna", 1, "accept", Note(0, {"1": False}), drawn)
    assert decision.verdict == "accept"
    assert decision.regions == {"1": False}
    label = sheet.to_page(desk.book.label(decision))
    np.testing.assert_array_equal(label == sheet.given, (sheet.region_map != 2))


@pytest.mark.parametrize(
    ("asked", "change", "found"), [("accept", 3, "edit"), ("edit", None, "accept"), ("keep", 3, "keep")]
)
def test_the_verdict_says_what_the_label_is(desk: Desk, asked: str, change: int | None, found: str) -> None:
    sheet = desk.sheet(0)
    drawn = sheet.proposed.copy()
    if change is not None:
        drawn[0, 0, 0] = change
    decision = desk.decide(0, "anna", 1, asked, Note(0), drawn)
    assert decision.verdict == found
    label = sheet.to_page(desk.book.label(decision))
    np.testing.assert_array_equal(label, sheet.given if asked == "keep" else drawn)


def test_taking_everything_back_is_to_keep_the_given_label(desk: Desk) -> None:
    assert desk.decide(0, "anna", 1, "accept", Note(0), desk.sheet(0).given).verdict == "keep"


def test_one_goes_on_from_the_draft_then_from_the_decision(desk: Desk) -> None:
    sheet = desk.sheet(1)
    assert desk.drawing(1, "anna", 1) is None
    drawn = sheet.given.copy()
    drawn[5, 5, 5] = 3
    desk.save(1, "anna", 1, Note(0), drawn)
    np.testing.assert_array_equal(desk.drawing(1, "anna", 1), drawn)
    assert desk.drawing(1, "ben", 1) is None
    desk.decide(1, "anna", 1, "edit", Note(1), None)
    np.testing.assert_array_equal(desk.drawing(1, "anna", 1), drawn)
    assert desk.case(1, "anna", 1)["verdict"] == "edit"


def test_two_windows_of_one_reader_lose_no_update(desk: Desk) -> None:
    desk.save(0, "anna", 1, Note(0, comment="one window"), None)
    with pytest.raises(StaleError, match="changed elsewhere"):
        desk.decide(0, "anna", 1, "keep", Note(0), None)
    assert desk.case(0, "anna", 1)["comment"] == "one window"


def test_readers_that_differ_make_a_conflict_until_one_is_chosen(desk: Desk) -> None:
    first = desk.decide(0, "anna", 1, "accept", Note(0), None)
    desk.decide(0, "ben", 1, "keep", Note(0), None)
    desk.decide(1, "anna", 1, "keep", Note(0), None)
    desk.decide(1, "ben", 1, "keep", Note(0), None)
    (conflict,) = desk.conflicts()
    assert conflict.case_id == "ras"
    assert conflict.verdicts == {"anna": "accept", "ben": "keep"}
    (agreement,) = conflict.agreements
    assert 0.8 < agreement.dice < 1
    assert 0 < agreement.distance_mm < 1
    assert desk.queue("anna", 1)["conflicts"] == 1
    chosen = desk.adopt(first.id, "carla")
    assert (chosen.reader, chosen.written) == (CONSENSUS, first.written)
    assert desk.conflicts() == ()


def test_interpolation_fills_a_class_of_the_drawing(desk: Desk) -> None:
    drawn = desk.sheet(0).given.copy()
    drawn[2:8, 3:9, 4:7] = 0
    filled = desk.interpolate(0, drawn, 1, 2)
    np.testing.assert_array_equal(filled, desk.sheet(0).given)
    with pytest.raises(UsageError, match="a class and an axis"):
        desk.interpolate(0, drawn, 9, 2)


def test_a_case_beyond_the_queue_is_refused(desk: Desk) -> None:
    with pytest.raises(DataError, match="a case of 0 to 3, got 4"):
        desk.sheet(4)


@pytest.mark.parametrize(
    "content",
    [
        None, [], {"version": 0}, {"version": "0", "regions": {}, "comment": "", "seconds": 0},
        {"version": 0, "regions": {"x": True}, "comment": "", "seconds": 0},
        {"version": 0, "regions": {"1": 1}, "comment": "", "seconds": 0},
        {"version": 0, "regions": {}, "comment": "", "seconds": float("nan")},
        {"version": 0, "regions": {}, "comment": "x" * 3000, "seconds": 0},
        {"version": -1, "regions": {}, "comment": "", "seconds": 0},
    ],
)  # fmt: skip
def test_a_note_is_what_the_page_sends_or_nothing(content: object) -> None:
    with pytest.raises(UsageError, match="got something else"):
        Note.parse(content)


def test_a_note_is_read_as_it_was_sent() -> None:
    note = Note.parse({"version": 3, "regions": {"1": False}, "comment": "fine", "seconds": 12.5})
    assert note == Note(3, {"1": False}, "fine", 12.5)
