"""Networks by name: `build_network("vnet", in_channels=1, num_classes=2)` gives a module of raw logits.

Every network accepts any patch: sides that its strides do not divide are padded inside and cropped back.
"""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import torch
from annotated_types import Interval, MultipleOf
from pydantic import create_model
from torch import Tensor, nn
from torch.nn import functional

from alcseg.errors import ConfigError
from alcseg.networks._batch_norm import measure_large_batches
from alcseg.networks._flat import kernel_sides, total_strides
from alcseg.networks._pointwise import quicken_pointwise
from alcseg.networks._thin_volumes import avoid_thin_volumes
from alcseg.networks.vnet import VNet
from alcseg.plugins import Registry
from alcseg.records.checked import check
from alcseg.records.settings import Settings
from alcseg.types import BelowOne, Count, Width

__all__ = ["NETWORKS", "StridePadded", "build_network", "has_flat_levels", "network_settings", "not_finite"]


_PLANNED = ("patch", "flat_levels")  # keywords of networks that the plan gives


class StridePadded(nn.Module):
    """Wraps a network so that any spatial size passes.

    Sides are padded at their upper end by repeating the border voxel up to the next multiple of `strides`,
    one for all axes or one each; the logits are cropped back. A size that fits passes untouched.
    """

    def __init__(self, network: nn.Module, strides: int | tuple[int, ...]) -> None:
        super().__init__()
        self.network = network
        self.strides = (strides,) * 3 if isinstance(strides, int) else strides

    def forward(self, image: Tensor) -> Tensor:
        """Return logits of the size of `image`, `(B, K, X, Y, Z)`."""
        x, y, z = image.shape[2:]
        logits: Tensor = self.network(self.pad(image))
        return logits[:, :, :x, :y, :z]

    def pad(self, image: Tensor) -> Tensor:
        """Return `image` with sides that the strides divide."""
        if any(isinstance(side, torch.SymInt) for side in image.shape[2:]):
            return self._pad_open_sides(image)
        missing = [-side % stride for side, stride in zip(image.shape[2:], self.strides, strict=True)]
        if not any(missing):
            return image
        padding = [amount for pad in reversed(missing) for amount in (0, pad)]
        return functional.pad(image, padding, mode="replicate")

    def _pad_open_sides(self, image: Tensor) -> Tensor:
        """The same without a branch: a graph with open sides keeps the one that it was traced with."""
        for axis, stride in zip((2, 3, 4), self.strides, strict=True):
            side = image.shape[axis]
            wanted = (side + stride - 1) // stride * stride
            image = image.index_select(axis, torch.arange(wanted, device=image.device).clamp(max=side - 1))
        return image


def _vnet(
    in_channels: int,
    num_classes: int,
    *,
    filters: Width = 16,
    dropout: BelowOne = 0.5,
    flat_levels: tuple[int, int, int] = (0, 0, 0),
) -> nn.Module:
    network = VNet(in_channels, num_classes, filters=filters, dropout=dropout, flat_levels=flat_levels)
    return StridePadded(network, network.strides)


def _unet(in_channels: int, num_classes: int, *, filters: Width = 16, dropout: BelowOne = 0.2) -> nn.Module:
    from monai.networks.nets.unet import UNet

    channels = [filters * 2**level for level in range(5)]
    network = UNet(
        spatial_dims=3,
        in_channels=in_channels,
        out_channels=num_classes,
        channels=channels,
        strides=(2, 2, 2, 2),
        num_res_units=2,
        norm="batch",
        dropout=dropout,
    )
    return StridePadded(network, 16)


def _segresnet(
    in_channels: int,
    num_classes: int,
    *,
    filters: Annotated[
        int, Interval(ge=8, le=1024), MultipleOf(8)
    ] = 16,  # normalized in groups of 8 channels
    dropout: BelowOne = 0.2,
) -> nn.Module:
    from monai.networks.nets.segresnet import SegResNet

    network = SegResNet(
        spatial_dims=3,
        init_filters=filters,
        in_channels=in_channels,
        out_channels=num_classes,
        dropout_prob=dropout,
    )
    return StridePadded(network, 8)


def _dynunet(
    in_channels: int,
    num_classes: int,
    *,
    filters: Width = 32,
    dropout: BelowOne = 0.0,
    flat_levels: tuple[int, int, int] = (0, 0, 0),
) -> nn.Module:
    from alcseg.networks._dynunet import DynUNet

    steps = kernel_sides(2, 4, flat_levels)
    network = DynUNet(
        spatial_dims=3,
        in_channels=in_channels,
        out_channels=num_classes,
        kernel_size=kernel_sides(3, 5, flat_levels),
        strides=[(1, 1, 1), *steps],
        upsample_kernel_size=steps,
        filters=[min(filters * 2**level, max(filters, 320)) for level in range(5)],
        dropout=dropout or None,
    )
    return StridePadded(network, total_strides(steps))


def _swin_unetr(
    in_channels: int,
    num_classes: int,
    *,
    filters: Annotated[int, Interval(ge=12, le=1020), MultipleOf(12)] = 24,
    dropout: BelowOne = 0.0,
    recompute: bool = False,
) -> nn.Module:
    from monai.networks.nets.swin_unetr import SwinUNETR

    network = SwinUNETR(
        in_channels=in_channels,
        out_channels=num_classes,
        feature_size=filters,
        drop_rate=dropout,
        use_checkpoint=recompute,
    )
    return StridePadded(network, 32)


def _unetr(
    in_channels: int,
    num_classes: int,
    *,
    filters: Width = 16,
    dropout: BelowOne = 0.0,
    patch: tuple[int, int, int] = (96, 96, 96),
    hidden_size: Annotated[int, Interval(ge=1, le=16384)] = 768,
    mlp_dim: Annotated[int, Interval(ge=1, le=65536)] = 3072,
    num_heads: Count = 12,
) -> nn.Module:
    from monai.networks.nets.unetr import UNETR

    if hidden_size % num_heads:
        raise ConfigError(
            f"network 'unetr': expected num_heads to divide hidden_size, got {num_heads} and {hidden_size}. "
            "Change one of the two."
        )
    network = UNETR(
        in_channels=in_channels,
        out_channels=num_classes,
        img_size=tuple(side + -side % 16 for side in patch),
        feature_size=filters,
        hidden_size=hidden_size,
        mlp_dim=mlp_dim,
        num_heads=num_heads,
        dropout_rate=dropout,
    )
    for name, parameter in network.named_parameters():
        if "cross_attn" in name:  # built by MONAI and never used; DDP waits for gradients of what is trained
            parameter.requires_grad_(False)
    return StridePadded(network, 16)


NETWORKS: Registry[Callable[..., nn.Module]] = Registry(
    "network",
    {
        "dynunet": _dynunet,
        "segresnet": _segresnet,
        "swin_unetr": _swin_unetr,
        "unet": _unet,
        "unetr": _unetr,
        "vnet": _vnet,
    },
    group="alcseg.networks",
    wanted="a function of the channels and classes that returns a network",
    accept=lambda found: found if callable(found) else None,
)


def not_finite(network: nn.Module) -> str:
    """Name of the first weight or buffer that holds nan or infinity; empty if there is none."""
    return next((name for name, value in network.state_dict().items() if not value.isfinite().all()), "")


def has_flat_levels(name: str) -> bool:
    """Whether a network, a key of `NETWORKS`, can leave an axis of thick voxels alone."""
    return "flat_levels" in inspect.signature(NETWORKS[name]).parameters


def network_settings(name: str) -> type[Settings]:
    """What can be set of a network by `network.<key>`: the keywords of the function that builds it.

    Its `patch` and `flat_levels` are none of them: they come from the plan.

    Args:
        name: A key of `NETWORKS`.

    Raises:
        ConfigError: If the name is unknown.
    """
    build = NETWORKS[name]
    try:
        signature = inspect.signature(build, eval_str=True)
    except NameError:  # annotations that only a type checker sees
        signature = inspect.signature(build)
    _, _, *keywords = signature.parameters.values()
    fields: dict[str, Any] = {}
    extra = "forbid"
    for keyword in keywords:
        if keyword.kind is keyword.VAR_KEYWORD:
            extra = "allow"
        elif keyword.name not in _PLANNED:
            unknown = keyword.annotation is keyword.empty or isinstance(keyword.annotation, str)
            kind = Any if unknown else keyword.annotation
            default = ... if keyword.default is keyword.empty else keyword.default
            fields[keyword.name] = (kind, default)
    base = type("_Base", (Settings,), {"__doc__": f"Of the network '{name}'."}, extra=extra)
    return create_model(f"{name}_settings", __base__=base, **fields)


def build_network(
    name: str,
    *,
    in_channels: int,
    num_classes: int,
    patch: tuple[int, int, int] | None = None,
    flat_levels: tuple[int, int, int] = (0, 0, 0),
    **settings: Any,
) -> nn.Module:
    """Build a segmentation network.

    Args:
        name: A key of `NETWORKS`.
        in_channels: Channels of the image.
        num_classes: Classes, background counted.
        patch: Side lengths of what it will see, for networks that have to know, such as `unetr` with its
            position table of a fixed size; the others do without.
        flat_levels: For each axis, in how many of its first levels the network leaves it alone; passed on to
            networks that have them, see `has_flat_levels`.
        settings: Of `network_settings(name)`; what is left out has the network's own default.

    Returns:
        A module `(B, in_channels, X, Y, Z)` to raw logits `(B, num_classes, X, Y, Z)`.

    Raises:
        ConfigError: If the name or a setting is unknown, or has a value that the network cannot take.
    """
    build = NETWORKS[name]
    known = check(network_settings(name), settings, f"network '{name}'", f"network '{name}', ")
    chosen = {key: value for key, value in known if key in settings}
    planned = {} if patch is None else {"patch": patch}
    planned |= {"flat_levels": flat_levels} if any(flat_levels) else {}
    chosen |= {key: value for key, value in planned.items() if key in inspect.signature(build).parameters}
    network = build(in_channels, num_classes, **chosen)
    return measure_large_batches(avoid_thin_volumes(quicken_pointwise(network)))
