"""`last.ckpt` and the one before it: written whole, read with doubt."""

import logging
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import torch

from alcseg.errors import CheckpointError, DataError
from alcseg.files import atomic_path
from alcseg.listing import require_content
from alcseg.training_methods import Method
from alcseg.unfinished import unfinished_prefix

__all__ = ["find_checkpoint", "previous", "write_checkpoint"]

logger = logging.getLogger(__name__)


def previous(path: Path) -> Path:
    """Where the checkpoint before the last one lies."""
    return path.with_name("previous.ckpt")


def write_checkpoint(path: Path, save: Callable[[Path], object]) -> None:
    """Replace a checkpoint; the one that was there becomes the previous one.

    Args:
        path: Of the last checkpoint.
        save: Writes to a path, and whatever has to be on the disk before the checkpoint is.

    Raises:
        ResourceError: If the disk is full; both checkpoints then stay as they were.
    """
    with atomic_path(path) as partial:
        save(partial)
        if path.is_file():
            kept = path.with_name(f"{unfinished_prefix()}{path.name}")
            kept.unlink(missing_ok=True)
            try:
                os.link(path, kept)
            except OSError:  # a disk without links: for a moment there is no last one
                os.replace(path, kept)
            os.replace(kept, previous(path))


def find_checkpoint(path: Path, method: Method) -> tuple[Path | None, int]:
    """What a training goes on from, and the step at which it was written; None where nothing was.

    Args:
        path: Of the last checkpoint. Where it is damaged or gone, the previous one is taken.
        method: Whose.

    Raises:
        CheckpointError: If there is none that can be read, or it is of another method.
    """
    refused: CheckpointError | None = None
    for one in (path, previous(path)):
        if not os.path.lexists(one):
            continue
        try:
            name, step = _read(one)
        except CheckpointError as error:
            refused = refused or error
            continue
        if name != type(method).__name__:
            raise CheckpointError(
                f"{one}: expected a checkpoint of {type(method).__name__}, found one of {name:.40}. "
                "Put back the run's own checkpoint, or train afresh with --overwrite."
            )
        if one != path:
            logger.warning("%s Going on from step %d of %s", refused or f"{path}: gone.", step, one.name)
        return one, step
    if refused is not None:
        raise refused
    return None, 0


def _read(path: Path) -> tuple[str, int]:
    """Whose checkpoint it is, and of which step."""
    try:
        require_content(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
        return str(content["method"]), int(content["done"])
    except (
        DataError,
        RuntimeError,
        OSError,
        LookupError,
        TypeError,
        ValueError,
        pickle.UnpicklingError,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"{path}: expected a checkpoint of `alcseg train`, cannot read it ({reason}). "
            "Restore the file, or train afresh with --overwrite."
        ) from None
    except EOFError:
        raise CheckpointError(
            f"{path}: expected a checkpoint of `alcseg train`, found a file that is cut off. "
            "Restore the file, or train afresh with --overwrite."
        ) from None
