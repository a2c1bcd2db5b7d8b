"""A network of one trunk and two branches: alike in layout, with weights of their own."""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from alcseg.errors import ConfigError
from alcseg.networks import StridePadded
from alcseg.networks.vnet import SplitAt

__all__ = ["Splittable", "TwoBranches", "single_path"]


@runtime_checkable
class Splittable(Protocol):
    """A network that can be taken apart; `VNet` is one."""

    def split(self, at: SplitAt) -> tuple[nn.Module, nn.Module]:
        """Trunk, image to a tensor or a tuple of tensors, and branch, these to logits."""


class TwoBranches(nn.Module):
    """Two networks of one kind that share the trunk of the first.

    Which images each branch sees is said once, so that a training step is one pass: the trunk sees all images
    together, each branch its own together, and BatchNorm normalizes over just these.

    Args:
        build: Makes one network; called twice, so that the branches begin apart.
        at: Where the networks are split.
        upper_on: Which of the images given to `forward` the upper branch sees, a run of their positions.
        lower_on: Likewise for the lower branch.

    Raises:
        ConfigError: If the network cannot be split.

    Shape:
        Images `(B_i, C, X, Y, Z)`, all of one size, to logits `(B_i, K, X, Y, Z)`.
    """

    def __init__(
        self,
        build: Callable[[], nn.Module],
        at: SplitAt,
        *,
        upper_on: range = range(1),
        lower_on: range = range(1, 2),
    ) -> None:
        super().__init__()
        self.trunk, self.upper = _split(build(), at)
        _, self.lower = _split(build(), at)
        self.upper_on = upper_on
        self.lower_on = lower_on

    def forward(self, *images: Tensor) -> tuple[Tensor, ...]:
        """Return the upper branch's logits of each image in `upper_on`, then the lower's in `lower_on`."""
        sizes = [len(image) for image in images]
        features = _features(self.trunk, torch.cat(images))
        outputs: list[Tensor] = []
        for branch, seen in ((self.upper, self.upper_on), (self.lower, self.lower_on)):
            part = slice(sum(sizes[: seen.start]), sum(sizes[: seen.stop]))
            logits = _logits(branch, [feature[part] for feature in features], images[0])
            outputs += torch.split(logits, sizes[seen.start : seen.stop])
        return tuple(outputs)

    def path(self, branch: Literal["upper", "lower"]) -> nn.Module:
        """Image to logits through one branch; shares its weights with this network."""
        return _Path(self.trunk, {"upper": self.upper, "lower": self.lower}[branch])


def single_path(build: Callable[[], nn.Module], at: SplitAt) -> nn.Module:
    """A network like `TwoBranches.path`, without the other branch."""
    return _Path(*_split(build(), at))


class _Path(nn.Module):
    """Trunk and one branch."""

    def __init__(self, trunk: StridePadded, branch: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk
        self.branch = branch

    def forward(self, image: Tensor) -> Tensor:
        """Return logits of the size of `image`, `(B, K, X, Y, Z)`."""
        return _logits(self.branch, _features(self.trunk, image), image)


def _split(network: nn.Module, at: SplitAt) -> tuple[StridePadded, nn.Module]:
    """Trunk, which knows the padding, and branch."""
    inner: object = network
    strides: int | tuple[int, ...] = 1
    if isinstance(network, StridePadded):
        inner, strides = network.network, network.strides
    if not isinstance(inner, Splittable):
        raise ConfigError(
            "network.name: this method needs a network that can be split into a trunk and a branch, expected "
            f"vnet, got {type(inner).__name__}. Set network.name=vnet or choose another method."
        )
    trunk, branch = inner.split(at)
    return StridePadded(trunk, strides), branch


def _features(trunk: StridePadded, image: Tensor) -> Sequence[Tensor]:
    """What the trunk says of the padded image."""
    features: Tensor | tuple[Tensor, ...] = trunk.network(trunk.pad(image))
    return [features] if isinstance(features, Tensor) else features


def _logits(branch: nn.Module, features: Sequence[Tensor], image: Tensor) -> Tensor:
    """What a branch says of them, cut back to the size of the image."""
    x, y, z = image.shape[2:]
    logits: Tensor = branch(*features)
    return logits[:, :, :x, :y, :z]
