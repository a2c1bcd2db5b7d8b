"""Which device a command runs on."""

import re

import torch

from alcseg.errors import ResourceError, UsageError

__all__ = ["pick_device", "require_device_name"]


def require_device_name(name: str) -> None:
    """Refuse what can be no device on any machine.

    Raises:
        UsageError: If it is none of `auto`, `cpu`, `cuda` and `cuda:<i>`.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:[0-9]+)?", name):
        raise UsageError(f"--device: expected auto, cpu, cuda or cuda:<i>, got '{name}'.")


def pick_device(name: str = "auto") -> torch.device:
    """Turn `auto`, `cpu`, `cuda` or `cuda:<i>` into a device; `auto` takes a GPU if there is one.

    Raises:
        UsageError: If the name is none of these.
        ResourceError: If there is no such device.
    """
    require_device_name(name)
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = name.partition(":")
    count = torch.cuda.device_count() if kind == "cuda" else 1
    if int(index or 0) >= count:
        raise ResourceError(
            f"--device {name}: expected a CUDA device of that number, found {count}. "
            "Use --device auto or cpu, or look at `alcseg doctor`."
        )
    return torch.device(name)
