"""One fit: the steps of a stage, and for all but the last stage what it hands on."""

import logging
import warnings
from collections.abc import Mapping, Sequence

import lightning
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy
from torch import distributed

from alcseg import machine
from alcseg.data.cache import CachedCase
from alcseg.data.sampling import StepDataset
from alcseg.files import write_text
from alcseg.inference.load import load_weights
from alcseg.notebook import progress_wanted, working_on
from alcseg.processes import is_first
from alcseg.records.settings import RunSettings
from alcseg.run import Run
from alcseg.training.callbacks import (
    Checkpoints,
    GracefulStop,
    MetricsFile,
    Snapshots,
    StepProgress,
    Validation,
)
from alcseg.training.cases import stream_sizes
from alcseg.training.checkpoint import find_checkpoint
from alcseg.training.datamodule import StreamData
from alcseg.training.fitted import Fitted
from alcseg.training.handed_on import StoredProbabilities, relabel_held_out
from alcseg.training.inputs import handed_on_hash
from alcseg.training.prepare import augmentation
from alcseg.training.processes import PATIENCE, cluster_environment
from alcseg.training_methods import Method, Stage

__all__ = ["fit_stage"]

logger = logging.getLogger(__name__)


def fit_stage(
    run: Run,
    stage: Stage,
    method: Method,
    settings: RunSettings,
    streams: Mapping[str, Sequence[CachedCase]],
    val_cases: Sequence[CachedCase],
    device: torch.device,
    *,
    workers: int = 0,
) -> str:
    """Train one stage, or go on where it was stopped; then predict and relabel the cases it holds out.

    Args:
        run: The run folder at this stage.
        stage: What to fit.
        method: Prepared for it, with fresh weights.
        settings: Complete ones.
        streams: Training cases of the run by stream.
        val_cases: Cases that validate.
        device: Where to train.
        workers: Processes that read patches.

    Returns:
        Where training was asked to stop, in words; empty if the stage is done.

    Raises:
        CheckpointError: If the checkpoint is damaged or of another method.
    """
    task = method.task
    cases = {
        stream: [case for case in known if stage.cases is None or case.case_id in stage.cases]
        for stream, known in streams.items()
    }
    batches = StepDataset(
        cases,
        stream_sizes(method.streams, settings.data),
        task.patch,
        augmentation(settings, run.plan),
        seed=task.seed,
        foreground_fraction=settings.data.foreground_fraction,
        distance_classes=task.num_classes if method.needs_distance else None,
        num_classes=task.num_classes,
    )
    data = StreamData(batches, stage.steps, workers=workers)
    metrics = MetricsFile(
        run.metrics_path, method.terms, settings.trainer.log_every, readings=method.readings
    )
    stop = GracefulStop()
    callbacks: list[lightning.Callback] = [
        metrics,
        Checkpoints(run, settings.trainer.checkpoint_every or 1),
        stop,
    ]
    if val_cases and settings.trainer.validate_every:
        callbacks.insert(0, Validation(val_cases, task.patch, settings.trainer.validate_every, metrics))
    if settings.trainer.snapshot_every:
        callbacks.append(Snapshots(run, settings.trainer.snapshot_every))
    name = working_on(run.path.name)
    title = " ".join([settings.method.name, *([stage.name] if stage.name else []), f"({name})"])
    if progress_wanted() and is_first():
        callbacks.append(StepProgress(title))
    trainer = _trainer(run, settings, device, callbacks)
    resume, done = find_checkpoint(run.checkpoint_path, method)
    if is_first():
        logger.info(
            "%s: %s, %d training and %d validation cases, %d steps on %s in %s",
            title,
            "resuming" if resume else "training",
            len({case.case_id for known in cases.values() for case in known}),
            len(val_cases),
            stage.steps,
            device,
            settings.trainer.precision,
        )
    if done < stage.steps:
        with warnings.catch_warnings():
            # What Lightning has to mend, not a user of this package.
            warnings.filterwarnings("ignore", ".*LeafSpec.* is deprecated", FutureWarning)
            trainer.fit(Fitted(method), datamodule=data, ckpt_path=resume, weights_only=True)
        if stop.stopped and method.done < stage.steps:
            return f"step {method.done}" + (f" of stage {stage.name}" if stage.name else "")
    if stage.held_out:
        _hand_on(method, run, stage, streams, device)
    return ""


def _hand_on(
    method: Method,
    run: Run,
    stage: Stage,
    streams: Mapping[str, Sequence[CachedCase]],
    device: torch.device,
) -> None:
    """Predict the held-out cases, each process its share, and let the method make labels of them."""
    held_out = [case for known in streams.values() for case in known if case.case_id in stage.held_out]
    stored = StoredProbabilities(run.stage_path / "probabilities", held_out)
    several = distributed.is_available() and distributed.is_initialized()
    rank, world = (distributed.get_rank(), distributed.get_world_size()) if several else (0, 1)
    if several:
        distributed.barrier()  # the first process has written the weights
    stored.store(load_weights(method, run, device)["model"], method.task.patch, device, held_out[rank::world])
    if several:
        distributed.barrier()
    if rank == 0:
        logger.info("stage %s: relabeling %d held-out cases", stage.name, len(held_out))
        relabel_held_out(method, run, stored)
        known = run.record
        known.model_copy(update={"handed_on": known.handed_on | {run.stage: handed_on_hash(run)}}).write(
            run.path
        )
        write_text(run.done_path, machine.timestamp() + "\n")
    if several:
        distributed.barrier()


class _Events(TensorBoardLogger):
    """TensorBoard events alone: the settings stand in `config.yaml`, not in a second file."""

    def save(self) -> None:
        self.experiment.flush()


def _trainer(
    run: Run, settings: RunSettings, device: torch.device, callbacks: list[lightning.Callback]
) -> lightning.Trainer:
    devices: int | list[int] = settings.trainer.devices or 1
    if device.index is not None:
        devices = [device.index]
    several = settings.trainer.processes > 1
    return lightning.Trainer(
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=devices,
        num_nodes=settings.trainer.nodes or 1,
        strategy=DDPStrategy(timeout=PATIENCE) if several else "auto",
        plugins=[cluster_environment()],
        sync_batchnorm=several and device.type == "cuda",
        precision="bf16-mixed" if settings.trainer.precision == "bf16" else "32-true",
        max_epochs=1,
        logger=_Events(run.stage_path, name=None, version=""),
        callbacks=callbacks,
        default_root_dir=run.path,
        enable_checkpointing=False,
        enable_progress_bar=False,
        log_every_n_steps=1,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )
