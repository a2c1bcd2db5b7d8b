"""Methods on a network of a few hundred weights, stepped without a trainer."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from alcseg.data.sampling import Patches
from alcseg.methods import METHODS, Method, Task

SIDE = 8

SMALL = {"mixsegnet": {"second_view": "same"}}
"""Settings that spare a method networks of millions of weights; its own tests train those."""


class TinyNetwork(nn.Module):
    """Two convolutions with the parts that need care: BatchNorm and dropout."""

    def __init__(self, num_classes: int, *, dropout: float = 0.2, norm: bool = True) -> None:
        super().__init__()
        self.body = nn.Conv3d(1, 4, kernel_size=3, padding=1)
        self.norm = nn.BatchNorm3d(4) if norm else nn.Identity()
        self.dropout = nn.Dropout3d(dropout)
        self.head = nn.Conv3d(4, num_classes, kernel_size=1)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.dropout(self.norm(self.body(image)).relu()))

    def split(self, at: str) -> tuple[nn.Module, nn.Module]:
        trunk = nn.Sequential(self.body, self.norm, nn.ReLU())
        return trunk, nn.Sequential(self.dropout, self.head)


def tiny_method(
    name: str,
    *,
    classes: int = 2,
    steps: int = 20,
    dropout: float = 0.2,
    norm: bool = True,
    **settings: Any,
) -> Method:
    """Prepare a method by its name; it can take steps without a trainer."""
    method_class, fixed = METHODS[name]
    task = Task(
        build_network=lambda: TinyNetwork(classes, dropout=dropout, norm=norm),
        num_classes=classes,
        steps=steps,
        seed=3,
        patch=(SIDE, SIDE, SIDE),
    )
    method = method_class(**fixed | SMALL.get(name, {}) | settings).prepare(task).train()
    optimizers = method.configure_optimizers()
    method.optimizers = lambda: optimizers
    method.manual_backward = lambda loss: loss.backward()
    return method


def banded_patches(count: int, rng: np.random.Generator, *, classes: int = 2, empty: bool = False) -> Patches:
    """Patches whose classes are intensity bands."""
    image = rng.normal(0, 1, (count, 1, SIDE, SIDE, SIDE)).astype(np.float32)
    edges = [0.4, 1.2][: classes - 1]
    label = np.zeros_like(image, np.int64) if empty else np.digitize(image, edges)
    return Patches(
        torch.from_numpy(image),
        torch.from_numpy(label[:, 0]),
        [f"case_{index}" for index in range(count)],
        torch.arange(count),
    )


def tiny_batch(
    name: str, rng: np.random.Generator, *, hq: int = 2, lq: int = 4, **options: Any
) -> dict[str, Patches]:
    """A batch with every stream that a method reads."""
    sizes = {"hq": hq, "lq": lq, "union": hq + lq}
    return {stream: banded_patches(sizes[stream], rng, **options) for stream in METHODS[name][0].streams}


@pytest.fixture
def make_method() -> Callable[..., Method]:
    """Prepare a method by its name; it can take steps without a trainer."""
    return tiny_method


@pytest.fixture
def make_patches(rng: np.random.Generator) -> Callable[..., Patches]:
    """Patches whose classes are intensity bands."""
    return partial(banded_patches, rng=rng)


@pytest.fixture
def make_batch(rng: np.random.Generator) -> Callable[..., dict[str, Patches]]:
    """A batch with every stream that a method reads."""
    return partial(tiny_batch, rng=rng)
