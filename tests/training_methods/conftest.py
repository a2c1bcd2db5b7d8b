"""Methods on a network of a few hundred weights, stepped without a trainer."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from alcseg.data.sampling import Patches
from alcseg.testing import methods as contract
from alcseg.testing.methods import banded_patches, tiny_batch
from alcseg.training_methods import Method

SMALL = {"mixsegnet": {"second_view": "same"}}
"""Settings that spare a method networks of millions of weights; its own tests train those."""


def tiny_method(name: str, **options: Any) -> Method:
    """Prepare a method by its name; it can take steps without a trainer."""
    return steppable(contract.tiny_method(name, **SMALL.get(name, {}) | options))


def steppable(method: Method) -> Method:
    """Give a prepared method `step(batch)`, with optimizers and a backward that a test may exchange."""
    method.optimizers = method.configure_optimizers()
    method.backward = Tensor.backward
    method.step = lambda batch: method.take_step(
        batch, method.optimizers, backward=lambda loss: method.backward(loss)
    )
    return method


@pytest.fixture
def small() -> dict[str, dict[str, Any]]:
    """Settings that spare a method networks of millions of weights, by its name."""
    return SMALL


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
