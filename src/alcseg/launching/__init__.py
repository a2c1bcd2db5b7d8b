"""Jobs in processes of their own: on this machine side by side, or through SLURM.

What a job leaves it leaves on disk; a launcher waits, and says of each how it ended.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alcseg.errors import UsageError
from alcseg.launching.job import LAUNCHERS, Job, JobCount, Launcher, LauncherName
from alcseg.launching.local import LocalLauncher, count_jobs
from alcseg.launching.slurm import SlurmLauncher, parse_options

__all__ = [
    "LAUNCHERS",
    "Job",
    "JobCount",
    "Launcher",
    "LauncherName",
    "LocalLauncher",
    "check_options",
    "make_launcher",
]


def check_options(name: str, slurm: Sequence[str]) -> dict[str, Any]:
    """The options of SLURM by key; nothing is set up.

    Raises:
        UsageError: If there is no such launcher, or an option is malformed or not meant for it.
    """
    if name not in LAUNCHERS:
        raise UsageError(f"--launcher: expected one of {', '.join(LAUNCHERS)}, got '{name}'.")
    if slurm and name != "slurm":
        raise UsageError("--slurm: expected --launcher slurm beside it.")
    return parse_options(slurm)


def make_launcher(name: str, folder: Path, *, jobs: JobCount, slurm: Sequence[str], device: str) -> Launcher:
    """A launcher, with its options checked.

    Args:
        name: One of `LAUNCHERS`.
        folder: Of what the jobs work on, seen by all machines; SLURM's logs go to `slurm/` in it.
        jobs: Most jobs at once. On this machine None stands for one per GPU, else one, and 0 for one after
            the other in this process; `auto` is None, to be replaced where `cores_are_shared`.
        slurm: `KEY=VALUE` options of SLURM.
        device: `auto`, `cpu`, `cuda` or `cuda:<i>`.

    Raises:
        UsageError: If an option is unknown or wrong, or there is no SLURM here.
        ResourceError: If submitit is not installed.
    """
    options = check_options(name, slurm)
    count = count_jobs(device, jobs)
    if name == "slurm":
        return SlurmLauncher.of(
            folder, jobs=jobs if isinstance(jobs, int) else None, options=options, device=device
        )
    return LocalLauncher(device, count)
