"""What a training will cost, from one pass and by arithmetic."""

import pytest
import torch
from torch import Tensor, nn

from alcseg.training.cases import blank_batch
from alcseg.training.estimate import Measured, measure
from alcseg.training_methods import Task
from alcseg.training_methods.supervised import HSup

GIB = 2**30


@pytest.mark.parametrize(
    ("share", "steps", "seconds", "hours", "memory"),
    [
        (1.0, 1800, 2.0, 1.0, 10 + 2 * 3 + 4),
        (3.0, 1800, 6.0, 3.0, 10 + 2 * 3 + 3 * 4),  # three times the patches: weights stay, activations grow
        (1.0, 3600, 2.0, 2.0, 10 + 2 * 3 + 4),
    ],
)
def test_a_pass_is_scaled_to_the_run(
    share: float, steps: int, seconds: float, hours: float, memory: float
) -> None:
    # 3 GiB of the 7 that are saved are the trained weights themselves.
    found = Measured(seconds=2.0, weights=10 * GIB, trained=3 * GIB, saved=7 * GIB).scaled(share, steps)
    assert found.seconds_per_step == seconds
    assert found.hours == hours
    assert found.memory_gib == memory


def test_saved_values_are_never_less_than_nothing() -> None:
    assert Measured(1.0, 4 * GIB, 2 * GIB, GIB).scaled(8.0, 1).memory_gib == 4 + 2 * 2


class Squared(nn.Module):
    """One weight that is trained and one that is not; the backward pass needs what is multiplied."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.fixed = nn.Parameter(torch.ones(3), requires_grad=False)

    def forward(self, image: Tensor) -> Tensor:
        return (image * self.weight).expand(-1, 2, -1, -1, -1)


def test_a_pass_is_measured() -> None:
    task = Task(build_network=Squared, num_classes=2, steps=2, seed=0, patch=(4, 4, 4))
    method = HSup().prepare(task).train()
    one = measure(method, blank_batch(task, {"hq": 1}))
    two = measure(method, blank_batch(task, {"hq": 2}))
    assert one.seconds > 0
    assert one.weights == 4 * 4
    assert one.trained == 4
    # Everything that is saved but the weight grows with the number of patches.
    assert two.saved - one.saved >= 4 * 4**3
    assert one.saved > one.trained
