"""`alcseg demo`: the whole way on generated phantoms, from spoiled labels to a report."""

import logging
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

from alcseg.commands._demo_page import METHOD_NAMES, DemoOutcome, write_page
from alcseg.commands.correct import correct
from alcseg.commands.corrupt import corrupt
from alcseg.commands.evaluate import evaluate
from alcseg.commands.predict import predict
from alcseg.commands.train import train
from alcseg.data.folder import Dataset
from alcseg.data.phantoms import write_phantoms
from alcseg.errors import UsageError
from alcseg.evaluation import Evaluation
from alcseg.files import make_folder
from alcseg.inference.device import pick_device
from alcseg.listing import has_file
from alcseg.locks import alone
from alcseg.machine import peak_memory_mib, timestamp, versions
from alcseg.old_output import OldOutput
from alcseg.outputs import require_free
from alcseg.processes import require_workers
from alcseg.records.demo import DemoRecord, DemoScores, DemoStep
from alcseg.records.ranking import RankingRow
from alcseg.reporting.review_link import ReviewLink
from alcseg.run import Run
from alcseg.seeds import require_seed

__all__ = ["DemoResult", "demo"]

logger = logging.getLogger(__name__)

_HQ_FRACTION = 0.25
_NOISE_SIDES = (3, 6)  # of the cube, in voxels
_PARTS = ("phantoms", "noisy", "runs", "corrected", "predictions", "evaluations", "report.html")


@dataclass(frozen=True)
class DemoResult:
    """What the demo showed.

    Attributes:
        out: Folder with everything it made.
        record: What was done, how long it took, and the scores.
    """

    out: Path
    record: DemoRecord

    def __fspath__(self) -> str:
        return str(self.out)

    def to_document(self) -> dict[str, Any]:
        """What the command line prints."""
        names = ("labels", "test", "commands", "time_s", "peak_memory_mib")
        return {"out": self.out, "report": self.report} | {name: getattr(self.record, name) for name in names}

    @property
    def report(self) -> Path:
        """The page to open."""
        return self.out / "report.html"

    @property
    def corrected(self) -> Path:
        """The dataset with mended labels, to review."""
        return self.out / "corrected"


@dataclass(frozen=True)
class _Step:
    """One step: what it does, the command that does it by hand, and the call."""

    title: str
    command: str
    run: Callable[[], Any]


def demo(
    out: str | PathLike[str],
    *,
    seed: int = 0,
    overwrite: bool = False,
    workers: int = 0,
    device: str = "auto",
    cases: tuple[int, int, int] = (16, 3, 6),
    set: Sequence[str] = (),
) -> DemoResult:
    """Generate phantoms, spoil labels, train three methods, correct, evaluate, write `report.html`.

    The clean labels of the spoiled cases and the labels of the test cases are read by the evaluation only;
    nothing is chosen on them.

    Args:
        out: Folder for everything; must be new or empty, or hold a demo of the same settings that was
            stopped: that goes on.
        seed: Of the phantoms, the label noise and the trainings.
        overwrite: Replace what an earlier demo left in `out`, which comes back if this one is stopped; other
            files stay.
        workers: Processes that load patches.
        device: `auto`, `cpu`, `cuda` or `cuda:<i>`.
        cases: Phantoms of the splits train, val and test.
        set: Further settings for the trainings, `KEY=VALUE` each, over those of the preset `demo`.

    Raises:
        UsageError: If `out` holds other files and `overwrite` is not set, another process is at it, or `seed`
            is negative.
    """
    out = Path(out)
    require_seed(seed)
    require_workers(workers)
    pick_device(device)
    steps = list(_steps(out, seed=seed, workers=workers, device=device, cases=cases, settings=list(set)))
    asked = DemoRecord(
        seed=seed,
        versions=versions(),
        started=timestamp(),
        commands=(*(step.command for step in steps), ReviewLink(out / "corrected").command),
    )
    _require_place(out, asked, overwrite=overwrite)
    with alone(out), ExitStack() as held:
        old = OldOutput(out, worth=partial(_is_done, out), replaced=overwrite, foreign=_is_foreign)
        _require_place(out, asked, overwrite=overwrite)  # as it is now that nobody else writes into it
        if overwrite:
            held.enter_context(old.aside())
        make_folder(out)
        return _go_on(out, steps, DemoRecord.read(out) if has_file(DemoRecord.path(out)) else asked)


def _go_on(out: Path, steps: Sequence[_Step], record: DemoRecord) -> DemoResult:
    """Do the steps that are left, and show what came of all."""
    before_s, begun = record.time_s, time.perf_counter()

    def taken() -> float:
        return round(before_s + time.perf_counter() - begun, 1)

    record.write(out)
    for number, step in enumerate(steps, start=1):
        if number <= len(record.steps):
            continue
        logger.info("step %d of %d: %s", number, len(steps), step.title)
        step_begun = time.perf_counter()
        step.run()
        done = DemoStep(title=step.title, time_s=round(time.perf_counter() - step_begun, 2))
        record = record.model_copy(update={"steps": (*record.steps, done), "time_s": taken()})
        record.write(out)
    given, refined = (Evaluation.open(out / "evaluations" / f"lq-{name}") for name in ("given", "refined"))
    test = {method: Evaluation.open(out / "evaluations" / f"test-{method}") for method in METHOD_NAMES}
    record = record.model_copy(
        update={
            "labels": {"given": given.mean("dice"), "refined": refined.mean("dice")},
            "test": {
                method: DemoScores(dice=scores.mean("dice"), hd95_mm=scores.mean("hd95"))
                for method, scores in test.items()
            },
            "time_s": taken(),
            "peak_memory_mib": peak_memory_mib(),
        }
    )
    outcome = DemoOutcome(
        record=record,
        noisy=Dataset.open(out / "noisy"),
        corrected=Dataset.open(out / "corrected"),
        runs={method: Run.open(out / "runs" / method) for method in METHOD_NAMES},
        given=given,
        refined=refined,
        test=test,
        ranking=RankingRow.read(out / "corrected"),
    )
    result = DemoResult(out, record)
    write_page(result.report, outcome)
    record.write(out)
    return result


def _steps(
    out: Path,
    *,
    seed: int,
    workers: int,
    device: str,
    cases: tuple[int, int, int],
    settings: Sequence[str],
) -> Iterator[_Step]:
    """All steps in order."""
    anew = {"overwrite": True}  # what is there is of a call that was stopped before it could note the step
    phantoms, noisy, corrected = out / "phantoms", out / "noisy", out / "corrected"
    runs, predictions, evaluations = out / "runs", out / "predictions", out / "evaluations"
    train_cases, val_cases, test_cases = cases
    code = (
        "from pathlib import Path; from alcseg.data.phantoms import write_phantoms; "
        f"write_phantoms(Path({str(phantoms)!r}), train={train_cases}, val={val_cases}, test={test_cases}, "
        f"seed={seed})"
    )
    yield _Step(
        "generate phantoms",
        f"python {shlex.join(['-c', code])}",
        lambda: write_phantoms(
            phantoms, train=train_cases, val=val_cases, test=test_cases, seed=seed, overwrite=True
        ),
    )
    options: dict[str, Any] = {"hq_fraction": _HQ_FRACTION, "size": _NOISE_SIDES, "seed": seed}
    yield _verb("spoil LQ labels", corrupt, phantoms, noisy, here={"workers": workers} | anew, **options)
    for method, name in METHOD_NAMES.items():
        options = {"method": method, "preset": "demo", "set": settings, "seed": seed, "out": runs / method}
        yield _verb(f"train {name}", train, noisy, here={"device": device, "workers": workers}, **options)
    options = {"seed": seed, "out": corrected}
    yield _verb(
        "correct LQ labels with ALC", correct, runs / "alc", noisy, here={"device": device} | anew, **options
    )
    for method, name in METHOD_NAMES.items():
        paths = (runs / method, noisy / "imagesTs")
        yield _verb(
            f"predict test cases with {name}",
            predict,
            *paths,
            here={"device": device},
            out=predictions / method,
        )
    for name, folder in (("given", noisy), ("refined", corrected)):
        paths = (folder / "labelsTr", noisy / "labelsClean")
        options = {"dataset": noisy, "quality": "lq", "out": evaluations / f"lq-{name}"}
        yield _verb(f"evaluate {name} LQ labels", evaluate, *paths, here=anew, **options)
    for method, name in METHOD_NAMES.items():
        paths = (predictions / method, noisy / "labelsTs")
        options = {"dataset": noisy, "out": evaluations / f"test-{method}"}
        yield _verb(f"evaluate {name} on test cases", evaluate, *paths, here=anew, **options)


def _verb(
    title: str, verb: Callable[..., Any], *paths: Path, here: Mapping[str, Any] = {}, **options: Any
) -> _Step:
    """A step whose command says what the call says, except for what belongs to the machine `here`."""
    words: list[Any] = [verb.__name__, *paths]
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if name == "set":
            words += [word for setting in value for word in (flag, setting)]
        else:
            words += [flag, *(value if isinstance(value, tuple) else (value,))]
    return _Step(title, f"alcseg {shlex.join(map(str, words))}", partial(verb, *paths, **here, **options))


def _require_place(out: Path, asked: DemoRecord, *, overwrite: bool) -> None:
    """Refuse a folder that holds something else than a demo of the same settings that was stopped."""
    known = DemoRecord.read(out) if not overwrite and has_file(DemoRecord.path(out)) else None
    if known is None or known.done:
        require_free(out, overwrite=overwrite, writes=DemoRecord.NAME)
    elif known.commands != asked.commands:
        raise UsageError(
            f"{out}: expected a demo of the same settings to go on with, found one of others. "
            "Give the same ones, choose another folder, or pass --overwrite."
        )


def _is_done(out: Path) -> bool:
    return has_file(DemoRecord.path(out)) and DemoRecord.read(out).done


def _is_foreign(name: Path) -> bool:
    """Whether a file in the folder, by its relative path, is none that a demo makes."""
    return name.parts[0] not in (*_PARTS, DemoRecord.NAME)
