"""Class probabilities of a whole volume from a network that sees patches."""

from collections.abc import Callable, Sequence
from typing import get_args

import numpy as np
import torch
from monai.inferers.utils import sliding_window_inference
from torch import Tensor

from alcseg.data.padding import lowest, missing, pad
from alcseg.errors import DataError, ShapeError, UsageError
from alcseg.types import Window

__all__ = ["LINEAGE_STRIDE", "require_window", "sliding_window_average", "sliding_window_probabilities"]

_WINDOWS: tuple[Window, ...] = get_args(Window)

LINEAGE_STRIDE = (18, 18, 4)
"""Step of the public UA-MT test code on the left atrium, in voxels."""

_OVERLAP = 0.5  # share of a `gaussian` window that its neighbor covers


def sliding_window_probabilities(
    network: Callable[[Tensor], Tensor],
    image: Tensor,
    *,
    patch: Sequence[int],
    window: Window = "gaussian",
    batch: int = 2,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Average the class probabilities of overlapping windows; only one batch of them is on the device.

    Probabilities are averaged, not logits: the mean of probabilities is again a distribution, and one window
    that is very sure of itself cannot outvote its neighbors.

    Args:
        network: Maps `(B, C, *patch)` to logits `(B, K, *patch)`; its mode is left as it is.
        image: `(C, X, Y, Z)`, preprocessed, on the model grid.
        patch: Window size in voxels.
        window: As in `sliding_window_average`.
        batch: Windows per forward pass.
        device: Where the network is.

    Returns:
        Probabilities, float32, `(K, X, Y, Z)`, on the CPU.

    Raises:
        UsageError: If `window` is unknown.
        ShapeError: If the image is not `(C, X, Y, Z)` or the patch does not have three sizes.
    """

    def probabilities(windows: Tensor) -> Tensor:
        return network(windows).float().softmax(dim=1)

    return sliding_window_average(
        probabilities, image, patch=patch, window=window, batch=batch, device=device
    )


@torch.no_grad()
def sliding_window_average(
    function: Callable[[Tensor], Tensor],
    image: Tensor,
    *,
    patch: Sequence[int],
    window: Window = "gaussian",
    batch: int = 2,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Average what a function says of overlapping windows; only one batch of them is on the device.

    A volume smaller than the patch is padded on both sides and the answer is cropped back. `gaussian` pads
    as trainings do, see `alcseg.data.padding`; `lineage` pads with 0, as the code that it repeats.

    Args:
        function: Maps `(B, C, *patch)` to maps `(B, K, *patch)` that may be averaged.
        image: `(C, X, Y, Z)`, preprocessed, on the model grid.
        patch: Window size in voxels.
        window: `gaussian` steps by half of the patch and weighs the center of a window more than its rim;
            `lineage` is the public UA-MT test code: uniform weights and steps of 18, 18 and 4 voxels, never
            above half of the patch. The last window always ends at the border.
        batch: Windows per call.
        device: Where the windows go.

    Returns:
        Averages, float32, `(K, X, Y, Z)`, on the CPU.

    Raises:
        UsageError: If `window` is unknown.
        ShapeError: If the image is not `(C, X, Y, Z)` or the patch does not have three sizes.
        DataError: If an average is not finite.
    """
    if len(patch) != 3 or any(int(size) != size or size < 1 for size in patch):
        raise ShapeError(f"patch: expected three positive whole numbers, got {tuple(patch)}.")
    if image.ndim != 4:
        raise ShapeError(
            f"image: expected shape (C, X, Y, Z), got {tuple(image.shape)}. Add the channel axis."
        )
    require_window(window)
    lineage = window == "lineage"
    sizes = [int(size) for size in patch]
    padded, inner = _padded(image, sizes, with_zeros=lineage)
    averaged = sliding_window_inference(
        padded[None],
        roi_size=sizes,
        sw_batch_size=batch,
        predictor=function,
        overlap=_overlaps(_lineage_steps(sizes), sizes) if lineage else [_OVERLAP] * 3,
        mode="constant" if lineage else "gaussian",
        sw_device=torch.device(device),
        device=torch.device("cpu"),
    )
    if not isinstance(averaged, Tensor):
        raise ShapeError(f"network: expected one tensor of logits, got {type(averaged).__name__}.")
    answer = averaged[0][(slice(None), *inner)].contiguous()
    # Class by class: `isfinite` takes one and a half times the memory of what it looks at.
    wrong = answer.numel() - sum(int(plane.isfinite().sum()) for plane in answer)
    if wrong:
        raise DataError(
            f"expected finite answers of the network, got nan or infinity in {wrong} of {answer.numel()}. "
            "Its training diverged, or the intensities are far from all that it was trained on; look at both."
        )
    return answer


def _lineage_steps(patch: Sequence[int]) -> list[int]:
    """Voxels from one window to the next."""
    return [max(1, min(step, size // 2)) for step, size in zip(LINEAGE_STRIDE, patch, strict=True)]


def _overlaps(steps: Sequence[int], patch: Sequence[int]) -> list[float]:
    """Overlaps from which MONAI's `int(size * (1 - overlap))` gives back exactly `steps`.

    Half a voxel is added because 112 * (1 - (1 - 18 / 112)) may round to 17.999.
    """
    return [max(0.0, 1 - (step + 0.5) / size) for step, size in zip(steps, patch, strict=True)]


def _padded(image: Tensor, patch: Sequence[int], *, with_zeros: bool) -> tuple[Tensor, tuple[slice, ...]]:
    """Grow `(C, X, Y, Z)` to at least `patch`; also the slices of the inside."""
    array = image.float().cpu().numpy()
    margins = missing(array.shape[1:], patch)
    values = np.zeros(len(array), array.dtype) if with_zeros else lowest(array)
    inner = tuple(slice(low, low + have) for (low, _), have in zip(margins, array.shape[1:], strict=True))
    return torch.from_numpy(pad(array, margins, values)), inner


def require_window(window: str) -> None:
    """Refuse a sliding window that there is not.

    Raises:
        UsageError: Naming those that there are.
    """
    if window not in _WINDOWS:
        raise UsageError(f"--window: expected one of {', '.join(_WINDOWS)}, got '{window}'.")
