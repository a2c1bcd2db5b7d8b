import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alcseg.arrays import label_hash
from alcseg.errors import DataError, ResourceError
from alcseg.records.decisions import Reading, ReadingKey
from alcseg.records.review_book import ReviewBook, StaleError

LABELS = {"background": 0, "organ": 300}
LABEL = np.arange(24).reshape(2, 3, 4) % 2 * 300
KEY = ReadingKey("case", "anna")


@pytest.fixture
def book(tmp_path: Path) -> ReviewBook:
    opened = ReviewBook.open(tmp_path / "book.sqlite", labels=LABELS)
    yield opened
    opened.close()


def test_a_draft_comes_back_as_it_was(book: ReviewBook) -> None:
    saved = book.save(Reading(KEY, regions={"1": False}, comment="müde", seconds=3.5, drawing=LABEL))
    found = book.reading(KEY)
    np.testing.assert_array_equal(found.drawing, LABEL)
    assert replace(found, drawing=None) == replace(saved, drawing=None)
    assert book.drafts("anna", 1) == {"case"}
    assert book.drafts("anna", 2) == set()


def test_who_writes_second_is_told_and_nothing_is_lost(book: ReviewBook) -> None:
    first = book.save(Reading(KEY, comment="first"))
    with pytest.raises(StaleError, match=r"expected to write over version 0 .* found version 1"):
        book.save(Reading(KEY, comment="second"))
    with pytest.raises(StaleError):
        book.decide(Reading(KEY), "keep", seen="x", label=LABEL)
    assert book.reading(KEY) == first
    assert book.decisions() == ()


def test_a_decision_closes_its_draft_and_keeps_the_label(book: ReviewBook) -> None:
    draft = book.save(Reading(KEY, comment="so", seconds=8, drawing=LABEL))
    decision = book.decide(draft, "edit", seen="before", label=LABEL)
    assert decision.written == label_hash(LABEL)
    assert book.decisions() == (decision,)
    np.testing.assert_array_equal(book.label(decision), LABEL)
    assert book.reading(KEY).drawing is None
    assert book.reading(KEY).version == 2


@pytest.mark.parametrize("verdict", ["skip", "flag"])
def test_a_case_that_is_left_to_later_or_others_keeps_its_draft(book: ReviewBook, verdict: str) -> None:
    draft = book.save(Reading(KEY, drawing=LABEL))
    book.decide(draft, verdict, seen="before")
    np.testing.assert_array_equal(book.reading(KEY).drawing, LABEL)


def test_the_last_decision_of_a_reading_stands(book: ReviewBook) -> None:
    for verdict, version in (("flag", 0), ("keep", 1)):
        book.decide(Reading(KEY, version), verdict, seen="s", label=LABEL)
    other = book.decide(Reading(replace(KEY, number=2)), "flag", seen="s")
    assert [one.verdict for one in book.standing().values()] == ["keep", "flag"]
    book.decide(Reading(KEY, 2), "reopen", seen="s")
    assert book.standing() == {other.key: other}
    assert len(book.decisions("case")) == 4


def test_decisions_are_only_added(book: ReviewBook) -> None:
    book.decide(Reading(KEY), "keep", seen="s", label=LABEL)
    with sqlite3.connect(book.path) as other:
        for statement in ("UPDATE decisions SET verdict = 'flag'", "DELETE FROM decisions"):
            with pytest.raises(sqlite3.IntegrityError, match="only added"):
                other.execute(statement)
    other.close()


def test_two_open_books_see_each_other_and_lose_nothing(book: ReviewBook) -> None:
    second = ReviewBook.open(book.path, labels=LABELS)

    def decide(own: ReviewBook, reader: str) -> None:
        for number in range(1, 21):
            own.decide(Reading(ReadingKey("case", reader, number)), "keep", seen="s", label=LABEL)

    threads = [threading.Thread(target=decide, args=pair) for pair in ((book, "anna"), (second, "ben"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(book.standing()) == len(second.standing()) == 40
    second.close()


def test_a_book_of_other_classes_is_refused(book: ReviewBook) -> None:
    with pytest.raises(DataError, match=r"expected the classes .* Name the dataset"):
        ReviewBook.open(book.path, labels={"background": 0})


def test_a_book_of_a_newer_format_is_refused(book: ReviewBook) -> None:
    with sqlite3.connect(book.path) as other:
        other.execute("UPDATE book SET value = '99' WHERE key = 'format'")
    other.close()
    with pytest.raises(DataError, match="newer alcseg"):
        ReviewBook.open(book.path, labels=LABELS)


@pytest.mark.parametrize("content", [b"no database at all, but some text" * 40, b""])
def test_a_damaged_file_is_said_so_and_an_empty_one_begun(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "book.sqlite"
    path.write_bytes(content)
    if content:
        with pytest.raises(DataError, match="expected the book of a review"):
            ReviewBook.open(path, labels=LABELS)
    else:
        ReviewBook.open(path, labels=LABELS).close()


def test_the_database_of_another_program_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE things (name TEXT)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(DataError, match="another program"):
        ReviewBook.open(path, labels=LABELS)
    assert path.read_bytes() == before


def test_an_absent_book_is_made_only_where_that_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Review the dataset first"):
        ReviewBook.open(tmp_path / "none.sqlite", labels=LABELS, create=False)
    with pytest.raises(ResourceError, match="--book"):
        ReviewBook.open(tmp_path / "no" / "folder.sqlite", labels=LABELS)


def test_a_book_that_lost_its_content_is_not_read_as_one_without_decisions(tmp_path: Path) -> None:
    path = tmp_path / "book.sqlite"
    path.touch()
    with pytest.raises(DataError, match=r"book\.sqlite: expected the book of a review, found an empty file"):
        ReviewBook.open(path, labels=LABELS, create=False)
    assert path.read_bytes() == b""


def test_a_hash_knows_values_and_shape_and_not_the_type() -> None:
    assert label_hash(LABEL) == label_hash(LABEL.astype(np.uint16)) == label_hash(np.asfortranarray(LABEL))
    assert label_hash(LABEL) != label_hash(LABEL.reshape(4, 3, 2))
    assert label_hash(LABEL) != label_hash(LABEL + 1)


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM book",
        "UPDATE book SET value = 'x' WHERE key = 'format'",
        "UPDATE book SET value = '{' WHERE key = 'labels'",
    ],
)
def test_a_book_that_does_not_say_what_it_is_counts_as_damaged(
    book: ReviewBook, tmp_path: Path, damage: str
) -> None:
    book._connection.execute(damage)
    with pytest.raises(DataError, match="no format and classes in it"):
        ReviewBook.open(tmp_path / "book.sqlite", labels=LABELS)


def test_a_label_that_cannot_be_read_names_the_book(book: ReviewBook) -> None:
    decision = book.decide(Reading(KEY), "keep", seen="x", label=LABEL)
    book._connection.execute("DROP TRIGGER decisions_stay")
    book._connection.execute("UPDATE decisions SET label = X'00'")
    with pytest.raises(DataError, match=r"book.sqlite: .* a label that cannot be read"):
        book.label(decision)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE decisions SET verdict = 'maybe'",
        "UPDATE decisions SET regions = '[]'",
        "UPDATE decisions SET seconds = 'long'",
        "UPDATE decisions SET label = NULL",
        "UPDATE readings SET regions = 'x'",
    ],
)
def test_a_line_that_cannot_be_meant_names_the_book(book: ReviewBook, damage: str) -> None:
    decision = book.decide(book.save(Reading(KEY)), "edit", seen="x", label=LABEL)
    book._connection.execute("DROP TRIGGER decisions_stay")
    book._connection.execute(damage)
    with pytest.raises(DataError, match=r"book.sqlite: expected the book of a review, found: .*Restore"):
        assert (book.decisions(), book.label(decision), book.reading(KEY)) == ()


def test_a_book_that_another_program_holds_is_told_and_written_to_later(
    book: ReviewBook, tmp_path: Path
) -> None:
    book._connection.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(tmp_path / "book.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(ResourceError, match="locked"):
        book.save(Reading(KEY))
    other.execute("ROLLBACK")
    other.close()
    assert book.save(Reading(KEY)).version == 1
