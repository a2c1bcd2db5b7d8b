"""What every method promises, whatever its name."""

import copy
import dataclasses
import math
from collections.abc import Callable

import pytest
import torch

from alcseg.data.sampling import Patches
from alcseg.errors import AlcsegError
from alcseg.methods import METHODS, Method, available_methods

Make = Callable[..., Method]
MakeBatch = Callable[..., dict[str, Patches]]

every_method = pytest.mark.parametrize("name", METHODS)
every_task = pytest.mark.parametrize("classes", [2, 3])


@every_method
@every_task
def test_each_term_is_finite_and_moves_trained_weights_alone(
    name: str, classes: int, make_method: Make, make_batch: MakeBatch
) -> None:
    batch = make_batch(name, classes=classes)
    terms = list(make_method(name, classes=classes).training_terms(batch))
    assert terms
    assert set(terms) <= set(METHODS[name][0].terms)
    for term in terms:
        method = make_method(name, classes=classes)
        before = copy.deepcopy(method.state_dict())
        trained = {key for key, parameter in method.named_parameters() if parameter.requires_grad}
        (optimizer,) = method.configure_optimizers()
        value = method.training_terms(batch)[term]
        assert value.shape == ()
        assert value.dtype == torch.float32
        assert torch.isfinite(value)
        value.backward()
        optimizer.step()
        moved = {
            key for key, parameter in method.named_parameters() if not torch.equal(parameter, before[key])
        }
        assert moved, f"{term} moves nothing"
        assert moved <= trained


@every_method
def test_weights_belong_to_terms(name: str, make_method: Make) -> None:
    method = make_method(name)
    for done in (0, 7, 20):
        method.done = done
        weights = method.term_weights()
        assert set(weights) <= set(method.terms)
        assert all(math.isfinite(value) and value >= 0 for value in weights.values())


@every_method
def test_a_batch_without_foreground_gives_finite_steps(
    name: str, make_method: Make, make_batch: MakeBatch
) -> None:
    method, batch = make_method(name), make_batch(name, empty=True)
    for _ in range(2):
        method.training_step(batch, 0)
    assert all(torch.isfinite(value) for value in method.last_terms.values())
    assert all(torch.isfinite(parameter).all() for parameter in method.parameters())


@every_method
def test_autocast_leaves_losses_in_full_precision(
    name: str, make_method: Make, make_batch: MakeBatch
) -> None:
    batch = make_batch(name)
    plain = make_method(name, dropout=0.0).training_terms(batch)
    with torch.autocast("cpu", torch.bfloat16):
        cast = make_method(name, dropout=0.0).training_terms(batch)
    for term in plain:
        assert cast[term].dtype == torch.float32
        torch.testing.assert_close(cast[term], plain[term], rtol=0.05, atol=5e-3)


@every_method
def test_equal_seeds_give_equal_steps(name: str, make_method: Make, make_batch: MakeBatch) -> None:
    batch = make_batch(name)
    methods = [make_method(name), make_method(name)]
    for method in methods:
        for _ in range(3):
            method.training_step(batch, 0)
        torch.rand(5)  # what else is drawn in the process must not matter
    first, second = (method.state_dict() for method in methods)
    assert all(torch.equal(first[key], second[key]) for key in first)


@every_method
def test_the_teacher_is_the_average_of_its_students(
    name: str, make_method: Make, make_batch: MakeBatch
) -> None:
    # While 1 - 1/(t + 1) stays below the decay, the average is the plain mean of the students of all steps.
    method, batch = make_method(name), make_batch(name)
    networks = method.export_networks()
    assert set(networks) <= {"model", "teacher"}
    if "teacher" not in networks:
        return
    teacher, student = networks["teacher"], networks["model"]
    assert teacher is not student
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    for own, theirs in zip(teacher.parameters(), student.parameters(), strict=True):
        assert torch.equal(own, theirs)
    students, buffers = [], []
    for _ in range(4):
        method.training_step(batch, 0)
        students.append([parameter.detach().clone() for parameter in student.parameters()])
        buffers.append([buffer.clone() for buffer in student.buffers()])
    for own, values in zip(teacher.parameters(), zip(*students, strict=True), strict=True):
        torch.testing.assert_close(own, torch.stack(values).mean(0), rtol=1e-5, atol=1e-6)
        assert own.grad is None
    for own, values in zip(teacher.buffers(), zip(*buffers, strict=True), strict=True):
        copied = torch.equal(own, values[-1])  # counters always; statistics where the method says so
        assert copied or torch.allclose(own, torch.stack(values).mean(0), rtol=1e-5, atol=1e-6)


@every_method
def test_patches_say_nothing_of_quality(name: str, make_batch: MakeBatch) -> None:
    streams = METHODS[name][0].streams
    assert set(streams) in ({"hq"}, {"hq", "lq"}, {"union"})
    for patches in make_batch(name).values():
        assert {field.name for field in dataclasses.fields(patches)} == {
            "image",
            "label",
            "case_ids",
            "slots",
        }


@every_method
def test_a_loss_that_is_not_a_number_stops_the_run(
    name: str, make_method: Make, make_batch: MakeBatch
) -> None:
    method, batch = make_method(name), make_batch(name)
    for patches in batch.values():
        patches.image[:] = torch.nan
    with pytest.raises(AlcsegError, match="step 0: expected a finite loss"):
        method.training_step(batch, 0)


def test_all_methods_are_listed_in_order() -> None:
    assert list(METHODS) == sorted(METHODS)
    assert set(METHODS) <= set(available_methods())
