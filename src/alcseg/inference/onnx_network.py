"""A network in an ONNX file, computed by onnxruntime: no code of the file is run, only operators it names."""

from pathlib import Path
from typing import Any

import onnxruntime
import torch
from torch import Tensor, nn

from alcseg.errors import CheckpointError, ResourceError
from alcseg.inference.pt2_archive import parse_record
from alcseg.records.export import ExportRecord

__all__ = ["OnnxNetwork", "open_session", "read_onnx_record"]

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def open_session(model: Path | bytes, device: torch.device | str = "cpu") -> Any:
    """A session of onnxruntime with as many threads as torch has.

    Raises:
        CheckpointError: If it is no ONNX model.
        ResourceError: If this onnxruntime does not know the device.
    """
    where = torch.device(device)
    provider = _PROVIDERS.get(where.type, "")
    if provider not in onnxruntime.get_available_providers():
        raise ResourceError(
            f"--device {where}: expected an onnxruntime for it, found one for the CPU. pip install "
            "onnxruntime-gpu in its place, or use --device cpu."
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors alone
    about = {"device_id": where.index or 0} if where.type == "cuda" else {}
    given = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(given, options, providers=[(provider, about)])
    except Exception as error:  # noqa: BLE001 - its exceptions have no common base but this
        name = "the exported network" if isinstance(model, bytes) else model
        raise CheckpointError(
            f"{name}: expected an ONNX model that onnxruntime can run, found {str(error).strip()!s:.160}. "
            "Export the run again."
        ) from None


def read_onnx_record(session: Any, path: Path) -> ExportRecord:
    """What the file says of itself, if the graph in it is as it says.

    Raises:
        CheckpointError: If it is not of `alcseg export`, or its graph takes or gives something else.
    """
    record = parse_record(session.get_modelmeta().custom_metadata_map.get(ExportRecord.NAME), path)
    plan = record.plan
    sizes = list(plan.patch) if record.sizes == "patch" else [None] * 3
    wanted = {
        "image": [None, len(plan.channel_names), *sizes],
        "logits": [None, plan.num_classes, *sizes],
    }
    found = {one.name: one for one in (*session.get_inputs(), *session.get_outputs())}
    fits = set(found) == set(wanted) and all(
        found[name].type == "tensor(float)"
        and len(found[name].shape) == 5
        and all(
            want in (None, have) or isinstance(have, str)
            for want, have in zip(shape, found[name].shape, strict=True)
        )
        for name, shape in wanted.items()
    )
    if not fits:
        raise CheckpointError(
            f"{path}: expected a graph from image to logits for the channels, classes and patch of its plan, "
            f"found {', '.join(f'{name} {one.type} {one.shape}' for name, one in found.items())}. "
            "Export it again."
        )
    return record


class OnnxNetwork(nn.Module):
    """Windows `(B, C, X, Y, Z)` to logits `(B, K, X, Y, Z)` by onnxruntime; they stay on their device.

    Args:
        session: Of `open_session`.
        any_batch: Whether it takes several windows at a time.
    """

    computed_by = "onnxruntime"

    def __init__(self, session: Any, *, any_batch: bool = True) -> None:
        super().__init__()
        self._session = session
        self._any_batch = any_batch

    def forward(self, windows: Tensor) -> Tensor:
        """Return the logits.

        Raises:
            ResourceError: If onnxruntime cannot compute them.
        """
        parts = [windows] if self._any_batch else windows[:, None]
        return torch.cat([self._run(part) for part in parts])

    def _run(self, windows: Tensor) -> Tensor:
        try:
            (logits,) = self._session.run(["logits"], {"image": windows.float().cpu().contiguous().numpy()})
        except Exception as error:  # noqa: BLE001 - its exceptions have no common base but this
            raise ResourceError(
                f"expected onnxruntime to compute windows {tuple(windows.shape)}, found "
                f"{str(error).strip()!s:.160}. Use the run, or its .pt2."
            ) from None
        return torch.from_numpy(logits).to(windows.device)
