"""`alcseg train`: a dataset folder to a run folder."""

import difflib
from collections.abc import Sequence
from pathlib import Path

from alcseg.commands.progress import track
from alcseg.config import resolve
from alcseg.data.folder import DatasetFolder
from alcseg.errors import ConfigError
from alcseg.methods import available_methods
from alcseg.run_folder import RunFolder
from alcseg.training.fit import fit

__all__ = ["train"]


def train(
    dataset: Path,
    *,
    out: Path,
    method: str = "alc",
    preset: str | None = None,
    seed: int = 0,
    device: str = "auto",
    workers: int = 0,
    set: Sequence[str] = (),
    config: Path | None = None,
    overwrite: bool = False,
) -> RunFolder:
    """Train a method on a dataset folder; a run folder that was begun goes on.

    Args:
        dataset: The dataset folder.
        out: The run folder.
        method: A name that `alcseg methods` lists.
        preset: Name of shipped settings.
        seed: Of weights, patches, noise and dropout.
        device: `auto`, `cpu`, `cuda` or `cuda:<index>`.
        workers: Processes that read patches.
        set: `section.key=value` assignments.
        config: YAML file of settings.
        overwrite: Start afresh.

    Returns:
        The run folder.

    Raises:
        ConfigError: If the method or a setting is unknown.
    """
    methods = available_methods()
    if method not in methods:
        near = difflib.get_close_matches(method, methods, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise ConfigError(f"--method: expected one of {', '.join(methods)}, got '{method}'.{hint}")
    method_class, fixed = methods[method]
    settings = resolve(method, method_class, fixed, preset=preset, file=config, assignments=set, seed=seed)
    folder = DatasetFolder.open(dataset)
    return fit(
        folder,
        settings,
        out,
        device=device,
        workers=workers,
        overwrite=overwrite,
        track=lambda rows: track(rows, "Caching cases"),
    )
