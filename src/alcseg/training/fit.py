"""One training run: from a dataset folder and settings to a run folder, resumable at any step."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch

from alcseg import machine
from alcseg.data.cache import (
    CachedCase,
    build_cache,
    data_hash,
    has_foreground,
    plan_folder,
    require_foreground,
)
from alcseg.data.cache_limit import CACHE, in_use, prune
from alcseg.data.folder import Dataset
from alcseg.errors import ConfigError
from alcseg.files import write_text
from alcseg.inference.bf16 import bf16_speedup
from alcseg.inference.device import pick_device
from alcseg.inference.load import build_method, create_method
from alcseg.listing import has_file
from alcseg.locks import alone
from alcseg.old_output import OldOutput
from alcseg.outputs import require_apart
from alcseg.processes import is_first, launched, require_workers
from alcseg.records.cases import CaseRow
from alcseg.records.run import RunInput
from alcseg.records.settings import RunSettings
from alcseg.run import Run
from alcseg.training.cases import choose_cases, stream_cases
from alcseg.training.checkpoint import previous
from alcseg.training.handed_on import with_handed_labels
from alcseg.training.initial import require_same_start
from alcseg.training.inputs import require_handed_on, require_same_inputs, run_inputs
from alcseg.training.prepare import Prepared, complete_settings, prepare
from alcseg.training.processes import first_then_others, together
from alcseg.training.records import give_more, log_to, open_run, wants_more, write_records
from alcseg.training.stage import fit_stage
from alcseg.training_methods import Method, Stage

__all__ = ["fit"]

logger = logging.getLogger(__name__)


def fit(
    folder: Dataset,
    settings: RunSettings,
    out: Path,
    *,
    device: str = "auto",
    workers: int = 0,
    hq_from: str | None = None,
    init: Run | None = None,
    overwrite: bool = False,
    track: Callable[[Iterable[CaseRow]], Iterable[CaseRow]] = iter,
    before: Callable[[Prepared], None] | None = None,
    after: Callable[[Run], None] | None = None,
) -> Run:
    """Train, or go on where an earlier call was stopped.

    Args:
        folder: The dataset.
        settings: Of the run; what they leave open the data or the machine decides.
        out: The run folder; one that holds the same run is resumed.
        device: `auto`, `cpu`, `cuda` or `cuda:<index>`.
        workers: Processes that read patches.
        hq_from: The audit that says which labels of `folder` are HQ, for the record.
        init: The run whose weights it begins with; fresh ones where None.
        overwrite: Start afresh in a folder that holds something; that comes back if this call ends, or is
            killed, before the first checkpoint.
        track: Wraps the loop over cases that are cached, to show progress.
        before: Called when a run begins that was not begun before; it may use up the method.
        after: Called with the run folder when training ends or is stopped.

    Returns:
        The run folder.

    Raises:
        DataError: If the dataset lacks what the method needs, or changed since the run began.
        CheckpointError: If the folder holds a run of another method.
        ConfigError: If it holds a run with other settings.
        UsageError: If it holds something else, another process is at it, or `workers` is negative.
        KeyboardInterrupt: After a checkpoint, if training was asked to stop.
    """
    require_workers(workers)
    chosen = pick_device(device)
    first = is_first()
    with together(chosen), ExitStack() as held:

        def begin() -> _Begun | None:
            return _begin(
                folder,
                settings,
                out,
                chosen,
                hq_from=hq_from,
                init=init,
                overwrite=overwrite and first,  # the others must not remove what this one writes
                track=track,
                before=before if first else None,
                lock=held if first else None,
            )

        begun = first_then_others(begin)
        if begun is None:
            logger.info("%s: already trained; --overwrite trains again", out)
            return Run(out)
        reached = _fit_stages(begun, workers=workers, first=first)
        run = begun.run
        if first and after is not None:
            after(run)
        # Lightning kills the first process as soon as one that it started itself ends with an error.
        if reached and (first or launched() is not None):
            raise KeyboardInterrupt(f"stopped at {reached}; the same command goes on from there")
        if first:
            ended = {
                "status": "done",
                "finished": machine.timestamp(),
                "peak_memory_mib": machine.peak_memory_mib(),
            }
            run.record.model_copy(update=ended).write(run.path)
            write_text(run.done_path, machine.timestamp() + "\n")
            for stage in begun.stages:  # nobody goes on from a run that is done
                previous(run.at_stage(stage.name).checkpoint_path).unlink(missing_ok=True)
    return run


@dataclass(frozen=True, eq=False)
class _Begun:
    """A run whose records are written.

    Attributes:
        run: The run folder.
        ready: What is settled.
        method: The one that was looked at, if its weights are still those that training begins with.
        streams: Training cases.
        val_cases: Cases that validate.
        stages: Of the run, in order.
    """

    run: Run
    ready: Prepared
    method: Method | None
    streams: Mapping[str, Sequence[CachedCase]]
    val_cases: Sequence[CachedCase]
    stages: Sequence[Stage]


def _begin(
    folder: Dataset,
    settings: RunSettings,
    out: Path,
    device: torch.device,
    *,
    hq_from: str | None,
    init: Run | None,
    overwrite: bool,
    track: Callable[[Iterable[CaseRow]], Iterable[CaseRow]],
    before: Callable[[Prepared], None] | None,
    lock: ExitStack | None,
) -> _Begun | None:
    """Check everything, then lock the run folder, cache the cases and write the records; None if it is done.

    Only the process that holds the `lock` writes records.
    """
    asked = settings.trainer.precision
    settings = complete_settings(settings, device, None if overwrite else out)
    if overwrite:
        require_apart(out, folder.root)
    worth = Run(out).has_checkpoint
    old = OldOutput(out, worth=worth, replaced=overwrite) if lock is not None else None
    if not overwrite:
        require_same_start(Run(out), init)
    open_run(out, settings, overwrite=overwrite)  # nothing is made for what is refused
    if lock is not None:
        lock.enter_context(alone(out))
    run = open_run(out, settings, overwrite=overwrite)  # as it is now that nobody else writes into it
    begun = has_file(run.record_path) and not overwrite
    inputs = _same_inputs(run, folder, settings) if begun else None
    if begun and wants_more(run, settings):
        if lock is not None:
            give_more(run, settings)
        run = Run(out)  # reads its settings anew
    if begun and run.finished:
        return None
    ready = prepare(folder, settings, device, begun=run if begun else None, init=init)
    inputs = inputs or run_inputs(folder, ready.train, ready.val)
    if before is not None and not begun:
        before(ready)
    fresh = ready.method if ready.fresh and (before is None or begun) else None
    cache = _cache_folder(settings, out)
    if lock is not None:
        lock.enter_context(in_use(plan_folder(cache, ready.plan)))
    files = {name: each.files for name, each in inputs.items()}
    train_cases = build_cache(folder, ready.train, ready.plan, cache, files=files, track=track)
    require_foreground(folder, train_cases)
    val_cases = build_cache(folder, ready.val, ready.plan, cache, files=files, track=track)
    if val_cases and not has_foreground(val_cases):
        logger.warning(
            "all %d validation labels are empty: the validation Dice is 0 where something is found in one of "
            "them, else not a number. Let cases with foreground validate, too (split val, or --val-hq)",
            len(val_cases),
        )
    streams = stream_cases(ready.method.streams, train_cases)
    names = {stream: [case.case_id for case in cases] for stream, cases in streams.items()}
    stages = ready.method.plan_stages(names, {row.case_id: row.group for row in ready.train})
    if lock is not None:
        _keep_small(cache, settings.data.cache_gib)
        if overwrite and old is not None:
            lock.enter_context(old.aside())
        speedup = bf16_speedup(device) if asked == "auto" and device.type == "cpu" else None
        write_records(run, ready, folder, inputs, stages, hq_from=hq_from, bf16_speedup=speedup)
    return _Begun(run, ready, fresh, streams, val_cases, stages)


def _fit_stages(begun: _Begun, *, workers: int, first: bool) -> str:
    """Fit what is left of the stages; returns where training was asked to stop, in words, or nothing."""
    for name in ("lightning.pytorch", "lightning.fabric"):  # their advice is about scripts
        logging.getLogger(name).setLevel(logging.WARNING)
    ready, settings = begun.ready, begun.ready.settings
    relabeled = begun.streams
    with log_to(begun.run.log_path) if first else nullcontext():
        for stage in begun.stages:
            own = begun.run.at_stage(stage.name)
            if not own.finished:
                known = relabeled if stage.relabeled else begun.streams
                fresh = begun.method if not stage.name else None
                method = fresh or build_method(settings, ready.plan, stage, ready.initial_network)
                reached = fit_stage(
                    own, stage, method, settings, known, begun.val_cases, ready.device, workers=workers
                )
                if reached:
                    return reached
            if stage.held_out:
                require_handed_on(own)
            relabeled = with_handed_labels(relabeled, own, stage)
    return ""


def _same_inputs(run: Run, folder: Dataset, settings: RunSettings) -> dict[str, RunInput]:
    """The cases of a run that was begun, which have to be those that it began with."""
    train, val = choose_cases(folder, create_method(settings).streams, val_hq=settings.trainer.val_hq)
    inputs = run_inputs(folder, train, val)
    require_same_inputs(run, folder, inputs, data_hash(inputs))
    return inputs


def _keep_small(cache: Path, limit_gib: float | None) -> None:
    """Remove from a cache that has grown too large what was used longest ago, and say so."""
    if limit_gib is not None and (removed := prune(cache, limit_gib * 2**30)):
        size = sum(plan.size for plan in removed) / 2**30
        logger.info("%s: removed %.1f GiB that no training uses (data.cache_gib=%g)", cache, size, limit_gib)


def _cache_folder(settings: RunSettings, out: Path) -> Path:
    """Beside the run folder unless set; inside, a run that was never begun would look like one."""
    if settings.data.cache is None:
        return out.absolute().parent / CACHE
    cache = Path(settings.data.cache)
    if out.resolve() in (cache.resolve(), *cache.resolve().parents):
        raise ConfigError(
            f"data.cache={cache}: expected a folder outside of the run folder {out}, since runs share it. "
            "Choose another one, or leave it out."
        )
    return cache
