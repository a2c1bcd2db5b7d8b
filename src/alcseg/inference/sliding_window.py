"""Class probabilities of a whole volume from a network that sees patches."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from monai.inferers.utils import sliding_window_inference
from torch import Tensor

from alcseg.errors import ShapeError, UsageError

__all__ = ["LINEAGE_STRIDE", "WINDOWS", "sliding_window_average", "sliding_window_probabilities"]

WINDOWS = ("gaussian", "lineage")

LINEAGE_STRIDE = (18, 18, 4)
"""Step of the public UA-MT test code on the left atrium, in voxels."""


def sliding_window_probabilities(
    network: Callable[[Tensor], Tensor],
    image: Tensor,
    *,
    patch: Sequence[int],
    overlap: float = 0.5,
    window: str = "gaussian",
    stride: Sequence[int] | None = None,
    batch: int = 2,
    device: torch.device | str | None = None,
) -> Tensor:
    """Average the class probabilities of overlapping windows; only one batch of them is on the device.

    Probabilities are averaged, not logits: the mean of probabilities is again a distribution, and one window
    that is very sure of itself cannot outvote its neighbors.

    Args:
        network: Maps `(B, C, *patch)` to logits `(B, K, *patch)`; its mode is left as it is.
        image: `(C, X, Y, Z)`, preprocessed, on the model grid.
        patch: Window size in voxels.
        overlap: As in `sliding_window_average`.
        window: As in `sliding_window_average`.
        stride: As in `sliding_window_average`.
        batch: Windows per forward pass.
        device: Where the network runs; by default where its parameters are, else where the image is.

    Returns:
        Probabilities, float32, `(K, X, Y, Z)`, on the CPU.

    Raises:
        UsageError: If `window` is unknown, or `overlap`, `stride` or `batch` make no sense.
        ShapeError: If the image is not `(C, X, Y, Z)` or the patch does not have three sizes.
    """

    def probabilities(windows: Tensor) -> Tensor:
        return network(windows).float().softmax(dim=1)

    return sliding_window_average(
        probabilities,
        image,
        patch=patch,
        overlap=overlap,
        window=window,
        stride=stride,
        batch=batch,
        device=_device_of(network, image) if device is None else device,
    )


@torch.no_grad()
def sliding_window_average(
    function: Callable[[Tensor], Tensor],
    image: Tensor,
    *,
    patch: Sequence[int],
    overlap: float = 0.5,
    window: str = "gaussian",
    stride: Sequence[int] | None = None,
    batch: int = 2,
    device: torch.device | str,
) -> Tensor:
    """Average what a function says of overlapping windows; only one batch of them is on the device.

    A volume smaller than the patch is padded on both sides and the answer is cropped back. `gaussian` pads
    each channel with its own minimum in the volume: after z-scoring, 0 is the mean of the tissue, so a
    zero border would look like a slab of tissue, while the minimum is air in MR and CT alike. `lineage` pads
    with 0, as the code that it repeats.

    Args:
        function: Maps `(B, C, *patch)` to maps `(B, K, *patch)` that may be averaged.
        image: `(C, X, Y, Z)`, preprocessed, on the model grid.
        patch: Window size in voxels.
        overlap: Share of a window that its neighbor covers, in [0, 1); ignored where `stride` is given.
        window: `gaussian` weighs the center of a window more than its rim; `lineage` is the public UA-MT test
            code: uniform weights and the fixed `LINEAGE_STRIDE`. The last window always ends at the border.
        stride: Step between windows in voxels; by default from `overlap`, or for `lineage` 18, 18, 4,
            never above half of the patch.
        batch: Windows per call.
        device: Where the windows go.

    Returns:
        Averages, float32, `(K, X, Y, Z)`, on the CPU.

    Raises:
        UsageError: If `window` is unknown, or `overlap`, `stride` or `batch` make no sense.
        ShapeError: If the image is not `(C, X, Y, Z)` or the patch does not have three sizes.
    """
    sizes = _three(patch, "patch")
    if image.ndim != 4:
        raise ShapeError(
            f"image: expected shape (C, X, Y, Z), got {tuple(image.shape)}. Add the channel axis."
        )
    if window not in WINDOWS:
        raise UsageError(f"window: expected one of {', '.join(WINDOWS)}, got '{window}'.")
    if not 0 <= overlap < 1 or batch < 1:
        raise UsageError(f"expected overlap in [0, 1) and batch >= 1, got overlap={overlap}, batch={batch}.")
    if stride is None and window == "lineage":
        stride = [max(1, min(step, size // 2)) for step, size in zip(LINEAGE_STRIDE, sizes, strict=True)]
    overlaps = [overlap] * 3 if stride is None else _overlaps(_three(stride, "stride"), sizes)
    padded, inner = _pad_to(image.float(), sizes, window)
    averaged = sliding_window_inference(
        padded[None].cpu(),
        roi_size=sizes,
        sw_batch_size=batch,
        predictor=function,
        overlap=overlaps,
        mode="gaussian" if window == "gaussian" else "constant",
        sw_device=torch.device(device),
        device=torch.device("cpu"),
    )
    if not isinstance(averaged, Tensor):
        raise ShapeError(f"network: expected one tensor of logits, got {type(averaged).__name__}.")
    return averaged[0][(slice(None), *inner)].contiguous()


def _three(values: Sequence[int], name: str) -> tuple[int, int, int]:
    """Check that there is one positive whole number per axis."""
    if len(values) != 3 or any(int(value) != value or value < 1 for value in values):
        raise ShapeError(f"{name}: expected three positive whole numbers, got {tuple(values)}.")
    first, second, third = (int(value) for value in values)
    return first, second, third


def _overlaps(stride: Sequence[int], patch: Sequence[int]) -> list[float]:
    """Overlaps from which MONAI's `int(size * (1 - overlap))` gives back exactly `stride`.

    Half a voxel is added because 112 * (1 - (1 - 18 / 112)) may round to 17.999.
    """
    return [
        max(0.0, 1 - (min(step, size) + 0.5) / size) if step < size else 0.0
        for step, size in zip(stride, patch, strict=True)
    ]


def _device_of(network: Callable[[Tensor], Tensor], image: Tensor) -> torch.device:
    """Device of the first parameter, or of the image for a network that has none."""
    if isinstance(network, torch.nn.Module):
        for parameter in network.parameters():
            return parameter.device
    return image.device


def _pad_to(image: Tensor, patch: Sequence[int], window: str) -> tuple[Tensor, tuple[slice, ...]]:
    """Grow `(C, X, Y, Z)` to at least `patch`, evenly on both sides; also the slices of the inside."""
    missing = [max(0, size - have) for size, have in zip(patch, image.shape[1:], strict=True)]
    low = [m // 2 for m in missing]
    inner = tuple(slice(lo, lo + have) for lo, have in zip(low, image.shape[1:], strict=True))
    if not any(missing):
        return image, inner
    widths = [width for lo, m in zip(reversed(low), reversed(missing), strict=True) for width in (lo, m - lo)]
    if window == "lineage":
        return F.pad(image, widths), inner
    floor = image.amin(dim=(1, 2, 3), keepdim=True)
    return F.pad(image - floor, widths) + floor, inner
