"""One training run: from a dataset folder and settings to a run folder, resumable at any step."""

import dataclasses
import logging
import pickle
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path

import lightning
import torch
from lightning.pytorch.loggers import TensorBoardLogger

from alcseg import machine
from alcseg.config import Settings
from alcseg.data.cache import build_cache
from alcseg.data.folder import CaseRow, DatasetFolder
from alcseg.data.plan import Plan, make_plan
from alcseg.data.transforms import Augmentation
from alcseg.errors import CheckpointError, ConfigError
from alcseg.files import write_json, write_text
from alcseg.inference.device import pick_device
from alcseg.inference.load import build_method
from alcseg.methods import Method, available_methods
from alcseg.run_folder import RunFolder
from alcseg.training.callbacks import Checkpoints, GracefulStop, MetricsFile, StepProgress, Validation
from alcseg.training.cases import choose_cases, stream_cases, stream_sizes
from alcseg.training.datamodule import StreamData
from alcseg.training.records import log_to, open_run, write_records
from alcseg.training.smallest_batch import require_statistics

__all__ = ["complete_settings", "fit", "plan_run"]

logger = logging.getLogger(__name__)


def fit(
    folder: DatasetFolder,
    settings: Settings,
    out: Path,
    *,
    device: str = "auto",
    workers: int = 0,
    overwrite: bool = False,
    track: Callable[[Iterable[CaseRow]], Iterable[CaseRow]] = iter,
    after: Callable[[RunFolder], None] | None = None,
) -> RunFolder:
    """Train, or go on where an earlier call was stopped.

    Args:
        folder: The dataset.
        settings: Of the run; what they leave open the data or the machine decides.
        out: The run folder; one that holds the same run is resumed.
        device: `auto`, `cpu`, `cuda` or `cuda:<index>`.
        workers: Processes that read patches.
        overwrite: Start afresh in a folder that holds something.
        track: Wraps the loop over cases that are cached, to show progress.
        after: Called with the run folder when training ends or is stopped.

    Returns:
        The run folder.

    Raises:
        DataError: If the dataset lacks what the method needs, or changed since the run began.
        CheckpointError: If the folder holds a run of another method.
        ConfigError: If it holds a run with other settings.
        UsageError: If it holds something else.
        KeyboardInterrupt: After a checkpoint, if training was asked to stop.
    """
    chosen = pick_device(device)
    settings = complete_settings(settings, chosen)
    trainer_settings = settings.trainer
    method_class = available_methods()[settings.method][0]
    train_rows, val_rows = choose_cases(folder, method_class, val_hq=trainer_settings.val_hq)
    plan = plan_run(folder, settings)
    augmentation = Augmentation(
        settings.data.flip_axes,
        settings.data.rotate_plane,
        settings.data.intensity_scale,
        settings.data.intensity_shift,
    )
    augmentation.check(plan.patch)
    run = open_run(out, settings, overwrite=overwrite)
    if run.finished and not overwrite:
        logger.info("%s: already trained; --overwrite trains again", out)
        return run

    cache = _cache_folder(settings, out)
    train_cases = build_cache(folder, train_rows, plan, cache, track=track)
    val_cases = build_cache(folder, val_rows, plan, cache, track=track)
    write_records(run, settings, plan, folder, train_cases, val_cases, str(chosen), overwrite=overwrite)

    method = build_method(settings.to_dict(), plan)
    data = StreamData(
        stream_cases(method_class, train_cases),
        stream_sizes(method_class, settings.data),
        plan.patch,
        augmentation,
        seed=settings.seed,
        steps=method.task.steps,
        foreground_fraction=settings.data.foreground_fraction,
        workers=workers,
    )
    metrics = MetricsFile(run.metrics_path, method.terms, trainer_settings.log_every)
    stop = GracefulStop()
    callbacks: list[lightning.Callback] = [
        metrics,
        Checkpoints(run, trainer_settings.checkpoint_every or 1),
        stop,
    ]
    if val_cases and trainer_settings.validate_every:
        callbacks.insert(0, Validation(val_cases, plan.patch, trainer_settings.validate_every, metrics))
    if logger.isEnabledFor(logging.INFO):
        callbacks.append(StepProgress(f"{settings.method} ({out.name})"))
    for name in ("lightning.pytorch", "lightning.fabric"):  # their advice is about scripts
        logging.getLogger(name).setLevel(logging.WARNING)
    trainer = _trainer(run, settings, chosen, callbacks)
    resume = run.checkpoint_path if run.checkpoint_path.is_file() else None
    with log_to(run.log_path) if trainer.is_global_zero else nullcontext():
        logger.info(
            "%s: %d training and %d validation cases, %d steps on %s in %s",
            "resuming" if resume else "training",
            len(train_cases),
            len(val_cases),
            method.task.steps,
            chosen,
            trainer_settings.precision,
        )
        if _steps_done(resume, method) < method.task.steps:
            trainer.fit(method, datamodule=data, ckpt_path=resume, weights_only=True)
            logger.info("ended at step %d", method.done)
    if trainer.is_global_zero and after is not None:
        after(run)
    if stop.stopped and method.done < method.task.steps:
        raise KeyboardInterrupt(f"stopped at step {method.done}; the same command goes on from there")
    if trainer.is_global_zero:
        ended = {
            "status": "done",
            "finished": machine.timestamp(),
            "peak_memory_mib": machine.peak_memory_mib(),
        }
        write_json(run.record_path, run.record | ended)
        write_text(run.path / "DONE", machine.timestamp() + "\n")
    return run


def plan_run(folder: DatasetFolder, settings: Settings) -> Plan:
    """The plan of a run: what complete settings give, the rest made from the data.

    Raises:
        ConfigError: If patch and batch are too small for the network.
    """
    data = settings.data
    plan = make_plan(
        folder, patch=data.patch, spacing=data.spacing, normalization=data.normalization, clip=data.clip
    )
    require_statistics(settings, plan)
    return plan


def complete_settings(settings: Settings, device: torch.device) -> Settings:
    """Fill in what depends on the machine or on other settings."""
    on_gpu = device.type == "cuda"
    data, trainer = settings.data, settings.trainer
    steps = trainer.steps or (30_000 if on_gpu else 1_000)
    validate, checkpoint = trainer.validate_every, trainer.checkpoint_every
    precision = trainer.precision
    if precision == "auto":
        native = torch.cuda.is_bf16_supported() if on_gpu else bool(machine.has_native_bf16())
        precision = "bf16" if native else "32"
    return dataclasses.replace(
        settings,
        data=dataclasses.replace(
            data,
            hq_batch=data.hq_batch or (4 if on_gpu else 2),
            lq_batch=data.lq_batch or (20 if on_gpu else 4),
        ),
        trainer=dataclasses.replace(
            trainer,
            steps=steps,
            validate_every=max(1, steps // 10) if validate is None else validate,
            checkpoint_every=max(10, steps // 20) if checkpoint is None else checkpoint,
            precision=precision,
        ),
    )


def _cache_folder(settings: Settings, out: Path) -> Path:
    """Beside the run folder unless set; inside, a run that was never begun would look like one."""
    if settings.data.cache is None:
        return out.absolute().parent / ".alcseg-cache"
    cache = Path(settings.data.cache)
    if out.resolve() in (cache.resolve(), *cache.resolve().parents):
        raise ConfigError(
            f"data.cache={cache}: expected a folder outside of the run folder {out}, since runs share it. "
            "Choose another one, or leave it out."
        )
    return cache


def _steps_done(checkpoint: Path | None, method: Method) -> int:
    """Step at which a checkpoint was written; a run killed before its end marker has none left to do.

    Raises:
        CheckpointError: If it is damaged or of another method.
    """
    if checkpoint is None:
        return 0
    try:
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
        name, done = content["method"], int(content["done"])
    except (RuntimeError, EOFError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"{checkpoint}: expected a checkpoint of `alcseg train`, cannot read it ({reason}). "
            "Restore the file, or train afresh with --overwrite."
        ) from None
    if name != type(method).__name__:
        raise CheckpointError(
            f"{checkpoint}: expected a checkpoint of {type(method).__name__}, found one of {name}. "
            "Put back the run's own checkpoint, or train afresh with --overwrite."
        )
    return done


class _Events(TensorBoardLogger):
    """TensorBoard events alone: the settings stand in `config.yaml`, not in a second file."""

    def save(self) -> None:
        self.experiment.flush()


def _trainer(
    run: RunFolder, settings: Settings, device: torch.device, callbacks: list[lightning.Callback]
) -> lightning.Trainer:
    devices: int | list[int] = settings.trainer.devices
    if device.index is not None:
        devices = [device.index]
    several = settings.trainer.devices * settings.trainer.nodes > 1
    return lightning.Trainer(
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=devices,
        num_nodes=settings.trainer.nodes,
        strategy="ddp" if several else "auto",
        sync_batchnorm=several and device.type == "cuda",
        precision="bf16-mixed" if settings.trainer.precision == "bf16" else "32-true",
        max_epochs=1,
        logger=_Events(run.path, name=None, version=""),
        callbacks=callbacks,
        default_root_dir=run.path,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )
