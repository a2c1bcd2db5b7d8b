"""A network compiled by OpenVINO, for CPUs.

It is translated at the first window, for windows of that size, and has to answer that window as torch does.
Dropout becomes a product with masks that are inputs of the compiled network, so that one translation serves
plain and perturbed passes.
"""

import logging
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alcseg.errors import ResourceError
from alcseg.inference.dropout import DropoutCall, instead_of_dropout
from alcseg.inference.engines import Engine

# OpenVINO reports its use to its makers, from its import on, unless this package is absent.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402
from openvino.frontend import GeneralFailure, NotImplementedFailure, OpConversionFailure  # noqa: E402

__all__ = ["OPTIONS", "OpenVinoEngine"]

logger = logging.getLogger(__name__)

OPTIONS = {
    "INFERENCE_PRECISION_HINT": "f32",  # with bf16 instructions OpenVINO would take that
    "PERFORMANCE_HINT": "LATENCY",
    "ENABLE_CPU_PINNING": False,  # processes side by side would all be pinned to the first cores
}
"""How networks are compiled, beside the number of threads, which is that of torch."""

_FAR = 1e-3
"""Difference of two probabilities that is no rounding; that of float32 is near 1e-5."""

_CANNOT = (RuntimeError, TypeError, GeneralFailure, NotImplementedFailure, OpConversionFailure)

Key = tuple[int | str, ...]


class OpenVinoEngine:
    """See `engines.Engine`; network and windows are on the CPU.

    Args:
        network: In eval mode.
        otherwise: Answers where OpenVINO cannot; without it, that is an error.
    """

    def __init__(self, network: nn.Module, otherwise: Engine | None = None) -> None:
        self._network = network
        self._otherwise = otherwise
        self._translated: dict[tuple[int, ...], _Translated | None] = {}
        self._key: Key | None = None
        self._lock = threading.Lock()  # several threads may predict with one run

    def __call__(self, windows: Tensor) -> Tensor:
        """See `engines.Engine`.

        Raises:
            ResourceError: If OpenVINO cannot run the network and there is no other engine.
        """
        size = tuple(windows.shape[1:])
        with self._lock:
            if size not in self._translated:
                self._translated[size] = self._translate(windows[:1])
            network = self._translated[size]
            if network is not None:
                return torch.cat([network(window, self._key) for window in windows[:, None]])
        assert self._otherwise is not None
        if self._key is None:
            return self._otherwise(windows)
        with self._otherwise.perturbed(*self._key):
            return self._otherwise(windows)

    @contextmanager
    def perturbed(self, *key: int | str) -> Iterator[None]:
        """See `engines.Engine`."""
        self._key = key
        try:
            yield
        finally:
            self._key = None

    def _translate(self, window: Tensor) -> "_Translated | None":
        """The network for windows of this size; None where it cannot be translated."""
        try:
            found, expected = _translate(self._network, window)
            far = float((found(window, None).softmax(1) - expected.softmax(1)).abs().max())
            reason = "" if far <= _FAR else f"its probabilities differ from those of torch by {far:.2g}"
        except _CANNOT as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
        if not reason:
            return found
        if self._otherwise is None:
            raise ResourceError(
                f"--engine openvino: expected a network that OpenVINO can run, but {reason}. "
                "Use --engine torch."
            )
        logger.warning("OpenVINO cannot run this network (%s): torch does, more slowly", reason)
        return None


class _Translated:
    """A network for single windows of one size."""

    def __init__(self, compiled: Any, calls: Sequence[DropoutCall]) -> None:
        self._request = compiled.create_infer_request()
        self._calls = calls
        self._masks: dict[Key | None, list[NDArray[np.float32]]] = {}

    def __call__(self, window: Tensor, key: Key | None) -> Tensor:
        """Logits `(1, K, X, Y, Z)`; with a key, with units dropped."""
        if key not in self._masks:
            masks = [torch.ones(call.shape) if key is None else call.mask(*key) for call in self._calls]
            self._masks = {key: [mask.numpy() for mask in masks]}
        answer = self._request.infer([window.contiguous().numpy(), *self._masks[key]], share_inputs=True)
        return torch.from_numpy(answer[0])


class _WithMasks(nn.Module):
    """A network whose dropout layers multiply by given masks."""

    def __init__(self, network: nn.Module, calls: Sequence[DropoutCall]) -> None:
        super().__init__()
        self.network = network
        self.calls = calls

    def forward(self, window: Tensor, *masks: Tensor) -> Tensor:
        """Return the logits of a window; the masks are in the order of the calls."""
        mask_of = dict(zip(self.calls, masks, strict=True))
        with instead_of_dropout(self.network, lambda call, output: output * mask_of[call]):
            logits: Tensor = self.network(window)
        return logits


@torch.no_grad()
def _translate(network: nn.Module, window: Tensor) -> tuple[_Translated, Tensor]:
    """The network for windows like this one, and what torch says of it."""
    calls: list[DropoutCall] = []

    def note(call: DropoutCall, output: Tensor) -> Tensor:
        calls.append(call)
        return output

    with instead_of_dropout(network, note):
        expected: Tensor = network(window)
    inputs = (window, *(torch.ones(call.shape) for call in calls))
    with warnings.catch_warnings():
        # Sizes are constants here, as traces warn. `torch.export`, which is to replace them, takes three
        # times as long.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(_WithMasks(network, calls).eval(), inputs, check_trace=False)  # type: ignore[no-untyped-call]
        model = openvino.convert_model(traced, input=[list(one.shape) for one in inputs])
    options = OPTIONS | {"INFERENCE_NUM_THREADS": torch.get_num_threads()}
    return _Translated(openvino.Core().compile_model(model, "CPU", options), calls), expected
