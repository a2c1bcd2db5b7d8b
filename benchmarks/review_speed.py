"""From key to picture on the page of `alcseg review`: `python benchmarks/review_speed.py [TARGET]`.

Drives chromium without a graphics card over the undecided cases at the head of a queue, pressing `s` (skip)
as soon as the case after is loaded ahead, and prints how long each took from the key to the picture: until
the planes were drawn and the browser could show them. Beside it the CPU time of the server and of all
processes of the browser, which other programs on the machine hardly change.

Without TARGET three synthetic corrected MR cases of 384 x 384 x 128 voxels on an oblique grid are written to
a temporary folder: noisy image, four classes, given and proposed label, uncertainty.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from playwright.sync_api import sync_playwright
from scipy import ndimage

from alcseg.records.cases import CaseRow
from alcseg.records.dataset import DatasetRecord
from alcseg.records.ranking import RankingRow

SHAPE = (384, 384, 128)
AFFINE = np.array([[0.7, -0.2, 0.1, -120], [0.2, 0.7, -0.2, -130], [-0.04, 0.17, 1.2, -60], [0, 0, 0, 1]])
LABELS = {"background": 0, "wall": 1, "cavity": 2, "vessel": 3, "scar": 4}
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--enable-unsafe-swiftshader", "--no-first-run"]
TICKS = os.sysconf("SC_CLK_TCK")

# Pressed in the page itself, so that the driver's own way to the browser is not counted.
PRESS = """async (key) => {
    const page = window.review;
    const before = document.body.dataset.case;
    const begun = performance.now();
    window.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    while (document.body.dataset.case === before) await new Promise((done) => setTimeout(done));
    const { gl } = page.viewer.nv;
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4)); // waits for the driver
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    return performance.now() - begun;
}"""


def main() -> None:
    """Print a row per case and the median."""
    words = argparse.ArgumentParser()
    words.add_argument("target", nargs="?")
    words.add_argument("--cases", type=int, default=8)
    words.add_argument("--screen", default="1600x1000")
    given = words.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(given.target) if given.target else write_cases(Path(scratch) / "large")
        measure(target, Path(scratch) / "book.sqlite", given.cases, given.screen)


def measure(target: Path, book: Path, cases: int, screen: str) -> None:
    """Skip from case to case and time each."""
    words = [sys.executable, "-m", "alcseg", "review", str(target), "--book", str(book), "--no-browser"]
    server = subprocess.Popen([*words, "--port", "0"], stderr=subprocess.PIPE, text=True)
    address = next(found[0] for line in server.stderr if (found := re.search(r"http\S+", line)))
    width, height = (int(side) for side in screen.split("x"))
    with sync_playwright() as driver:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        profile = book.parent / "profile"
        browser = driver.chromium.launch_persistent_context(
            profile, executable_path=chromium, args=FLAGS, viewport={"width": width, "height": height}
        )
        page = browser.new_page()
        begun = time.perf_counter()
        page.goto(address)
        page.wait_for_function("() => document.body.dataset.case", timeout=300_000)
        print(f"first picture {time.perf_counter() - begun:.2f} s after the address")
        print("| case | key to picture, s | CPU browser, s | CPU server, s |\n|---|---|---|---|")
        times = []
        for _ in range(cases):
            page.evaluate("async () => { for (const next of window.review.ahead.values()) await next; }")
            page.wait_for_timeout(500)  # What goes on after the picture is no part of the next.
            before = cpu_of(profile), cpu_of(server.pid)
            times.append(page.evaluate(PRESS, "s") / 1000)
            page.wait_for_timeout(200)
            browser_s, server_s = (
                now - then for now, then in zip((cpu_of(profile), cpu_of(server.pid)), before, strict=True)
            )
            name = page.inner_text("#case-id")
            print(f"| {name} | {times[-1]:.2f} | {browser_s:.2f} | {server_s:.2f} |", flush=True)
        print(f"median {statistics.median(times):.2f} s, {min(times):.2f} to {max(times):.2f}")
        browser.close()
    server.terminate()
    server.wait(20)


def cpu_of(which: int | Path) -> float:
    """Seconds of CPU that a process, or all processes that name a path, have used."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if isinstance(which, int) and int(folder.name) != which:
                continue
            if isinstance(which, Path) and str(which) not in (folder / "cmdline").read_text():
                continue
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def write_cases(root: Path, count: int = 3) -> Path:
    """A corrected dataset of large cases."""
    names = [f"large_{number}" for number in range(1, count + 1)]
    DatasetRecord(
        name="Large",
        labels=LABELS,
        channel_names={"0": "MR"},
        num_training=count,
        file_ending=".nii.gz",
    ).write(root)
    ranked = []
    for number, name in enumerate(names):
        arrays = make_case(np.random.default_rng(number))
        for folder, array in zip(("labelsGiven", "labelsTr", "uncertainty"), arrays[1:], strict=True):
            write(root / folder / f"{name}.nii.gz", array)
        write(root / "imagesTr" / f"{name}_0000.nii.gz", arrays[0])
        ranked += [ranking_row(name, number, one) for one in list(LABELS)[1:]]
    CaseRow.write(root, [CaseRow(case_id=name, quality="lq", split="train") for name in names])
    RankingRow.write(root, ranked)
    return root


def write(path: Path, array: np.ndarray) -> None:
    """Write a NIfTI file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, AFFINE, dtype=array.dtype), path)


def make_case(rng: np.random.Generator) -> tuple[Any, ...]:
    """Image, given label, proposed label, uncertainty."""
    axes = np.meshgrid(*(np.linspace(-1, 1, size, dtype=np.float32) for size in SHAPE), indexing="ij")
    proposed = np.zeros(SHAPE, np.uint8)
    places = rng.uniform(-0.4, 0.4, (4, 3))
    for value, (place, radius) in enumerate(zip(places, (0.45, 0.3, 0.2, 0.15), strict=True), start=1):
        near = sum((axis - at) ** 2 for axis, at in zip(axes, place, strict=True))
        proposed[near < radius**2] = value
    bumps = ndimage.zoom(rng.normal(size=(24, 24, 8)).astype(np.float32), 16, order=1)
    given = np.where(bumps > 0.8, np.roll(proposed, 9, 0), proposed).astype(np.uint8)
    image = 200 + 120 * proposed + 60 * bumps + rng.normal(0, 25, SHAPE).astype(np.float32)
    image[sum(axis**2 for axis in axes) > 1.2] = 0
    uncertainty = np.abs(ndimage.gaussian_filter((given != proposed).astype(np.float32), 2))
    return image.astype(np.int16), given, proposed, uncertainty


def ranking_row(name: str, number: int, class_name: str) -> RankingRow:
    """What `correct` would have written of one class."""
    return RankingRow(
        rank=number + 1, written_rank=number + 1, case_id=name, class_name=class_name, given_error=0.4,
        written_error=0.1, uncertainty=0.1, changed_mm3=1, added_mm3=1, removed_mm3=0, shift_mm=0,
        in_sample=False, reason="it was made so",
    )  # fmt: skip


if __name__ == "__main__":
    main()
