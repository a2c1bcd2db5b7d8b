import logging
import socket
from pathlib import Path

import pytest

from alcseg.errors import DataError, ResourceError, UsageError
from alcseg.records.review_book import ReviewBook
from alcseg.reviewing import command
from alcseg.reviewing.command import book_path, review
from alcseg.reviewing.desk import Desk, Note
from alcseg.reviewing.subject import Subject
from review_folder import VALUES, make_corrected


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_corrected(tmp_path / "blocks")


def test_the_book_lies_beside_the_dataset(folder: Path) -> None:
    assert book_path(folder) == folder.parent / "blocks.review.sqlite"


def test_what_is_decided_is_applied_and_exported_by_the_same_verb(folder: Path, tmp_path: Path) -> None:
    book = ReviewBook.open(book_path(folder), labels=VALUES)
    desk = Desk(Subject.open(folder), book)
    desk.decide(0, "anna", 1, "accept", Note(0), None)
    desk.close()
    book.close()
    assert review(folder, apply=tmp_path / "new").reviewed == ("ras",)
    assert review(folder, export=tmp_path / "out").cases == ("ras",)
    taken = review(folder, import_folder=tmp_path / "new" / "labelsTr", reviewer="ben")
    assert len(taken.cases) == 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"apply": "a", "export": "b"}, "one of --apply, --export and --import"),
        ({"apply": "a", "case": "ras"}, "--case: of the page, and not heard beside --apply. Leave out it"),
        ({"export": "a", "case": "ras", "port": 1}, "--case, --port: .* beside --export. Leave out them"),
        ({"import_folder": "a", "host": "::1"}, "--host: of the page, and not heard beside --import"),
        ({"apply": "a", "reviewer": "ben"}, "--reviewer: not heard beside --apply, which takes what all"),
        ({"export": "a", "turn": 2}, "--pass: not heard beside --export, which takes what all"),
        ({"overwrite": True}, "--overwrite: expected --apply or --export beside it"),
        ({"import_folder": "a", "overwrite": True}, "--overwrite: expected --apply or --export beside it"),
        ({"port": 70000}, "--port: expected 0 to 65535"),
        ({"turn": 0}, "--pass: expected 1 to 99"),
        ({"reviewer": "a\nb"}, "--reviewer: expected a reader's name"),
        ({"reviewer": " "}, "--reviewer: expected a reader's name"),
        ({"reviewer": "consensus"}, "under which conflicts are settled"),
        ({"host": "0.0.0.0"}, "address that browsers will call"),
        ({"host": "::"}, "SSH tunnel"),
        ({"host": "192.0.2.7"}, "--tls-cert and --tls-key"),
        ({"host": "somewhere.example"}, "--without-tls"),
        ({"tls_cert": "cert.pem"}, "together"),
        ({"tls_cert": "cert.pem", "tls_key": "key.pem"}, "expected a file for TLS"),
    ],
)
def test_options_that_do_not_go_together_are_refused(folder: Path, options: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        review(folder, open_browser=False, **options)


def test_the_dataset_of_a_dataset_is_not_to_be_named(folder: Path) -> None:
    with pytest.raises(UsageError, match="--dataset: expected an audit to review"):
        review(folder, dataset=folder, open_browser=False)


def test_a_port_that_is_taken_is_said_so(folder: Path) -> None:
    pytest.importorskip("uvicorn")
    from alcseg.reviewing.server import STATIC

    if not (STATIC / "index.html").is_file():
        pytest.skip("the page is not built: `make web`")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ResourceError, match="Choose another --port"):
            review(folder, open_browser=False, port=taken.getsockname()[1])


def test_a_page_that_was_not_built_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("uvicorn")
    monkeypatch.setattr("alcseg.reviewing.server.STATIC", tmp_path / "none")
    with pytest.raises(ResourceError, match="make web"):
        review(folder, open_browser=False)


def test_nothing_is_made_where_a_review_is_only_read(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Review the dataset first"):
        review(folder, apply=tmp_path / "new")
    assert not book_path(folder).exists()


def test_where_the_port_of_the_links_is_taken_another_one_serves_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(command, "PORT", port)
        with caplog.at_level(logging.WARNING), command._listen("127.0.0.1", None) as listening:
            assert listening.getsockname()[1] != port
        assert f"port {port} is taken" in caplog.text
        with pytest.raises(ResourceError, match=f"127.0.0.1:{port}: expected an address"):
            command._listen("127.0.0.1", port)
    with command._listen("127.0.0.1", None) as listening:
        assert listening.getsockname()[1] == port


def test_a_case_that_is_not_there_is_named_before_anything_is_served(corrected: Path, tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match="--case: expected one of ras, thick_lps, permuted, oblique, got 'x'"
    ):
        review(corrected, book=tmp_path / "book.sqlite", case="x")
    assert not (tmp_path / "book.sqlite").exists()
