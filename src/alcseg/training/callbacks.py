"""What happens beside the steps: metrics.csv, validation, checkpoints, progress, a clean stop."""

import logging
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
import safetensors.torch
from lightning.pytorch.callbacks import Callback
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from alcseg.data.cache import CachedCase
from alcseg.errors import ConfigError
from alcseg.files import atomic_path
from alcseg.listing import has_file
from alcseg.networks import not_finite
from alcseg.notebook import NotebookBar, bars_wanted, find_notebook, line_every_s
from alcseg.records.steps import StepTable
from alcseg.run import Run
from alcseg.training.checkpoint import write_checkpoint
from alcseg.training.fitted import Fitted
from alcseg.training.validation import validation_dice
from alcseg.training_methods import Method

__all__ = ["Checkpoints", "GracefulStop", "MetricsFile", "Snapshots", "StepProgress", "Validation"]

logger = logging.getLogger(__name__)


class MetricsFile(Callback):
    """Rows of metrics.csv and the same values for TensorBoard.

    Args:
        path: Of metrics.csv. Rows after the resumed step are dropped: those steps are done again.
        terms: Names of the method's loss terms.
        every: Steps between rows.
        readings: Names of what else the method logs; the last columns.
    """

    def __init__(self, path: Path, terms: Sequence[str], every: int, *, readings: Sequence[str] = ()) -> None:
        self.path = path
        self.table = StepTable(terms=tuple(terms), readings=tuple(readings))
        self.every = every
        self.earlier_s = 0.0
        self.validated: dict[str, float] = {}

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Cut the file back to the step that training starts from."""
        if not trainer.is_global_zero:
            return
        done = _method(module).done
        if has_file(self.path):
            steps = tuple(row for row in StepTable.read_file(self.path).steps if row.step <= done)
            self.table = self.table.model_copy(update={"steps": steps})
        if self.table.last is not None:
            self.earlier_s = self.table.last.time_s
        self.table.write_file(self.path)
        self.started = time.monotonic()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, *_: Any
    ) -> None:
        """Append a row where one is due."""
        method = _method(module)
        if not trainer.is_global_zero:
            return
        if method.done % self.every and not self.validated and method.done != method.task.steps:
            return
        values = {name: float(value) for name, value in method.last_terms.items()} | self.validated
        values["lr"] = trainer.optimizers[0].param_groups[0]["lr"]
        self.validated = {}
        for tracker in trainer.loggers:
            tracker.log_metrics(values, step=method.done)
        time_s = self.earlier_s + time.monotonic() - self.started
        self.table.append(self.path, self.table.step(method.done, values, time_s))


class Validation(Callback):
    """Dice on clean validation cases, for the predicting network and the teacher.

    Args:
        cases: Never training or test cases, never LQ labels.
        patch: Inference window.
        every: Steps between validations.
        metrics: Receives the values; stands after this in the list of callbacks.
    """

    def __init__(
        self, cases: Sequence[CachedCase], patch: tuple[int, int, int], every: int, metrics: MetricsFile
    ) -> None:
        self.cases = cases
        self.patch = patch
        self.every = every
        self.metrics = metrics

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, *_: Any
    ) -> None:
        """Validate where it is due and after the last step."""
        method = _method(module)
        if method.done % self.every and method.done != method.task.steps:
            return
        if not trainer.is_global_zero:
            return
        scores: dict[int, float] = {}
        for name, network in method.export_networks().items():
            if id(network) not in scores:
                scores[id(network)] = validation_dice(
                    network, self.cases, self.patch, method.task.num_classes, module.device
                )
            column = "val_dice" if name == "model" else f"val_dice_{name}"
            self.metrics.validated[column] = scores[id(network)]
        shown = ", ".join(f"{column} {score:.4f}" for column, score in self.metrics.validated.items())
        logger.info("step %d: %s", method.done, shown)


class Checkpoints(Callback):
    """`checkpoints/last.ckpt` and the weights that prediction reads, each replaced as a whole.

    Args:
        run: The run folder.
        every: Steps between checkpoints; one more is written at the end or when training is stopped.
    """

    def __init__(self, run: Run, every: int) -> None:
        self.run = run
        self.every = every
        self.saved = 0

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, *_: Any
    ) -> None:
        """Save where it is due."""
        method = _method(module)
        if method.done % self.every == 0 or method.done == method.task.steps:
            self._save(trainer, method)

    def on_train_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Save the step at which training was stopped, whenever in the step the signal came."""
        if self.saved != _method(module).done:
            self._save(trainer, _method(module))

    def _save(self, trainer: lightning.Trainer, method: Method) -> None:
        _require_finite(method)
        if trainer.is_global_zero:

            def save(partial: Path) -> None:
                trainer.save_checkpoint(partial)
                # First: weights may be newer than the checkpoint, never older.
                _write_weights(self.run.stage_path, method)

            write_checkpoint(self.run.checkpoint_path, save)
        else:
            trainer.save_checkpoint(self.run.checkpoint_path)  # takes part; the first process writes
        self.saved = method.done


class Snapshots(Callback):
    """Weights on the way, `snapshots/step-<n>/`, for looking back at a training.

    Args:
        run: The run folder.
        every: Steps between snapshots.
    """

    def __init__(self, run: Run, every: int) -> None:
        self.run = run
        self.every = every

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, *_: Any
    ) -> None:
        """Keep the weights where it is due and after the last step."""
        method = _method(module)
        due = method.done % self.every == 0 or method.done == method.task.steps
        if due and trainer.is_global_zero:
            _require_finite(method)
            _write_weights(self.run.stage_path / "snapshots" / f"step-{method.done}", method)


def _require_finite(method: Method) -> None:
    """Refuse to save weights that answer nothing; what was saved before stays.

    Raises:
        ConfigError: Naming the first of them.
    """
    for name, network in method.export_networks().items():
        if wrong := not_finite(network):
            raise ConfigError(
                f"step {method.done}: expected finite weights, found nan or infinity in {wrong} of {name}. "
                f"The training diverges with trainer.learning_rate={method.task.learning_rate:g}; lower it."
            )


def _write_weights(folder: Path, method: Method) -> None:
    """Write `model.safetensors` and, if there is one, `teacher.safetensors`."""
    for name, network in method.export_networks().items():
        with atomic_path(folder / f"{name}.safetensors") as partial:
            safetensors.torch.save_model(network, str(partial))  # shared weights once


class GracefulStop(Callback):
    """On Ctrl-C or SIGTERM to any of the processes all of them finish the step, save, and stop."""

    def __init__(self) -> None:
        self.asked = False
        self.stopped = False
        self.previous: dict[int, Any] = {}

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Catch the signals; only the main thread can."""

        def stop(number: int, frame: object) -> None:
            self.asked = True

        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            self.previous[number] = signal.signal(number, stop)

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, *_: Any
    ) -> None:
        """Stop after this step if any process was asked to."""
        self.stopped = trainer.strategy.reduce_boolean_decision(self.asked, all=False)
        if self.stopped:
            trainer.should_stop = True

    def teardown(self, trainer: lightning.Trainer, module: lightning.LightningModule, stage: str) -> None:
        """Give the signals back."""
        for number, handler in self.previous.items():
            signal.signal(number, handler)


class StepProgress(Callback):
    """A bar with the loss in a notebook and on a terminal, else a line on stderr now and then.

    Args:
        title: Before the bar.
    """

    def __init__(self, title: str) -> None:
        self.title = title

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Open the bar at the step training starts from."""
        method = _method(module)
        total = method.task.steps
        self.cell = NotebookBar(self.title, total, method.done) if find_notebook() is not None else None
        self.line_at = time.monotonic()
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[values]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=self.cell is not None or not bars_wanted(),
        )
        self.bar.start()
        self.task = self.bar.add_task(self.title, total=total, completed=method.done, values="")
        self.begun, self.first = time.monotonic(), method.done

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, *_: Any
    ) -> None:
        """Move on."""
        method = _method(module)
        now = time.monotonic()
        if self.cell is not None:
            self.cell.move(method.done, _loss(method))
        elif bars_wanted():
            self.bar.update(self.task, completed=method.done, values=_loss(method))
        elif now - self.line_at > line_every_s():
            self.line_at = now
            left = (now - self.begun) / (method.done - self.first) * (method.task.steps - method.done)
            line = f"{self.title}: step {method.done}/{method.task.steps}, {_loss(method)}"
            sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}, {left / 60:.1f} min left\n")

    def teardown(self, trainer: lightning.Trainer, module: lightning.LightningModule, stage: str) -> None:
        """Close the bar, also after an error."""
        if hasattr(self, "bar"):
            self.bar.stop()
            if self.cell is not None:
                self.cell.close()


def _loss(method: Method) -> str:
    return f"loss {float(method.last_terms['loss']):.3f}"


def _method(module: lightning.LightningModule) -> Method:
    if not isinstance(module, Fitted):
        raise TypeError(f"expected a Fitted method, got {type(module).__name__}")
    return module.method
