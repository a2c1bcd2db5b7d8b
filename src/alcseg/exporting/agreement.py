"""Is an exported network the one that was trained? Both look at one volume, window by window."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from alcseg.errors import DataError
from alcseg.inference.sliding_window import sliding_window_average
from alcseg.records.export import Agreement

__all__ = ["LARGEST_DIFFERENCE", "agrees", "measure", "require_agreement"]

LARGEST_DIFFERENCE = 1e-4
"""Of a probability, and of a logit as a share of the largest one where that is above 1."""


@torch.no_grad()
def measure(
    trained: nn.Module,
    exported: Callable[[Tensor], Tensor],
    image: Tensor,
    patch: tuple[int, int, int],
    case: str,
) -> Agreement:
    """How far two networks are apart on a volume.

    Args:
        trained: In eval mode on the CPU, to logits.
        exported: The same from the file.
        image: `(C, X, Y, Z)` on the model grid, preprocessed.
        patch: Of windows.
        case: Name of the volume.
    """
    apart, largest, classes = 0.0, 0.0, 1

    def both(windows: Tensor) -> Tensor:
        nonlocal apart, largest, classes
        expected = trained(windows)
        found = exported(windows)
        if found.shape != expected.shape:
            raise DataError(
                f"expected logits {tuple(expected.shape)} of the exported network, got {tuple(found.shape)}. "
                "A fault of the export; use the run."
            )
        classes = expected.shape[1]
        apart = max(apart, float((found - expected).abs().max()))
        largest = max(largest, float(expected.abs().max()))
        return torch.cat([expected.softmax(1), found.softmax(1)], 1)

    averages = sliding_window_average(both, image, patch=patch)
    first, second = averages[:classes], averages[classes:]
    return Agreement(
        case=case,
        logits=apart,
        largest_logit=largest,
        probabilities=float((first - second).abs().max()),
        labels_differ=int((first.argmax(0) != second.argmax(0)).sum()),
        voxels=image[0].numel(),
    )


def agrees(found: Agreement) -> bool:
    """Whether the difference is rounding alone."""
    wide = LARGEST_DIFFERENCE * max(1.0, found.largest_logit)
    return found.logits <= wide and found.probabilities <= LARGEST_DIFFERENCE


def require_agreement(found: Agreement) -> None:
    """Refuse a network that answers otherwise than the trained one.

    Raises:
        DataError: If it does.
    """
    if not agrees(found):
        raise DataError(
            f"{found.case}: expected the exported network to answer as the trained one within "
            f"{LARGEST_DIFFERENCE:g}, found logits {found.logits:.2g} apart (the largest is "
            f"{found.largest_logit:.2g}) and probabilities {found.probabilities:.2g}. Nothing was written; "
            "use the run itself, or another --to."
        )
