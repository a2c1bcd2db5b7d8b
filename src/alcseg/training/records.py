"""Opening a run folder for training, and what is written into it before the first step."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from alcseg import machine
from alcseg.data.cache import data_hash
from alcseg.data.folder import Dataset
from alcseg.errors import CheckpointError, ConfigError, UsageError
from alcseg.files import file_hash
from alcseg.listing import has_file
from alcseg.outputs import real_path, require_free
from alcseg.records.run import RunInput, RunRecord
from alcseg.records.settings import RunSettings
from alcseg.run import Run
from alcseg.training.prepare import Prepared
from alcseg.training_methods import Stage
from alcseg.unfinished import remove_leftovers

__all__ = ["give_more", "log_to", "open_run", "wants_more", "write_records"]

logger = logging.getLogger(__name__)


def open_run(out: Path, settings: RunSettings, *, overwrite: bool = False) -> Run:
    """Open the run folder of the same run, or say where one will be; nothing is written or removed yet.

    Args:
        out: The run folder.
        settings: Of the run.
        overwrite: What the folder holds will be replaced.

    Raises:
        CheckpointError: If it holds a run of another method, or one with a setting that is not known.
        ConfigError: If it holds a run with other settings; the first that differs is named. A run that came
            to its end may have more steps.
        UsageError: If it holds something that is not a run; with `overwrite`, a dataset or the like.
    """
    run = Run(out)
    if overwrite:
        require_free(out, overwrite=True, writes=RunRecord.NAME)
        return run
    if _is_new(run):
        return run
    if not has_file(run.config_path):
        raise UsageError(
            f"{out}: expected an empty or new folder or a run to resume, found other files. "
            "Choose another folder or pass --overwrite."
        )
    if run.method != settings.method.name:
        raise CheckpointError(
            f"{out}: holds a run of method '{run.method}', asked for '{settings.method.name}'. "
            "Choose another --out folder, or pass --overwrite to replace that run."
        )
    old, new = run.settings.dotted, settings.dotted
    for name in dict.fromkeys([*old, *new]):
        if name.startswith("data.cache") or old.get(name) == new.get(name):  # where it lies does not matter
            continue
        if name == "trainer.steps" and wants_more(run, settings):
            continue
        if name not in new:
            raise CheckpointError(
                f"{run.config_path}: holds {name}, which is no setting of this training. Restore the file, "
                "choose another --out folder, or pass --overwrite to replace that run."
            )
        raise ConfigError(
            f"{out}: holds a run with {name}={old.get(name)}, asked for {new.get(name)}. "
            "Give the same settings to resume it, another --out folder, or --overwrite."
        )
    return run


def wants_more(run: Run, settings: RunSettings) -> bool:
    """Whether a run came to its end and is asked for more steps than it had."""
    return run.record.status == "done" and (settings.trainer.steps or 0) > (run.settings.trainer.steps or 0)


def give_more(run: Run, settings: RunSettings) -> None:
    """Let a run that came to its end go on to more steps.

    Cut off anywhere in between, the same command goes on from there.

    Args:
        run: One that `wants_more`.
        settings: With more steps.
    """
    had = run.settings.trainer.steps or 0
    run.done_path.unlink(missing_ok=True)
    settings.write(run.path)
    record = run.record
    more = {"status": "training", "finished": None, "continued_from": (*record.continued_from, had)}
    record.model_copy(update=more).write(run.path)
    logger.info("%s: goes on from step %d to step %d", run.path, had, settings.trainer.steps)


def _is_new(run: Run) -> bool:
    """Whether nothing was trained in a folder: it is absent or empty, or a call was stopped while it began.

    `run.json` is written last of the records, and before the first step.
    """
    place = real_path(run.path)
    if not place.is_dir():
        return not place.exists()
    remove_leftovers(place, again=True)
    begun = {run.config_path.name, run.plan_path.name, run.initial_path.name, run.log_path.name}
    return all(path.name in begun or path.name.startswith(".") for path in place.iterdir())


def write_records(
    run: Run,
    ready: Prepared,
    folder: Dataset,
    inputs: Mapping[str, RunInput],
    stages: Sequence[Stage],
    *,
    hq_from: str | None = None,
    bf16_speedup: float | None = None,
) -> None:
    """Write `config.yaml`, `plan.json`, first weights of another run, and `run.json`, unless they are there.

    Args:
        run: The run folder, made if it is not there.
        ready: Settings, plan and device of the run.
        folder: The dataset.
        inputs: The cases that train or validate.
        stages: Of the run, in order.
        hq_from: The audit that says which labels are HQ.
        bf16_speedup: What was measured to choose the precision, if it was.
    """
    order = tuple(stage.name for stage in stages if stage.name)
    if has_file(run.record_path):
        known = run.record
        _tell_what_differs(known, str(ready.device))
        if known.stages is None:
            known.model_copy(update={"stages": order}).write(run.path)
        return
    ready.settings.write(run.path)
    ready.plan.write(run.path)
    if ready.initial is not None:
        ready.initial.write(run.initial_path)
    RunRecord(
        started=machine.timestamp(),
        dataset=folder.name,
        data_hash=data_hash(inputs),
        inputs=dict(inputs),
        plan_hash=file_hash(run.plan_path),
        seed=ready.settings.seed,
        device=str(ready.device),
        processor=machine.processor(),
        threads=torch.get_num_threads(),
        bf16_speedup=bf16_speedup,
        commit=machine.commit(),
        versions=machine.versions(),
        stages=order,
        train_cases=tuple(row.case_id for row in ready.train),
        hq_cases=tuple(row.case_id for row in ready.train if row.quality == "hq"),
        val_cases=tuple(row.case_id for row in ready.val),
        hq_from=hq_from,
        initial=None if ready.initial is None else ready.initial.record,
    ).write(run.path)


def _tell_what_differs(known: RunRecord, device: str) -> None:
    """Warn where a run goes on in another way than it began, so that it will not end bit for bit the same."""
    here = machine.versions() | {"device": device, "threads": str(torch.get_num_threads())}
    begun = known.versions | {"device": known.device, "threads": str(known.threads or here["threads"])}
    different = [
        f"{name} {begun[name]}, now {here[name]}"
        for name in here
        if begun.get(name, here[name]) != here[name]
    ]
    if different:
        logger.warning(
            "the run was begun with %s: its end may differ in the last digits", "; ".join(different)
        )


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Append what the package logs to a file, with the time of each line."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    package = logging.getLogger("alcseg")
    package.addHandler(handler)
    try:
        yield
    finally:
        package.removeHandler(handler)
        handler.close()
