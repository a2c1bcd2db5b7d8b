"""Jobs as those of a SLURM array, by way of submitit."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alcseg.bounded_yaml import load_yaml
from alcseg.errors import AlcsegError, PackageError, ResourceError, UsageError
from alcseg.launching.job import Ended, Job, log_to_stderr, terminated_as_interrupted

__all__ = ["SlurmLauncher", "parse_options"]

logger = logging.getLogger(__name__)

_POLL_S = 5.0


@dataclass(frozen=True, eq=False)
class SlurmLauncher:
    """Submits every job, and waits; one that reaches its time limit is submitted again and goes on.

    Attributes:
        executor: Of submitit.
        folder: Where it keeps what it sends, and the logs.
        device: `auto`, `cpu`, `cuda` or `cuda:<i>`.
    """

    executor: Any
    folder: Path
    device: str

    @classmethod
    def of(
        cls, folder: Path, *, jobs: int | None, options: Mapping[str, Any], device: str
    ) -> "SlurmLauncher":
        """Set submitit up.

        Args:
            folder: Seen by all machines.
            jobs: Most jobs at once.
            options: Of `submitit.AutoExecutor.update_parameters`, those of SLURM with or without `slurm_`,
                and `cluster`: `slurm` or, for a trial on this machine, `local`.
            device: Of each job.

        Raises:
            PackageError: If submitit is not installed.
            UsageError: If an option is unknown or wrong, or there is no SLURM here.
        """
        try:
            import submitit
        except ImportError:
            raise PackageError(
                "--launcher slurm: expected the package submitit, found none. pip install 'alcseg[slurm]'"
            ) from None
        generic = submitit.AutoExecutor._typed_parameters()
        settings: dict[str, Any] = {"name": "alcseg", "timeout_min": 24 * 60}
        for key, value in options.items():
            bare = key in generic or key == "cluster" or key.startswith(("slurm_", "local_"))
            settings[key if bare else f"slurm_{key}"] = value
        cluster = str(settings.pop("cluster", "slurm"))
        if jobs is not None:
            settings["slurm_array_parallelism"] = max(1, jobs)
        try:
            executor = submitit.AutoExecutor(folder=folder / "slurm", cluster=cluster)
            executor.update_parameters(**settings)
        except (AssertionError, NameError, RuntimeError, TypeError, ValueError) as error:
            raise UsageError(f"--slurm: {' '.join(str(error).split())}") from None
        return cls(executor, folder / "slurm", device)

    def launch(self, jobs: Sequence[Job], ended: Ended) -> None:
        """See `Launcher`."""
        with self.executor.batch():
            submitted = [self.executor.submit(_Work(job, self.device)) for job in jobs]
        logger.info("%d job(s) submitted, the first is %s", len(submitted), submitted[0].job_id)
        waiting = list(zip(jobs, submitted, strict=True))
        try:
            with terminated_as_interrupted():
                while waiting:
                    for entry in list(waiting):
                        if entry[1].done():
                            waiting.remove(entry)
                            ended(entry[0], self._why_failed(entry[1]))
                    if waiting:
                        time.sleep(_POLL_S if self.executor.cluster == "slurm" else 0.2)
        except KeyboardInterrupt:
            for _, submission in waiting:
                submission.cancel()
            raise

    def _why_failed(self, submission: Any) -> AlcsegError | None:
        """The error of a job that has ended; None if it did what it should."""
        crash = submission.exception()
        if crash is None:
            error: AlcsegError | None = submission.result()
            return error
        reason = str(crash).strip().splitlines()[-1]
        return ResourceError(f"job {submission.job_id}: {reason.rstrip('.')}. See {self.folder}.")


class _Work:
    """A job as submitit carries it to another machine; called there."""

    def __init__(self, job: Job, device: str) -> None:
        self.job, self.device = job, device

    def __call__(self) -> AlcsegError | None:
        """Do it; an error that has words for people is handed back whole."""
        log_to_stderr(logging.INFO)
        try:
            self.job.work(self.device)
        except AlcsegError as error:
            return error
        return None

    def checkpoint(self) -> Any:
        """What submitit submits when the time limit is near: the same, which goes on."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def parse_options(words: Sequence[str]) -> dict[str, Any]:
    """`KEY=VALUE` as keys and values of YAML.

    Raises:
        UsageError: If one is not of this form.
    """
    options = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not key or not equals or not value.strip():
            raise UsageError(f"--slurm {word}: expected KEY=VALUE, such as partition=gpu.")
        try:
            options[key] = load_yaml(value)
        except ValueError as error:
            raise UsageError(f"--slurm {word}: not valid YAML ({error}). Quote it.") from None
    return options
