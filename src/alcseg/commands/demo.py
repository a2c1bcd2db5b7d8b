"""`alcseg demo`: the whole way on generated phantoms, from spoiled labels to a report."""

import logging
import shlex
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from alcseg.commands._demo_page import METHOD_NAMES, DemoRecord, write_page
from alcseg.commands.correct import correct
from alcseg.commands.corrupt import corrupt
from alcseg.commands.evaluate import evaluate
from alcseg.commands.predict import predict
from alcseg.commands.train import train
from alcseg.data.phantoms import write_phantoms
from alcseg.errors import UsageError
from alcseg.files import make_folder, write_json
from alcseg.machine import peak_memory_mib, timestamp, versions
from alcseg.report.scores import read_scores

__all__ = ["DemoResult", "demo"]

logger = logging.getLogger(__name__)

_HQ_FRACTION = 0.25
_NOISE_SIDES = (3, 6)  # of the cube, in voxels
_PARTS = ("phantoms", "noisy", "runs", "corrected", "predictions", "evaluations", "report.html", "demo.json")


@dataclass
class DemoResult:
    """What the demo showed.

    Attributes:
        out: Folder with everything it made.
        report: The page to open.
        labels: Mean Dice of the LQ labels against the clean ones, `given` and `refined`.
        test: Method to mean Dice and HD95 in mm on the test cases.
        commands: What would do each step by hand.
        time_s: Wall time of the whole.
        peak_memory_mib: Largest resident memory of the process.
    """

    out: Path
    report: Path
    labels: dict[str, float] = field(default_factory=dict)
    test: dict[str, dict[str, float]] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    time_s: float = 0.0
    peak_memory_mib: float | None = None


@dataclass(frozen=True)
class _Step:
    """One step: what it does, the command that does it by hand, and the call."""

    title: str
    command: str
    run: Callable[[], Any]


def demo(
    out: Path,
    *,
    seed: int = 0,
    overwrite: bool = False,
    workers: int = 0,
    device: str = "auto",
    cases: tuple[int, int, int] = (16, 3, 6),
    set: Sequence[str] = (),
) -> DemoResult:
    """Generate phantoms, spoil labels, train three methods, correct, evaluate, write `report.html`.

    The clean labels of the spoiled cases and the test cases are read by the evaluation only; nothing is
    chosen on them.

    Args:
        out: Folder for everything; must be new or empty.
        seed: Of the phantoms, the label noise and the trainings.
        overwrite: Replace what an earlier demo left in `out`; other files stay.
        workers: Processes that load patches.
        device: `auto`, `cpu`, `cuda` or `cuda:<i>`.
        cases: Phantoms of the splits train, val and test.
        set: Further settings for the trainings, `KEY=VALUE` each, over those of the preset `demo`.

    Raises:
        UsageError: If `out` holds files and `overwrite` is not set.
    """
    _prepare(out, overwrite=overwrite)
    begun = time.perf_counter()
    steps = _steps(out, seed=seed, workers=workers, device=device, cases=cases, settings=list(set))
    record = DemoRecord(out=out, seed=seed, started=timestamp(), versions=versions())
    for number, step in enumerate(steps, start=1):
        logger.info("step %d of %d: %s", number, len(steps), step.title)
        started = time.perf_counter()
        step.run()
        record.timings.append((step.title, time.perf_counter() - started))
        record.commands.append(step.command)
    record.time_s = time.perf_counter() - begun
    record.peak_memory_mib = peak_memory_mib()

    scores = {name: read_scores(out / "evaluations" / name) for name in _evaluations()}
    result = DemoResult(
        out=out,
        report=write_page(out / "report.html", record, scores),
        labels={name: scores[f"lq-{name}"].mean("dice") for name in ("given", "refined")},
        test={
            method: {
                "dice": scores[f"test-{method}"].mean("dice"),
                "hd95_mm": scores[f"test-{method}"].mean("hd95"),
            }
            for method in METHOD_NAMES
        },
        commands=record.commands,
        time_s=round(record.time_s, 1),
        peak_memory_mib=record.peak_memory_mib,
    )
    write_json(
        out / "demo.json",
        {
            "seed": seed,
            "versions": record.versions,
            "started": record.started,
            "labels": result.labels,
            "test": result.test,
            "steps": [{"title": title, "time_s": round(seconds, 2)} for title, seconds in record.timings],
            "commands": record.commands,
            "time_s": result.time_s,
            "peak_memory_mib": result.peak_memory_mib,
        },
    )
    return result


def _evaluations() -> list[str]:
    """Names of the folders below `evaluations`."""
    return ["lq-given", "lq-refined", *(f"test-{method}" for method in METHOD_NAMES)]


def _steps(
    out: Path,
    *,
    seed: int,
    workers: int,
    device: str,
    cases: tuple[int, int, int],
    settings: Sequence[str],
) -> list[_Step]:
    """All steps in order; each holds the same arguments twice, as a command and as a call."""
    phantoms, noisy, corrected = out / "phantoms", out / "noisy", out / "corrected"
    clean, alc = noisy / "labelsClean", out / "runs" / "alc"
    train_cases, val_cases, test_cases = cases
    code = (
        "from pathlib import Path; from alcseg.data.phantoms import write_phantoms; "
        f"write_phantoms(Path({str(phantoms)!r}), train={train_cases}, val={val_cases}, test={test_cases}, "
        f"seed={seed})"
    )
    low, high = _NOISE_SIDES
    steps = [
        _Step(
            "generate phantoms",
            _line("python", "-c", code),
            partial(write_phantoms, phantoms, train=train_cases, val=val_cases, test=test_cases, seed=seed),
        ),
        _Step(
            "spoil LQ labels",
            _line(
                "alcseg corrupt",
                phantoms,
                noisy,
                "--hq-fraction",
                _HQ_FRACTION,
                "--size",
                low,
                high,
                "--seed",
                seed,
            ),
            partial(
                corrupt,
                phantoms,
                noisy,
                hq_fraction=_HQ_FRACTION,
                size=_NOISE_SIDES,
                seed=seed,
                workers=workers,
            ),
        ),
    ]
    extra = [word for setting in settings for word in ("--set", setting)]
    for method, name in METHOD_NAMES.items():
        run = out / "runs" / method
        words = ("--method", method, "--preset", "demo", *extra, "--seed", seed, "--out", run)
        steps.append(
            _Step(
                f"train {name}",
                _line("alcseg train", noisy, *words),
                partial(
                    train,
                    noisy,
                    out=run,
                    method=method,
                    preset="demo",
                    seed=seed,
                    device=device,
                    workers=workers,
                    set=settings,
                ),
            )
        )
    steps.append(
        _Step(
            "correct LQ labels with ALC",
            _line("alcseg correct", alc, noisy, "--seed", seed, "--out", corrected),
            partial(correct, alc, noisy, out=corrected, seed=seed, device=device),
        )
    )
    for method, name in METHOD_NAMES.items():
        run, images, target = out / "runs" / method, noisy / "imagesTs", out / "predictions" / method
        steps.append(
            _Step(
                f"predict test cases with {name}",
                _line("alcseg predict", run, images, "--out", target),
                partial(predict, run, [images], out=target, device=device),
            )
        )
    for name, labels in (("given", noisy / "labelsTr"), ("refined", corrected / "labelsTr")):
        target = out / "evaluations" / f"lq-{name}"
        steps.append(
            _Step(
                f"evaluate {name} LQ labels",
                _line(
                    "alcseg evaluate", labels, clean, "--dataset", noisy, "--quality", "lq", "--out", target
                ),
                partial(evaluate, labels, clean, out=target, dataset=noisy, quality="lq"),
            )
        )
    for method, name in METHOD_NAMES.items():
        labels, target = out / "predictions" / method, out / "evaluations" / f"test-{method}"
        steps.append(
            _Step(
                f"evaluate {name} on test cases",
                _line("alcseg evaluate", labels, noisy / "labelsTs", "--dataset", noisy, "--out", target),
                partial(evaluate, labels, noisy / "labelsTs", out=target, dataset=noisy),
            )
        )
    return steps


def _line(command: str, *words: object) -> str:
    return f"{command} {shlex.join(str(word) for word in words)}"


def _prepare(out: Path, *, overwrite: bool) -> None:
    """Make the folder; with `overwrite` clear away what an earlier demo made, and nothing else."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())) and not overwrite:
        raise UsageError(
            f"{out}: expected an empty or new output folder, found files in it. "
            "Choose another folder or pass --overwrite."
        )
    for name in _PARTS:
        part = out / name
        if part.is_dir() and not part.is_symlink():
            shutil.rmtree(part)
        else:
            part.unlink(missing_ok=True)
    make_folder(out)
