"""What every method promises, whatever its name."""

import copy
import dataclasses
import inspect
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from alcseg.data.sampling import Patches
from alcseg.errors import AlcsegError
from alcseg.methods import METHODS, Method, available_methods

Make = Callable[..., Method]
MakeBatch = Callable[..., dict[str, Patches]]


def optimizers_of(method: Method) -> list[torch.optim.Optimizer]:
    found = method.optimizers()
    return found if isinstance(found, list) else [found]


def assert_same_state(one: Method, other: Method) -> None:
    first, second = one.state_dict(), other.state_dict()
    assert first.keys() == second.keys()
    for key, value in first.items():
        same = torch.equal(value, second[key]) if isinstance(value, torch.Tensor) else value == second[key]
        assert same, key


every_method = pytest.mark.parametrize("name", METHODS.builtin)
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
        value = method.training_terms(batch)[term]
        assert value.shape == ()
        assert value.dtype == torch.float32
        assert torch.isfinite(value)
        value.backward()
        for optimizer in method.configure_optimizers():
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
    assert_same_state(*methods)


@every_method
def test_saved_and_loaded_goes_on_as_if_nothing_had_happened(
    name: str, make_method: Make, make_batch: MakeBatch, tmp_path: Path
) -> None:
    batches = [make_batch(name) for _ in range(5)]
    whole, begun, resumed = (make_method(name) for _ in range(3))
    for batch in batches:
        whole.training_step(copy.deepcopy(batch), 0)
    for batch in batches[:3]:
        begun.training_step(copy.deepcopy(batch), 0)
    checkpoint = {
        "state_dict": begun.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers_of(begun)],
        "loops": {},
    }
    begun.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, tmp_path / "last.ckpt")
    loaded = torch.load(tmp_path / "last.ckpt", weights_only=True)
    resumed.on_load_checkpoint(loaded)
    resumed.load_state_dict(loaded["state_dict"])
    for optimizer, state in zip(optimizers_of(resumed), loaded["optimizers"], strict=True):
        optimizer.load_state_dict(state)
    for batch in batches[3:]:
        resumed.training_step(copy.deepcopy(batch), 0)
    assert resumed.done == 5
    assert_same_state(whole, resumed)


@every_method
def test_the_teacher_is_the_average_of_its_students(
    name: str, make_method: Make, make_batch: MakeBatch
) -> None:
    # While 1 - 1/(t + 1) stays below the decay, the average is the plain mean of the students of all steps.
    method, batch = make_method(name), make_batch(name)
    networks = method.export_networks()
    assert "model" in networks
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
            "distance",  # of the given label alone
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


@every_method
@every_task
def test_the_exported_network_gives_logits(
    name: str, classes: int, make_method: Make, make_batch: MakeBatch
) -> None:
    method = make_method(name, classes=classes)
    image = next(iter(make_batch(name, classes=classes).values())).image
    network = method.export_networks()["model"].eval()
    with torch.no_grad():
        logits = network(image)
        again = network(image)
    assert logits.shape == (len(image), classes, *image.shape[2:])
    assert torch.equal(logits, again)
    weights = network.state_dict()
    other = make_method(name, classes=classes).export_networks()["model"]
    other.load_state_dict({key: value.clone() for key, value in weights.items()})


@every_method
def test_what_the_table_and_the_pages_say_is_there(name: str) -> None:
    method, fixed = METHODS[name]
    assert all((method.card.paper, method.card.networks, method.card.predicts))
    assert set(fixed) <= set(inspect.signature(method).parameters)
    text = inspect.getdoc(inspect.getmodule(method)) or ""
    assert "Differences from the paper" in text
    assert "Cite: " in text


def test_all_methods_are_listed_in_order() -> None:
    assert list(METHODS) == sorted(METHODS)
    assert set(METHODS) <= set(available_methods())
