"""A network as an ONNX file, with `alcseg.json` in its metadata."""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import torch
from torch.export import ExportedProgram

from alcseg.errors import PackageError
from alcseg.records.export import ExportRecord

__all__ = ["OPSET", "require_onnx", "to_onnx", "with_record"]

OPSET = 18
"""What the execution providers of onnxruntime know; later ones lack kernels on GPUs."""

_AXES = ("batch", None, "x", "y", "z")


def require_onnx() -> None:
    """Refuse where the packages that write and read ONNX are absent.

    Raises:
        PackageError: If one is.
    """
    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise PackageError(
            f"--to onnx: expected the package {missing[0]}, found none. pip install 'alcseg[onnx]'."
        )


def to_onnx(program: ExportedProgram) -> Any:
    """The graph as an `onnx.ModelProto`: `image` to `logits`, open axes by name."""
    with _quietly():
        found = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=OPSET,
            input_names=["image"],
            output_names=["logits"],
            verbose=False,
        )
    assert found is not None
    model = found.model_proto
    (image,), (logits,) = model.graph.input, model.graph.output
    for value in (image, logits):
        for axis, name in zip(value.type.tensor_type.shape.dim, _AXES, strict=True):
            if axis.dim_param and name:
                axis.dim_param = name
    del model.graph.value_info[:]  # sizes between the two, by the names that the axes had
    return model


def with_record(model: Any, record: ExportRecord) -> bytes:
    """The bytes of the file."""
    del model.metadata_props[:]
    model.metadata_props.add(
        key=ExportRecord.NAME, value=json.dumps(record.content(), ensure_ascii=False, allow_nan=False)
    )
    model.producer_name, model.producer_version = "alcseg", record.versions.get("alcseg", "")
    return bytes(model.SerializeToString())


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what the exporter says of packages that are not used, and of its own older interfaces."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
