"""The parts of a cohort as jobs, on this machine or through SLURM."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from alcseg.commands._parts import PARTS
from alcseg.errors import AlcsegError, DataError, UsageError
from alcseg.files import make_folder
from alcseg.launching import Job, check_options, make_launcher
from alcseg.launching.local import count_jobs
from alcseg.records.predictions import PredictionRecord

__all__ = ["count_parts", "predict_in_jobs"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _PartJob:
    """What a job computes; it can be pickled if `predict` can.

    Attributes:
        predict: Takes `num_parts`, `part_id` and `device`.
        count: Parts in all.
        number: The one that is meant.
    """

    predict: Callable[..., object]
    count: int
    number: int

    def __call__(self, device: str) -> None:
        self.predict(num_parts=self.count, part_id=self.number, device=device)


def count_parts(
    num_parts: int | None, part_id: int | None, *, launcher: str, jobs: int | None, slurm: Sequence[str]
) -> int | None:
    """Into how many jobs the cases go; None where this process predicts them, or one part of them.

    Raises:
        UsageError: If there is no such launcher, options do not go together, or nothing says how many.
    """
    check_options(launcher, slurm)
    if part_id is not None:
        if launcher != "local" or jobs is not None:
            raise UsageError(
                "--part-id: this process predicts one part, and starts no jobs. Leave out --launcher, --jobs "
                "and --slurm, or --part-id."
            )
        return None
    if num_parts is not None:
        return num_parts
    if launcher == "slurm" and not jobs:
        raise UsageError("--launcher slurm: expected --num-parts or --jobs, which says into how many jobs.")
    return jobs if launcher == "slurm" or (jobs is not None and jobs != 1) else None


def predict_in_jobs(
    predict: Callable[..., object],
    out: Path,
    count: int,
    *,
    launcher: str,
    jobs: int | None,
    slurm: Sequence[str],
    device: str,
) -> PredictionRecord:
    """Have all parts predicted, and wait for them.

    Args:
        predict: The verb with all options but `num_parts`, `part_id` and `device`.
        out: Its output folder.
        count: Parts.
        launcher: As in `make_launcher`.
        jobs: Side by side.
        slurm: Options of the jobs.
        device: Of each.

    Returns:
        The record of all cases.

    Raises:
        AlcsegError: Of the first part that could not be predicted, after all others have ended.
        DataError: If every case failed.
    """
    if launcher == "local" and count_jobs(device, jobs) == 1:
        jobs = 0  # here: no process has to be started
    launched_by = make_launcher(launcher, out / PARTS, jobs=jobs, slurm=slurm, device=device)
    make_folder(out / PARTS)
    failed: list[AlcsegError] = []

    def ended(job: Job, error: AlcsegError | None) -> None:
        if error is None:
            logger.info("%s: predicted", job.name)
        else:
            logger.warning("%s failed: %s", job.name, error)
            failed.append(error)

    work = [Job(f"part {number} of {count}", _PartJob(predict, count, number)) for number in range(count)]
    launched_by.launch(work, ended)
    if failed:
        raise failed[0]
    record = PredictionRecord.read(out)
    said = [case.error for case in record.cases.values() if case.status == "failed"]
    if len(said) == len(record.cases):
        raise DataError(f"{said[0]} (all {len(said)} cases failed; see {record.path(out)})")
    return record
