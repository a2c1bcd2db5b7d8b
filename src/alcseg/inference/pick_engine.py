"""Which engine a name stands for; `engines.py` holds them. Imports nothing heavy."""

from importlib.util import find_spec
from typing import TYPE_CHECKING, get_args

from alcseg.errors import ResourceError, UsageError
from alcseg.types import EngineName

if TYPE_CHECKING:
    import torch

__all__ = ["ENGINES", "pick_engine"]

ENGINES: tuple[EngineName, ...] = get_args(EngineName)


def pick_engine(name: EngineName, device: "torch.device") -> EngineName:
    """The engine that a name stands for: `auto` for the fastest on the device that is installed.

    Raises:
        UsageError: If there is no such engine, or it does not run on the device.
        ResourceError: If it is not installed.
    """
    if name not in ENGINES:
        raise UsageError(f"--engine: expected one of {', '.join(ENGINES)}, got '{name}'.")
    there = find_spec("openvino") is not None
    if name == "auto":
        return "torch" if device.type != "cpu" else "openvino" if there else "folded"
    if name != "torch" and device.type != "cpu":
        raise UsageError(f"--engine {name}: runs on a CPU, not on {device}. Use --engine auto.")
    if name == "openvino" and not there:
        raise ResourceError(
            "--engine openvino: expected the package openvino, found none. pip install 'alcseg[openvino]', "
            "or use --engine auto."
        )
    return name
