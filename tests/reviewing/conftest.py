from pathlib import Path

import pytest

from alcseg.records.review_book import ReviewBook
from alcseg.reviewing.desk import Desk
from alcseg.reviewing.subject import Subject
from review_folder import make_corrected


@pytest.fixture(scope="session")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corrected dataset; only to be read."""
    return make_corrected(tmp_path_factory.mktemp("review") / "blocks")


@pytest.fixture
def subject(corrected: Path) -> Subject:
    return Subject.open(corrected)


@pytest.fixture
def book(subject: Subject, tmp_path: Path) -> ReviewBook:
    opened = ReviewBook.open(tmp_path / "book.sqlite", labels=subject.dataset.labels)
    yield opened
    opened.close()


@pytest.fixture
def desk(subject: Subject, book: ReviewBook) -> Desk:
    opened = Desk(subject, book)
    yield opened
    opened.close()
