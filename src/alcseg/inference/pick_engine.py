"""Which engine a name stands for; `engines.py` holds them. Imports nothing heavy.

A training that follows OpenVINO in one process can crash the interpreter (seen with OpenVINO 2026.4.1 and
torch 2.13.0). So `auto` never takes it. `fastest` does: the command line asks for that where its process ends
with the predictions.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING, get_args

from alcseg.errors import PackageError, UsageError
from alcseg.types import EngineName

if TYPE_CHECKING:
    import torch

__all__ = ["ENGINES", "pick_engine"]

ENGINES: tuple[EngineName, ...] = get_args(EngineName)


def pick_engine(name: EngineName, device: "torch.device") -> EngineName:
    """The engine that a name stands for.

    Args:
        name: `auto` for the fastest on the device after which anything may follow in this process; `fastest`
            for OpenVINO where it is installed and the device is a CPU, else the same; or an engine.
        device: Where the network is.

    Raises:
        UsageError: If there is no such engine, or it does not run on the device.
        PackageError: If it is not installed.
    """
    if name not in ENGINES:
        raise UsageError(f"--engine: expected one of {', '.join(ENGINES)}, got '{name}'.")
    there = find_spec("openvino") is not None
    if name in ("auto", "fastest"):
        if device.type != "cpu":
            return "torch"
        return "openvino" if there and name == "fastest" else "folded"
    if name != "torch" and device.type != "cpu":
        raise UsageError(f"--engine {name}: runs on a CPU, not on {device}. Use --engine auto.")
    if name == "openvino" and not there:
        raise PackageError(
            "--engine openvino: expected the package openvino, found none. pip install 'alcseg[openvino]', "
            "or use --engine auto."
        )
    return name
