"""What `alcseg export --to pt2` wrote, read without running anything of it.

`torch.export.load` unpickles and evaluates what a file says. Here the settings of the training are checked,
the network is built from them as for a run, and its weights are read as plain numbers; the graph in the file
is for others. When it was exported, the two answered alike.
"""

import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from alcseg.errors import CheckpointError, ConfigError
from alcseg.inference.load import create_method, make_task
from alcseg.networks import not_finite
from alcseg.records.export import ExportRecord

__all__ = ["load_pt2_network", "parse_record", "read_pt2_record"]

_WEIGHTS = "data/weights/"
_CONFIG = f"{_WEIGHTS}model_weights_config.json"
_MOST_TEXT = 64 * 2**20  # bytes of a JSON file in the archive


def read_pt2_record(path: Path) -> ExportRecord:
    """What the file says of itself.

    Raises:
        CheckpointError: If it is no `.pt2` file, or not of `alcseg export`.
    """
    with _opened(path) as archive:
        return parse_record(_text(archive, f"extra/{ExportRecord.NAME}", path), path)


def parse_record(text: str | None, path: Path) -> ExportRecord:
    """The record in the metadata of an exported file; None where there is none.

    Raises:
        CheckpointError: If there is none.
        DataError: If it is damaged or of a newer format.
    """
    if text is None:
        raise CheckpointError(
            f"{path}: expected a model of `alcseg export`, found one without {ExportRecord.NAME} in it, so "
            "that nobody knows spacing, intensities and labels. Export the run again."
        )
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise CheckpointError(
            f"{path}: expected JSON in its {ExportRecord.NAME}, found none. Export it again."
        )
    return ExportRecord.parse(content, path)


def load_pt2_network(path: Path, record: ExportRecord, device: torch.device | str) -> nn.Module:
    """The network in evaluation mode with the weights of the file.

    Raises:
        CheckpointError: If weights are absent, damaged, not finite or of another network, or the method is
            not installed.
    """
    try:
        shapes = {name: (value.shape, value.dtype) for name, value in _outline(record).state_dict().items()}
        # Only what is as large as the file says is built for good: a number in it cannot ask for any memory.
        weights = _read_weights(path, shapes)
        network = _build(record)
        network.load_state_dict(weights)
    except ConfigError as error:
        raise CheckpointError(
            f"{path}: expected the settings of a training, found what it does not know: {error}"
        ) from None
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"{path}: the weights do not fit the network ({reason}). Export it again."
        ) from None
    if wrong := not_finite(network):
        raise CheckpointError(f"{path}: expected finite weights, found nan or infinity in {wrong}.")
    network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return network.to(device).eval()


class _WithoutMemory(TorchFunctionMode):
    """Weights take no memory; numbers that a network is built by are still there.

    Under `torch.device("meta")` they are not, and MONAI 1.6 cannot build a SwinUNETR.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        options = dict(kwargs or {})
        if func in (torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn):
            options["device"] = "meta"
        return func(*args, **options)


def _outline(record: ExportRecord) -> nn.Module:
    """The network with the names and shapes of its weights alone."""
    with _WithoutMemory():
        return _build(record)


def _build(record: ExportRecord) -> nn.Module:
    method = create_method(record.settings)
    method.task = make_task(record.settings, record.plan)
    return method.build_exported("model")


def _read_weights(path: Path, shapes: dict[str, tuple[torch.Size, torch.dtype]]) -> dict[str, Tensor]:
    """Tensors by name, each as the network has it."""
    with _opened(path) as archive:
        try:
            config: Any = json.loads(_text(archive, _CONFIG, path) or "")["config"]
            if set(config) != set(shapes):
                odd = sorted(set(config) ^ set(shapes))[0]
                raise CheckpointError(
                    f"{path}: expected the weights of its network, found '{odd}' in one alone."
                )
            return {
                name: _tensor(archive, config[name], size, kind, name, path)
                for name, (size, kind) in shapes.items()
            }
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
            zipfile.BadZipFile,
            OSError,
        ) as error:
            raise CheckpointError(
                f"{path}: expected weights, found {error!r:.80}. Export it again."
            ) from None


def _tensor(
    archive: zipfile.ZipFile, about: Any, size: torch.Size, kind: torch.dtype, name: str, path: Path
) -> Tensor:
    meta = about["tensor_meta"]
    sizes, strides = ([axis["as_int"] for axis in meta[key]] for key in ("sizes", "strides"))
    plain = not about["use_pickle"] and meta["storage_offset"] == {"as_int": 0}
    in_order = strides == [math.prod(sizes[axis + 1 :]) for axis in range(len(sizes))] or 1 in sizes
    if not plain or not in_order or sizes != list(size):
        raise CheckpointError(
            f"{path}: expected '{name}' as {list(size)} plain numbers in order, found {sizes!s:.60}. "
            "Export it again."
        )
    blob = _entry(archive, _WEIGHTS + about["path_name"])
    wanted = size.numel() * kind.itemsize
    if blob is None or blob.file_size != wanted or blob.compress_type != zipfile.ZIP_STORED:
        raise CheckpointError(
            f"{path}: expected {wanted} bytes for '{name}'. The file is damaged; restore it."
        )
    data = bytearray(archive.read(blob))
    return torch.frombuffer(data, dtype=kind).reshape(size) if data else torch.empty(size, dtype=kind)


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path}: expected a .pt2 file of `alcseg export`, found none that can be opened ({error})."
        ) from None


def _text(archive: zipfile.ZipFile, name: str, path: Path) -> str | None:
    found = _entry(archive, name)
    if found is None:
        return None
    try:
        if found.file_size > _MOST_TEXT or found.compress_type != zipfile.ZIP_STORED:
            raise ValueError("more than any text that alcseg writes")
        return archive.read(found).decode()
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"{path}: expected text in {name}, found {error!s:.80}. Restore the file."
        ) from None


def _entry(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo | None:
    """A file of the archive, whose names all begin with one folder."""
    fits = (one for one in archive.infolist() if one.filename.partition("/")[2] == name)
    return next(fits, None)
