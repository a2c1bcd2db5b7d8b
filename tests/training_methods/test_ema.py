"""The decay of the teacher's average."""

import pytest
from torch import nn

from alcseg.training_methods._ema import ema_decay_at, ema_update, fit_decay, make_teacher


def test_decay_warms_up_to_its_value() -> None:
    assert ema_decay_at(0, 0.99) == 0.0
    assert ema_decay_at(1, 0.99) == 0.5
    assert ema_decay_at(98, 0.99) == pytest.approx(1 - 1 / 99)
    assert ema_decay_at(99, 0.99) == 0.99
    assert ema_decay_at(5_000, 0.99) == 0.99


def test_average_has_its_closed_form_after_the_warm_up() -> None:
    # Students 1, 2, 3, 4 under a decay of at most 0.5: a = 0, 0.5, 0.5, 0.5, so the teacher is
    # 1 -> 0.5*1 + 0.5*2 = 1.5 -> 2.25 -> 3.125.
    student = nn.Linear(1, 1, bias=False)
    teacher = make_teacher(student)
    for step in range(4):
        nn.init.constant_(student.weight, step + 1)
        ema_update(teacher, student, ema_decay_at(step, 0.5))
    assert float(teacher.weight) == 3.125


@pytest.mark.parametrize(("buffers", "expected"), [("ema", 0.4), ("copy", 4.0)])
def test_statistics_are_averaged_or_copied_and_counters_copied(buffers: str, expected: float) -> None:
    # The teacher's mean starts at 0: 0.9 * 0 + 0.1 * 4 = 0.4.
    student = nn.BatchNorm3d(2)
    teacher = make_teacher(student)
    student.running_mean.fill_(4.0)
    student.num_batches_tracked.fill_(7)
    ema_update(teacher, student, 0.9, buffers=buffers)
    assert teacher.running_mean.tolist() == pytest.approx([expected, expected])
    assert int(teacher.num_batches_tracked) == 7


@pytest.mark.parametrize(
    ("asked", "steps", "decay"),
    [
        (None, 6000, 0.99),
        (None, 2000, 0.99),
        (None, 400, 0.95),
        (None, 100, 0.8),
        (None, 10, 0.0),
        (0.99, 100, 0.99),
    ],
)
def test_in_a_short_run_the_memory_is_a_twentieth_of_it_unless_it_was_set(asked, steps, decay):
    assert fit_decay(asked, steps) == pytest.approx(decay)
