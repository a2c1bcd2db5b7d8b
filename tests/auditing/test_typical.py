"""A prediction that is unlike all others is found, and no other."""

import numpy as np
import pytest

from alcseg.auditing.typical import traits, unlike_the_others


def predicted(size: int, at: int = 12, sure: float = 0.95) -> np.ndarray:
    inside = np.zeros((32, 32, 32), bool)
    inside[at : at + size, 12 : 12 + size, 12 : 12 + size] = True
    foreground = np.where(inside, sure, 0.01)
    return np.stack([1 - foreground, foreground]).astype(np.float32)


@pytest.fixture
def usual() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        f"case_{number}": traits(
            predicted(int(rng.integers(8, 12)), int(rng.integers(10, 14)), rng.uniform(0.9, 0.99))
        )
        for number in range(12)
    }


def test_in_a_set_of_usual_predictions_none_is_odd(usual):
    assert unlike_the_others(usual) == frozenset()
    alike = {f"case_{number}": traits(predicted(9)) for number in range(12)}
    assert unlike_the_others(alike) == frozenset()


@pytest.mark.parametrize(
    "lost",
    [predicted(1, at=30, sure=0.55), predicted(0), predicted(2, at=0, sure=0.6)],
    ids=["a few unsure voxels in a corner", "nothing", "a little at the edge"],
)
def test_a_network_that_lost_the_organ_is_noticed(usual, lost):
    assert unlike_the_others(usual | {"lost": traits(lost)}) == {"lost"}


def test_a_large_organ_is_not_lost(usual):
    assert unlike_the_others(usual | {"large": traits(predicted(13))}) == frozenset()


def test_of_few_cases_nothing_is_usual(usual):
    few = dict(list(usual.items())[:6]) | {"lost": traits(predicted(0))}
    assert unlike_the_others(few) == frozenset()
