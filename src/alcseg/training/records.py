"""Opening a run folder for training, and what is written into it before the first step."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from alcseg import machine
from alcseg.config import Settings
from alcseg.data.cache import CachedCase, data_hash
from alcseg.data.folder import DatasetFolder
from alcseg.errors import CheckpointError, ConfigError, DataError, UsageError
from alcseg.files import remove_output, write_json, write_text
from alcseg.records.plan import Plan
from alcseg.run_folder import RunFolder

__all__ = ["log_to", "open_run", "write_records"]


def open_run(out: Path, settings: Settings, *, overwrite: bool = False) -> RunFolder:
    """Open the run folder of the same run, or say where one will be; nothing is written or removed yet.

    Args:
        out: The run folder.
        settings: Of the run.
        overwrite: What the folder holds will be replaced, whatever it is.

    Raises:
        CheckpointError: If it holds a run of another method.
        ConfigError: If it holds a run with other settings; the first that differs is named.
        UsageError: If it holds something that is not a run.
    """
    run = RunFolder(out)
    if overwrite or not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return run
    if not run.config_path.is_file():
        raise UsageError(
            f"{out}: expected an empty or new folder or a run to resume, found other files. "
            "Choose another folder or pass --overwrite."
        )
    if run.method != settings.method:
        raise CheckpointError(
            f"{out}: holds a run of method '{run.method}', asked for '{settings.method}'. "
            "Choose another --out folder, or pass --overwrite to replace that run."
        )
    for name, (old, new) in _differences(run.config, settings.to_dict()):
        raise ConfigError(
            f"{out}: holds a run with {name}={old}, asked for {new}. "
            "Give the same settings to resume it, another --out folder, or --overwrite."
        )
    return run


def write_records(
    run: RunFolder,
    settings: Settings,
    plan: Plan,
    folder: DatasetFolder,
    train: Sequence[CachedCase],
    val: Sequence[CachedCase],
    device: str,
    *,
    overwrite: bool = False,
) -> None:
    """Write `config.yaml`, `plan.json` and `run.json`; check the data of a resumed run.

    Args:
        run: The run folder, made if it is not there.
        settings: Of the run.
        plan: Of the run.
        folder: The dataset.
        train: Cases that train.
        val: Cases that validate.
        device: Where the run trains.
        overwrite: Remove first what the folder holds.

    Raises:
        DataError: If images or labels changed since the run began.
    """
    if overwrite:
        remove_output(run.path)
    hashed = data_hash([*train, *val])
    if run.record_path.is_file():
        known = run.record["data_hash"]
        if known != hashed:
            raise DataError(
                f"{folder.root}: the data is not what run {run.path} began with "
                f"(hash {hashed}, expected {known}). Restore the dataset, or train into another folder."
            )
        return
    write_text(run.config_path, yaml.safe_dump(settings.to_dict(), sort_keys=False))
    plan.write_file(run.plan_path)
    record = {
        "status": "training",
        "started": machine.timestamp(),
        "dataset": folder.name,
        "data_hash": hashed,
        "seed": settings.seed,
        "device": device,
        "processor": machine.processor(),
        "commit": machine.commit(),
        "versions": machine.versions(),
        "train_cases": [case.case_id for case in train],
        "hq_cases": [case.case_id for case in train if case.quality == "hq"],
        "val_cases": [case.case_id for case in val],
    }
    write_json(run.record_path, record)


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


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, tuple[Any, Any]]]:
    """Dotted names of settings that differ; where the cache lies does not matter."""
    found = []
    for section, values in new.items():
        if not isinstance(values, dict):
            found += [(section, (old.get(section), values))] if old.get(section) != values else []
            continue
        earlier = old.get(section, {})
        for key in dict.fromkeys([*earlier, *values]):
            if (section, key) != ("data", "cache") and earlier.get(key) != values.get(key):
                found.append((f"{section}.{key}", (earlier.get(key), values.get(key))))
    return found
