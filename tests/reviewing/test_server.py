import json
from pathlib import Path

import numpy as np
import pytest

from alcseg.reviewing.desk import Desk
from alcseg.reviewing.server import create_app
from review_folder import AFFINES

pytest.importorskip("httpx2")
from starlette.testclient import TestClient

TOKEN = "a-token-of-this-test"
HOST = "127.0.0.1:8123"
ORIGIN = f"http://{HOST}"
WHO = {"reader": "anna", "pass": "1"}


@pytest.fixture
def client(desk: Desk) -> TestClient:
    app = create_app(desk, token=TOKEN, hosts=frozenset({HOST}))
    return TestClient(app, base_url=ORIGIN, headers={"origin": ORIGIN}, follow_redirects=False)


@pytest.fixture
def known(client: TestClient) -> TestClient:
    """A browser that has opened the address."""
    client.get(f"/?token={TOKEN}")
    return client


def _body(note: dict, drawing: bytes = b"") -> bytes:
    return json.dumps(note).encode() + b"\n" + drawing


NOTE = {"version": 0, "regions": {}, "comment": "", "seconds": 1.5}


def test_the_address_becomes_a_cookie_and_keeps_its_deep_link(client: TestClient) -> None:
    answer = client.get(f"/?token={TOKEN}&case=ras&region=2")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/?case=ras&region=2"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie  # a report, a file on disk, links here
    assert client.get("/api/queue", params=WHO).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/?token=wrong", "/api/queue", "/api/cases/0/image.nii", "/static/index.html"]
)
def test_nothing_is_told_without_the_token(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 401
    assert "alcseg review" in answer.text


def test_a_wrong_cookie_is_none(client: TestClient) -> None:
    name = client.get(f"/?token={TOKEN}").headers["set-cookie"].partition("=")[0]
    client.cookies.clear()
    client.cookies.set(name, "wrong")
    assert client.get("/api/queue", params=WHO).status_code == 401


def test_reviews_at_two_ports_do_not_take_each_others_cookie(desk: Desk, known: TestClient) -> None:
    app = create_app(desk, token="of-another-review", hosts=frozenset({HOST}))
    other = TestClient(app, base_url=ORIGIN, cookies=known.cookies, follow_redirects=False)
    assert other.get("/api/queue", params=WHO).status_code == 401
    known.cookies.update(other.get("/?token=of-another-review").cookies)
    assert known.get("/api/queue", params=WHO).status_code == 200


@pytest.mark.parametrize("host", ["evil.example:8123", "127.0.0.1:9999", "127.0.0.1"])
def test_another_host_name_is_refused(known: TestClient, host: str) -> None:
    assert known.get("/api/queue", params=WHO, headers={"host": host}).status_code == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:8123"])
def test_another_page_may_neither_read_nor_write(known: TestClient, origin: str) -> None:
    headers = {"origin": origin}
    assert known.get("/api/queue", params=WHO, headers=headers).status_code == 403
    path = "/api/cases/0/decision/keep"
    assert known.post(path, params=WHO, headers=headers, content=_body(NOTE)).status_code == 403
    assert known.get("/api/queue", params=WHO).json()["decided"] == 0


def test_writing_needs_an_origin(known: TestClient) -> None:
    del known.headers["origin"]
    assert known.post("/api/cases/0/decision/keep", params=WHO, content=_body(NOTE)).status_code == 403


def test_pages_may_load_nothing_from_elsewhere_and_nobody_may_frame_them(known: TestClient) -> None:
    headers = known.get("/api/queue", params=WHO).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


def test_a_body_that_is_too_large_is_refused_before_it_is_read(known: TestClient) -> None:
    answer = known.put(
        "/api/cases/0/reading", params=WHO, headers={"content-length": str(1 << 40)}, content=b"x"
    )
    assert answer.status_code == 413


def test_a_body_that_lies_about_its_length_is_cut_off(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alcseg.reviewing.server._LARGEST", 1000)
    app = create_app(desk, token=TOKEN, hosts=frozenset({HOST}))
    with TestClient(app, base_url=ORIGIN, headers={"origin": ORIGIN}) as client:
        client.get(f"/?token={TOKEN}", follow_redirects=False)
        chunks = (b"x" * 300 for _ in range(10))
        assert client.put("/api/cases/0/reading", params=WHO, content=chunks).status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py", "/static/%2e%2e/server.py", "/static/..%2fserver.py", "/static//etc/passwd",
        "/api/cases/..%2f..%2fetc", "/api/cases/ras", "/api/cases/-1", "/../../etc/passwd",
    ],
)  # fmt: skip
def test_no_address_reaches_a_file_of_its_own_choice(known: TestClient, path: str) -> None:
    assert known.get(path, params=WHO).status_code == 404


@pytest.mark.parametrize("number", [4, 99999])
def test_a_case_beyond_the_queue_is_said_so(known: TestClient, number: int) -> None:
    answer = known.get(f"/api/cases/{number}", params=WHO)
    assert answer.status_code == 422
    assert "a case of 0 to 3" in answer.json()["error"]


@pytest.mark.parametrize(
    "who",
    [{}, {"reader": ""}, {"reader": "x" * 61}, {"reader": "a\nb"}, {"reader": "a", "pass": "0"},
     {"reader": "a", "pass": "-1"}, {"reader": "a", "pass": "9" * 30}],
)  # fmt: skip
def test_a_reader_has_a_name_and_a_pass(known: TestClient, who: dict[str, str]) -> None:
    assert known.get("/api/queue", params=who).status_code == 400


def test_nobody_reads_under_the_name_that_settles_conflicts(known: TestClient) -> None:
    answer = known.get("/api/queue", params={"reader": "consensus"})
    assert answer.status_code == 400
    assert "conflicts are settled" in answer.json()["error"]


def test_an_address_that_is_too_long_is_refused(known: TestClient) -> None:
    assert known.get("/api/cases/" + "9" * 5000, params=WHO).status_code == 414


def test_a_full_disk_is_said_and_reading_goes_on(known: TestClient, desk: Desk) -> None:
    desk.book._connection.execute("PRAGMA max_page_count = 1")
    note = NOTE | {"comment": "x" * 2000}
    answers = [
        known.post(
            f"/api/cases/{number}/decision/keep", params=WHO | {"reader": f"{turn}"}, content=_body(note)
        )
        for turn in range(4)
        for number in range(4)
    ]
    assert answers[-1].status_code == 507
    assert "Make room" in answers[-1].json()["error"]
    decided = sum(answer.status_code == 200 for answer in answers)
    assert len(desk.book.decisions()) == decided
    desk.book._connection.execute("PRAGMA max_page_count = 100000")
    assert known.post("/api/cases/0/decision/keep", params=WHO, content=_body(note)).status_code == 200


HALF = json.dumps(NOTE | {"comment": "\ud800"}).encode()


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[" * 50_000, b"\xff\xfe\n", b'{"version": 0}\n', b"null\n", HALF]
)
def test_a_body_is_data_or_refused(known: TestClient, body: bytes) -> None:
    answer = known.post("/api/cases/0/decision/keep", params=WHO, content=body)
    assert answer.status_code == 400
    assert "got something else" in answer.json()["error"]


def test_volumes_are_those_of_the_case(known: TestClient, desk: Desk) -> None:
    sheet = desk.sheet(2)
    assert known.get("/api/cases/2/image.nii", params=WHO).content == sheet.image_file()
    for name, array in (("given", sheet.given), ("proposed", sheet.proposed), ("regions", sheet.region_map)):
        assert known.get(f"/api/cases/2/{name}", params=WHO).content == array.tobytes(order="F")
    told = known.get("/api/cases/2", params=WHO).json()
    assert told["case_id"] == list(AFFINES)[2]
    assert told["classes"] == ["background", "left", "right", "middle"]
    assert told["has_proposal"]


def test_a_drawing_is_kept_and_decided(known: TestClient, desk: Desk) -> None:
    sheet = desk.sheet(0)
    drawn = sheet.given.copy()
    drawn[0, 0, 0] = 3
    place = {**WHO, "grid": sheet.grid_hash}
    saved = known.put("/api/cases/0/reading", params=place, content=_body(NOTE, drawn.tobytes(order="F")))
    assert saved.json() == {"version": 1}
    assert known.get("/api/cases/0/drawing", params=WHO).content == drawn.tobytes(order="F")
    late = known.post("/api/cases/0/decision/edit", params=WHO, content=_body(NOTE))
    assert late.status_code == 409
    decided = known.post("/api/cases/0/decision/edit", params=WHO, content=_body(NOTE | {"version": 1}))
    assert decided.json() == {"verdict": "edit", "version": 2}
    (decision,) = desk.book.decisions()
    np.testing.assert_array_equal(desk.book.label(decision), sheet.to_file(drawn))


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ("grid", 400, "on the grid of the case"),
        ("size", 422, "one per voxel"),
        ("class", 422, "class indices"),
    ],
)
def test_a_drawing_of_another_grid_size_or_class_is_refused(
    known: TestClient, desk: Desk, change: str, status: int, words: str
) -> None:
    sheet = desk.sheet(0)
    drawn = sheet.given.tobytes(order="F")
    grid = desk.sheet(1).grid_hash if change == "grid" else sheet.grid_hash
    drawn = drawn[:-1] if change == "size" else drawn
    drawn = bytes([200]) + drawn[1:] if change == "class" else drawn
    answer = known.put("/api/cases/0/reading", params={**WHO, "grid": grid}, content=_body(NOTE, drawn))
    assert answer.status_code == status
    assert words in answer.json()["error"]
    assert not desk.book.drafts("anna", 1)


def test_an_unknown_verdict_is_refused(known: TestClient) -> None:
    answer = known.post("/api/cases/0/decision/burn", params=WHO, content=_body(NOTE))
    assert answer.status_code == 400
    assert "accept, keep, edit" in answer.json()["error"]


def test_a_conflict_is_shown_and_settled(known: TestClient, desk: Desk) -> None:
    known.post("/api/cases/0/decision/keep", params=WHO, content=_body(NOTE))
    known.post("/api/cases/0/decision/accept", params={"reader": "ben", "pass": "1"}, content=_body(NOTE))
    (conflict,) = known.get("/api/conflicts", params=WHO).json()
    number = conflict["decisions"]["ben"]
    assert known.post(f"/api/conflicts/{number}", params=WHO).status_code == 200
    assert known.get("/api/conflicts", params=WHO).json() == []
    assert known.post("/api/conflicts/9999", params=WHO).status_code == 422


def test_the_page_names_only_files_of_this_server() -> None:
    from alcseg.reviewing.server import STATIC

    if not (STATIC / "index.html").is_file():
        pytest.skip("the page is not built; `make web` builds it where Node.js is installed")
    text = (STATIC / "index.html").read_text(encoding="utf-8")
    assert "http" not in text.replace("http-equiv", "")
    assert all(path.is_file() for path in Path(STATIC / "assets").iterdir())
