"""What the tests of single models share."""

from collections.abc import Callable

import numpy as np
import pytest

from alcseg.noise import NoiseContext


@pytest.fixture
def context() -> Callable[..., NoiseContext]:
    """Circumstances of one call of a model: `context(20, spacing=(1.0, 1.0, 2.0), seed=3)`."""

    def make(size: float = 0.0, *, seed: int = 0, **given: object) -> NoiseContext:
        circumstances: dict[str, object] = {
            "spacing": (1.0, 1.0, 1.0),
            "background": 0,
            "rng": np.random.default_rng(seed),
            "unit": "percent",
            "operation": "dilate",
            "keep_nonempty": False,
            "others": None,
        }
        return NoiseContext(size=size, **(circumstances | given))

    return make
