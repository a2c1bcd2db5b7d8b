"""The page in a real browser: Debian's chromium, driven by playwright; skipped where it is not installed."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alcseg.data.folder import Dataset
from alcseg.records.decisions import ReadingKey
from alcseg.records.review_book import ReviewBook
from alcseg.reporting import review_link
from alcseg.reporting.case_panel import CasePanel, Cases
from alcseg.reporting.html import Section, write_report
from alcseg.reporting.review_link import ReviewLink
from alcseg.reviewing.command import book_path, review
from alcseg.reviewing.server import STATIC
from alcseg.reviewing.sheet import CaseSheet
from alcseg.reviewing.subject import Subject
from review_folder import AFFINES, SHAPE, VALUES, make_corrected

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: install Debian's package `chromium`"),
    pytest.mark.skipif(not (STATIC / "index.html").is_file(), reason="the page is not built: `make web`"),
    pytest.mark.timeout(240),
]
_FLAGS = [
    "--no-sandbox", "--disable-dev-shm-usage", "--enable-unsafe-swiftshader", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic",
]  # fmt: skip
_SLOW_MS = 60_000


@dataclass
class Server:
    """A running `alcseg review`."""

    process: subprocess.Popen[str]
    address: str

    def stop(self, how: int = signal.SIGINT) -> int:
        self.process.send_signal(how)
        code = self.process.wait(20)
        self.process.stderr.close()
        self.process.stdout.close()
        return code


def serve(folder: Path, *options: str) -> Server:
    words = [sys.executable, "-m", "alcseg", "review", str(folder), "--no-browser", "--reviewer", "anna"]
    words += options
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": _source()},
    )
    for line in process.stderr:
        if found := re.search(r"http\S+", line):
            return Server(process, found[0])
    raise AssertionError(f"the server ended with {process.wait()}")


def _source() -> str:
    import alcseg

    return str(Path(alcseg.__file__).parents[1])


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        yield started
        started.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_corrected(tmp_path / "blocks", copies=3)


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    running = serve(folder)
    yield running
    if running.process.poll() is None:
        running.stop(signal.SIGKILL)


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.goto(server.address)
    shows(opened, "ras")
    yield opened
    context.close()
    assert faults == []


def shows(page: Any, case_id: str) -> None:
    """Wait until a case is on the page."""
    page.wait_for_selector(f"body[data-case='{case_id}']", timeout=_SLOW_MS)


def tile(page: Any, axis: int, share: tuple[float, float] = (0.5, 0.5)) -> tuple[float, float]:
    """A place on the screen in the plane across an array axis, as shares of its width and height."""
    left, top, width, height = page.evaluate(
        """([across]) => {
            const { nv, canvas } = window.review.viewer;
            const kind = [2, 1, 0][across];
            const { leftTopWidthHeight } = nv.screenSlices.find((one) => one.axCorSag === kind);
            const box = canvas.getBoundingClientRect();
            const scale = box.width / canvas.width;
            const [l, t, w, h] = leftTopWidthHeight;
            return [box.left + l * scale, box.top + t * scale, w * scale, h * scale];
        }""",
        [axis],
    )
    return left + share[0] * width, top + share[1] * height


def drawing(page: Any) -> np.ndarray:
    """What the viewer holds, class indices in RAS order."""
    told = page.evaluate(
        "() => ({ shape: window.review.case.shape, bytes: Array.from(window.review.viewer.drawing) })"
    )
    return np.array(told["bytes"], np.uint8).reshape(told["shape"], order="F")


def saved(page: Any) -> None:
    """Wait until the draft is on the server."""
    for _ in range(200):
        if page.evaluate("() => !window.review.draft.unsaved && !window.review.draft.saving"):
            return
        page.wait_for_timeout(50)
    raise AssertionError("the draft was not saved")


def stroke(page: Any, axis: int) -> None:
    """Draw a short line in a plane with the mouse."""
    x, y = tile(page, axis, (0.3, 0.3))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 25, y + 10, steps=4)
    page.mouse.up()
    page.wait_for_timeout(100)


def test_ten_cases_are_decided_by_keyboard_alone(page: Any, folder: Path) -> None:
    order = [item.case_id for item in Subject.open(folder).queue]
    for key, now, then in zip("aaadfadaaa", order, order[1:], strict=False):
        shows(page, now)
        page.keyboard.press(key)
        shows(page, then)
    page.wait_for_timeout(300)
    assert "10 of 12" in page.inner_text("#progress")
    book = ReviewBook.open(book_path(folder), labels=VALUES)
    verdicts = {decision.case_id: decision.verdict for decision in book.decisions()}
    expected = {"a": "accept", "d": "keep", "f": "flag"}
    assert verdicts == {case: expected[key] for case, key in zip(order, "aaadfadaaa", strict=False)}
    assert all(decision.seconds > 0 for decision in book.decisions())
    book.close()
    page.keyboard.press("w")
    shows(page, order[9])
    assert "accepted" in page.inner_text("#verdict")


def inked(page: Any) -> int:
    """Pixels that are drawn above the image."""
    return page.evaluate(
        """() => {
            window.review.viewer.settle();
            const { canvas } = window.review.viewer.lines;
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            let count = 0;
            for (let i = 3; i < data.length; i += 4) if (data[i]) count += 1;
            return count;
        }"""
    )


def test_labels_are_outlined_in_all_three_planes(page: Any) -> None:
    for axis in range(3):
        x, y = tile(page, axis, (0.02, 0.02))
        right, low = tile(page, axis, (0.98, 0.98))
        colored = page.evaluate(
            """([x, y, right, low]) => {
                const lines = window.review.viewer.lines.canvas;
                const box = lines.getBoundingClientRect();
                const scale = lines.width / box.width;
                const part = lines.getContext("2d").getImageData(
                    (x - box.left) * scale, (y - box.top) * scale, (right - x) * scale, (low - y) * scale);
                let count = 0;
                for (let i = 0; i < part.data.length; i += 4) {
                    const [r, g, b, a] = part.data.slice(i, i + 4);
                    if (a > 60 && Math.max(r, g, b) - Math.min(r, g, b) > 60) count += 1;
                }
                return count;
            }""",
            [x, y, right, low],
        )
        assert colored > 100, f"plane across axis {axis}"


@pytest.mark.parametrize("case_id", AFFINES)
def test_a_stroke_lands_where_the_mouse_was_and_comes_back_exact(
    page: Any, folder: Path, case_id: str
) -> None:
    page.click(f"#cases button:has-text('{case_id}') >> nth=0")
    shows(page, case_id)
    before = drawing(page)
    subject = Subject.open(folder)
    sheet = CaseSheet.of(subject, case_id)
    np.testing.assert_array_equal(before, sheet.proposed)
    page.keyboard.press("3")
    place = page.evaluate("() => window.review.viewer.place")
    axis = 2
    stroke(page, axis)
    after = drawing(page)
    changed = np.argwhere(after != before)
    assert len(changed) > 0
    assert set(changed[:, axis]) == {place[axis]}, "drawn in another slice than the one shown"
    assert (after[after != before] == 3).all()
    saved(page)
    page.reload()
    shows(page, case_id)
    np.testing.assert_array_equal(drawing(page), after)
    page.keyboard.press("t")
    page.wait_for_selector(f"body:not([data-case='{case_id}'])")
    page.wait_for_timeout(300)
    applied = review(folder, apply=folder.parent / "new")
    assert applied.changed == (case_id,)
    written = Dataset.open(applied.out).read_label(case_id)
    np.testing.assert_array_equal(written.array, sheet.to_file(after))
    assert np.array_equal(written.affine, subject.given(case_id).affine)


def test_what_the_mouse_points_at_is_the_voxel_that_is_named(page: Any, folder: Path) -> None:
    """A click in each plane moves the crosshair to the voxel under the pointer."""
    sheet = CaseSheet.of(Subject.open(folder), "ras")
    for axis in range(3):
        first, second = (other for other in range(3) if other != axis)
        x, y = tile(page, axis, (0.25, 0.25))
        page.mouse.click(x, y)
        place = page.evaluate("() => window.review.viewer.place")
        # The first axis runs to the right and the second upwards.
        assert abs(place[first] - (0.25 * sheet.shape[first] - 0.5)) <= 1
        assert abs(place[second] - (0.75 * sheet.shape[second] - 0.5)) <= 1


def test_the_wheel_and_the_arrows_go_through_the_slices(page: Any) -> None:
    x, y = tile(page, 2, (0.3, 0.3))
    page.mouse.click(x, y)
    before = page.evaluate("() => window.review.viewer.place[2]")
    page.mouse.wheel(0, 120)
    page.wait_for_timeout(150)
    scrolled = page.evaluate("() => window.review.viewer.place[2]")
    assert abs(scrolled - before) == 1
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("() => window.review.viewer.place[2]") == scrolled + 2


def test_the_picture_is_that_of_niivue_without_a_pass_over_all_slices(page: Any) -> None:
    """Its passes over the slices of a large image take half a minute where there is no graphics card."""
    drawn = page.evaluate(
        """async () => {
            const context = WebGL2RenderingContext.prototype;
            const { drawArrays } = context;
            let count = 0;
            context.drawArrays = function (...rest) { count += 1; drawArrays.apply(this, rest); };
            await window.review.open(1);
            context.drawArrays = drawArrays;
            return count;
        }"""
    )
    assert 0 < drawn < SHAPE[2]
    largest, bright = page.evaluate(
        """() => {
            const { nv, drawScene } = window.review.viewer;
            const picture = () => {
                drawScene();
                const { width, height } = nv.canvas;
                const pixels = new Uint8Array(4 * width * height);
                nv.gl.readPixels(0, 0, width, height, nv.gl.RGBA, nv.gl.UNSIGNED_BYTE, pixels);
                return pixels;
            };
            const ours = picture();
            Object.getPrototypeOf(nv).refreshLayers.call(nv, nv.volumes[0], 0);
            const theirs = picture();
            let [largest, bright] = [0, 0];
            for (let i = 0; i < ours.length; i++) {
                largest = Math.max(largest, Math.abs(ours[i] - theirs[i]));
                if (theirs[i] > 100 && theirs[i] < 200) bright += 1;
            }
            return [largest, bright];
        }"""
    )
    assert bright > 10_000
    assert largest <= 2


def test_every_layer_can_be_outlined_filled_and_hidden(page: Any) -> None:
    names = ("given", "now", "proposed", "uncertainty")
    for name in names:
        page.select_option(f"#layer-{name}", "off")
    page.keyboard.press("s")  # The choice holds for the next case, too.
    shows(page, "thick_lps")
    bare = inked(page)
    for name in names:
        page.select_option(f"#layer-{name}", "outline")
        outlined = inked(page)
        page.select_option(f"#layer-{name}", "fill")
        filled = inked(page)
        page.select_option(f"#layer-{name}", "off")
        assert bare < outlined < filled, name
        assert inked(page) == bare


def test_the_brush_is_laid_down_by_escape_and_in_the_next_case(page: Any) -> None:
    brush = page.locator("[data-action='brush']")
    page.keyboard.press("1")
    assert brush.get_attribute("aria-pressed") == "true"
    page.keyboard.press("Escape")
    assert brush.get_attribute("aria-pressed") == "false"
    page.keyboard.press("1")
    page.keyboard.press("s")
    shows(page, "thick_lps")
    assert brush.get_attribute("aria-pressed") == "false"
    before = drawing(page)
    stroke(page, 2)
    np.testing.assert_array_equal(drawing(page), before)


def test_undo_goes_back_step_by_step_and_never_brings_strokes_back(page: Any) -> None:
    states = [drawing(page)]
    page.keyboard.press("1")
    for axis in (2, 1, 0):
        stroke(page, axis)
        states.append(drawing(page))
    for expected in reversed(states[:-1]):
        page.keyboard.press("z")
        np.testing.assert_array_equal(drawing(page), expected)
    page.keyboard.press("z")
    np.testing.assert_array_equal(drawing(page), states[0])
    for expected in states[1:]:
        page.keyboard.press("y")
        np.testing.assert_array_equal(drawing(page), expected)


def test_one_region_is_taken_back_and_the_other_stays(page: Any, folder: Path) -> None:
    sheet = CaseSheet.of(Subject.open(folder), "ras")
    page.keyboard.press("n")
    assert page.evaluate("() => window.review.viewer.place") == list(sheet.regions[1].place)
    page.keyboard.press("x")
    expected = np.where(sheet.region_map == 2, sheet.given, sheet.proposed)
    np.testing.assert_array_equal(drawing(page), expected)
    page.keyboard.press("a")
    page.wait_for_selector("body:not([data-case='ras'])")
    page.wait_for_timeout(300)
    book = ReviewBook.open(book_path(folder), labels=VALUES)
    (decision,) = book.decisions()
    assert (decision.verdict, decision.regions) == ("accept", {"2": False})
    np.testing.assert_array_equal(sheet.to_page(book.label(decision)), expected)
    book.close()


def test_a_link_opens_its_case_at_its_region(page: Any, server: Server, folder: Path) -> None:
    page.goto(f"{server.address}&case=oblique&region=2")
    shows(page, "oblique")
    sheet = CaseSheet.of(Subject.open(folder), "oblique")
    assert page.evaluate("() => window.review.viewer.place") == list(sheet.regions[1].place)


def test_a_link_of_a_report_opens_the_running_review_and_knows_the_reader(
    browser: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setattr(review_link, "PORT", port)
    links = [ReviewLink(target).to("oblique", 2) for target in (folder, tmp_path / "another")]
    panels = [CasePanel(f"case_{number}", link=link) for number, link in enumerate(links)]
    report = write_report(tmp_path / "report.html", title="T", sections=[Section("S", [Cases(panels)])])
    running = serve(folder, "--port", str(port), "--case", "permuted")
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    try:
        first = context.new_page()
        first.goto(running.address)
        shows(first, "permuted")
        page = context.new_page()
        page.goto(report.as_uri())
        with context.expect_page() as opened:
            page.click("#case-case_0 a")
        shows(opened.value, "oblique")
        sheet = CaseSheet.of(Subject.open(folder), "oblique")
        assert opened.value.evaluate("() => window.review.viewer.place") == list(sheet.regions[1].place)
        assert opened.value.input_value("#reader") == "anna"
        assert opened.value.is_hidden("#banner")
        with context.expect_page() as opened:
            page.click("#case-case_1 a")
        shows(opened.value, "oblique")
        opened.value.wait_for_selector("#banner:not([hidden])")
        assert "review of another, but that of blocks" in opened.value.inner_text("#banner")
    finally:
        context.close()
        running.stop()


@pytest.mark.parametrize("servers", [1, 2])
def test_the_second_of_two_windows_is_told_and_overwrites_nothing(
    page: Any, browser: Any, server: Server, folder: Path, servers: int
) -> None:
    """Be they of one server, or of two with the same book."""
    second = server if servers == 1 else serve(folder)
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    other = context.new_page()
    other.goto(second.address)
    shows(other, "ras")
    other.fill("#comment", "from the other window")
    saved(other)
    page.fill("#comment", "mine")
    page.wait_for_selector("#banner:not([hidden])")
    assert "changed elsewhere" in page.inner_text("#banner")
    page.click("#banner button")
    page.wait_for_selector("#banner[hidden]", state="attached")
    assert page.input_value("#comment") == "from the other window"
    context.close()
    if second is not server:
        second.stop()


def test_many_classes_and_names_of_any_signs_are_shown_as_they_are(browser: Any, tmp_path: Path) -> None:
    names = ['<img src=x onerror="window.hit=1">', "a \"b\" & 'c'", "</button><b>d"]
    names += [f"class {number}" for number in range(251)]
    labels = {"background": 0} | {name: 3 * index for index, name in enumerate(names, start=1)}
    folder = make_corrected(tmp_path / "many", labels=labels)
    sheet = CaseSheet.of(Subject.open(folder), "ras")
    running = serve(folder)
    page = browser.new_context(viewport={"width": 1200, "height": 800}).new_page()
    try:
        page.goto(running.address)
        shows(page, "ras")
        buttons = page.locator("#classes button")
        assert buttons.all_inner_texts() == [f"{index} {name}" for index, name in enumerate(names, start=1)]
        colors = buttons.evaluate_all("all => all.map((one) => one.style.borderLeftColor)")
        assert len(set(colors)) > 200
        assert names[0] in page.inner_text("#regions")
        assert page.evaluate("() => window.hit") is None
        buttons.last.click()
        stroke(page, 2)
        after = drawing(page)
        assert (after == 254).any()
        page.keyboard.press("t")
        page.wait_for_selector("body:not([data-case='ras'])")
        page.wait_for_timeout(300)
    finally:
        page.context.close()
        running.stop()
    written = Dataset.open(review(folder, apply=tmp_path / "new").out).read_label("ras")
    assert written.array.max() == 3 * 254
    np.testing.assert_array_equal(written.array, sheet.to_file(after))


def test_nothing_is_lost_when_the_server_is_killed(
    page: Any, browser: Any, server: Server, folder: Path
) -> None:
    page.keyboard.press("1")
    stroke(page, 2)
    drawn = drawing(page)
    saved(page)
    server.stop(signal.SIGKILL)
    page.fill("#comment", "into the void")
    page.wait_for_selector("#banner:not([hidden])")
    assert "Start `alcseg review` again" in page.inner_text("#banner")
    again = serve(folder)
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    later = context.new_page()
    later.goto(again.address)
    shows(later, "ras")
    np.testing.assert_array_equal(drawing(later), drawn)
    context.close()
    assert again.stop() == 0
    book = ReviewBook.open(book_path(folder), labels=VALUES)
    assert book.reading(ReadingKey("ras", "anna")).drawing is not None
    book.close()


def test_cases_that_cannot_be_read_are_passed_over_and_back_goes_where_one_was(
    page: Any, folder: Path
) -> None:
    for name in ("oblique", "ras-2"):  # Neither is read ahead yet.
        (folder / "imagesTr" / f"{name}_0000.nii.gz").write_bytes(b"no image")
    for key, then in zip("ada", ("thick_lps", "permuted", "thick_lps-2"), strict=True):
        page.keyboard.press(key)
        shows(page, then)
    page.wait_for_selector("#banner:not([hidden])")
    assert "Passed over: oblique: " in page.inner_text("#banner")
    assert "cannot be read" in page.inner_text("#cases button:has-text('ras-2') >> nth=0")
    page.keyboard.press("w")
    shows(page, "permuted")
    page.keyboard.press("w")
    shows(page, "thick_lps")


def test_a_decision_that_does_not_arrive_leaves_the_work_on_the_page(
    page: Any, server: Server, folder: Path
) -> None:
    page.keyboard.press("1")
    stroke(page, 2)
    drawn = drawing(page)
    server.stop(signal.SIGKILL)
    page.keyboard.press("a")
    page.wait_for_selector("#banner:not([hidden])")
    assert "Start `alcseg review` again" in page.inner_text("#banner")
    shows(page, "ras")
    np.testing.assert_array_equal(drawing(page), drawn)
    page.click("#cases button:has-text('oblique') >> nth=0")
    page.wait_for_timeout(300)
    shows(page, "ras")
    np.testing.assert_array_equal(drawing(page), drawn)
    assert page.evaluate("() => window.review.draft.unsaved")


def test_both_views_show_the_same_place_however_it_was_reached(page: Any) -> None:
    page.keyboard.press("v")
    page.wait_for_selector("#given-view:not([hidden]) canvas.lines")
    places = "() => [window.review.viewer.place, window.review.other?.place]"
    x, y = tile(page, 2, (0.3, 0.3))
    moves = (
        lambda: page.keyboard.press("n"),
        lambda: page.keyboard.press("ArrowUp"),
        lambda: page.mouse.click(x, y),
        lambda: page.mouse.wheel(0, 120),
    )
    seen = set()
    for move in moves:
        move()
        page.wait_for_timeout(300)
        here, there = page.evaluate(places)
        assert here == there
        seen.add(tuple(here))
    assert len(seen) > 2
