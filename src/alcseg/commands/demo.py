"""`alcseg demo`: the whole way on generated phantoms, from spoiled labels to a report."""

import logging
import shlex
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from alcseg.evaluation import Evaluation
from alcseg.files import make_folder
from alcseg.machine import peak_memory_mib, timestamp, versions
from alcseg.outputs import require_free
from alcseg.records.demo import DemoRecord, DemoScores, DemoStep
from alcseg.records.ranking import RankingRow
from alcseg.run import Run

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
    out = Path(out)
    _prepare(out, overwrite=overwrite)
    started, begun = timestamp(), time.perf_counter()
    steps = list(_steps(out, seed=seed, workers=workers, device=device, cases=cases, settings=list(set)))
    done = []
    for number, step in enumerate(steps, start=1):
        logger.info("step %d of %d: %s", number, len(steps), step.title)
        step_begun = time.perf_counter()
        step.run()
        done.append(DemoStep(title=step.title, time_s=round(time.perf_counter() - step_begun, 2)))
    given, refined = (Evaluation.open(out / "evaluations" / f"lq-{name}") for name in ("given", "refined"))
    test = {method: Evaluation.open(out / "evaluations" / f"test-{method}") for method in METHOD_NAMES}
    record = DemoRecord(
        seed=seed,
        versions=versions(),
        started=started,
        labels={"given": given.mean("dice"), "refined": refined.mean("dice")},
        test={
            method: DemoScores(dice=scores.mean("dice"), hd95_mm=scores.mean("hd95"))
            for method, scores in test.items()
        },
        steps=tuple(done),
        commands=tuple(step.command for step in steps),
        time_s=round(time.perf_counter() - begun, 1),
        peak_memory_mib=peak_memory_mib(),
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
        partial(write_phantoms, phantoms, train=train_cases, val=val_cases, test=test_cases, seed=seed),
    )
    options: dict[str, Any] = {"hq_fraction": _HQ_FRACTION, "size": _NOISE_SIDES, "seed": seed}
    yield _verb("spoil LQ labels", corrupt, phantoms, noisy, here={"workers": workers}, **options)
    for method, name in METHOD_NAMES.items():
        options = {"method": method, "preset": "demo", "set": settings, "seed": seed, "out": runs / method}
        yield _verb(f"train {name}", train, noisy, here={"device": device, "workers": workers}, **options)
    options = {"seed": seed, "out": corrected}
    yield _verb(
        "correct LQ labels with ALC", correct, runs / "alc", noisy, here={"device": device}, **options
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
        yield _verb(f"evaluate {name} LQ labels", evaluate, *paths, **options)
    for method, name in METHOD_NAMES.items():
        paths = (predictions / method, noisy / "labelsTs")
        options = {"dataset": noisy, "out": evaluations / f"test-{method}"}
        yield _verb(f"evaluate {name} on test cases", evaluate, *paths, **options)


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


def _prepare(out: Path, *, overwrite: bool) -> None:
    """Make the folder; with `overwrite` clear away what an earlier demo made, and nothing else."""
    require_free(out, overwrite=overwrite, writes=DemoRecord.NAME)
    for name in (*_PARTS, DemoRecord.NAME):
        part = out / name
        if part.is_dir() and not part.is_symlink():
            shutil.rmtree(part)
        else:
            part.unlink(missing_ok=True)
    make_folder(out)
