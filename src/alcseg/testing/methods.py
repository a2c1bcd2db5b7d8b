"""What every method promises; a test class names the method by a fixture `name`.

Methods train a network of a few hundred weights, stepped without a trainer.
"""

import copy
import inspect
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from alcseg.data.sampling import Patches
from alcseg.errors import ConfigError
from alcseg.training_methods import METHODS, Method, Task

__all__ = ["MethodContract", "TinyNetwork", "banded_patches", "tiny_batch", "tiny_method"]

SIDE = 8

Make = Callable[..., Method]
MakeBatch = Callable[..., dict[str, Patches]]


class TinyNetwork(nn.Module):
    """Two convolutions with the parts that need care: BatchNorm and dropout.

    With a reach of 0 no voxel knows of another.
    """

    def __init__(self, num_classes: int, *, dropout: float = 0.2, norm: bool = True, reach: int = 1) -> None:
        super().__init__()
        self.body = nn.Conv3d(1, 4, kernel_size=2 * reach + 1, padding=reach)
        self.norm = nn.BatchNorm3d(4) if norm else nn.Identity()
        self.dropout = nn.Dropout3d(dropout)
        self.head = nn.Conv3d(4, num_classes, kernel_size=1)

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.head(self.dropout(self.norm(self.body(image)).relu()))
        return logits

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
    reach: int = 1,
    **settings: Any,
) -> Method:
    """Prepare a method by its name."""
    method_class, fixed = METHODS[name]
    task = Task(
        build_network=lambda: TinyNetwork(classes, dropout=dropout, norm=norm, reach=reach),
        num_classes=classes,
        steps=steps,
        seed=3,
        patch=(SIDE, SIDE, SIDE),
    )
    return method_class(**fixed | settings).prepare(task).train()


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


def ignore_some(batch: dict[str, Patches], rng: np.random.Generator) -> dict[str, Patches]:
    """The batch with a third of its voxels unlabeled, whose image and label are other ones at every call."""
    incomplete = {}
    for number, (stream, patches) in enumerate(batch.items()):
        known = torch.from_numpy(np.random.default_rng(number).random(patches.label.shape) > 1 / 3)
        image, label = patches.image.clone(), patches.label.clone()
        image[:, 0][~known] = torch.from_numpy(rng.normal(0, 2, int((~known).sum())).astype(np.float32))
        label[~known] = torch.from_numpy(rng.integers(0, int(label.max()) + 1, int((~known).sum())))
        incomplete[stream] = replace(patches, image=image, label=label, known=known)
    return incomplete


def assert_same_state(one: Method, other: Method) -> None:
    first, second = one.state_dict(), other.state_dict()
    assert first.keys() == second.keys()
    for key, value in first.items():
        same = torch.equal(value, second[key]) if isinstance(value, torch.Tensor) else value == second[key]
        assert same, key


class MethodContract:
    """Terms that move weights, equal seeds that give equal steps, and a network that predicts.

    Fixtures:
        name: Of the method.
        settings: What makes it small; by default none.
    """

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {}

    @pytest.fixture
    def make_method(self, name: str, settings: dict[str, Any]) -> Make:
        """Prepare the method; options are those of `tiny_method`."""
        return partial(tiny_method, name, **settings)

    @pytest.fixture
    def make_batch(self, name: str) -> MakeBatch:
        """A batch with every stream that the method reads; options are those of `banded_patches`."""
        return partial(tiny_batch, name, np.random.default_rng(0))

    @pytest.mark.parametrize("classes", [2, 3])
    def test_each_term_is_finite_and_moves_trained_weights_alone(
        self, classes: int, make_method: Make, make_batch: MakeBatch
    ) -> None:
        batch = make_batch(classes=classes)
        terms = list(make_method(classes=classes).training_terms(batch))
        assert terms
        for term in terms:
            method = make_method(classes=classes)
            assert term in method.terms
            before = copy.deepcopy(method.state_dict())
            trained = {key for key, parameter in method.named_parameters() if parameter.requires_grad}
            value = method.training_terms(batch)[term]
            assert value.shape == ()
            assert value.dtype == torch.float32
            assert torch.isfinite(value)
            torch.autograd.backward(value)
            for optimizer in method.configure_optimizers():
                optimizer.step()
            moved = {
                key for key, parameter in method.named_parameters() if not torch.equal(parameter, before[key])
            }
            assert moved, f"{term} moves nothing"
            assert moved <= trained

    def test_weights_belong_to_terms(self, make_method: Make) -> None:
        method = make_method()
        for done in (0, 7, 20):
            method.done = done
            weights = method.term_weights()
            assert set(weights) <= set(method.terms)
            assert all(math.isfinite(value) and value >= 0 for value in weights.values())

    def test_a_batch_without_foreground_gives_finite_steps(
        self, make_method: Make, make_batch: MakeBatch
    ) -> None:
        method, batch = make_method(), make_batch(empty=True)
        optimizers = method.configure_optimizers()
        for _ in range(2):
            method.take_step(batch, optimizers)
        assert all(torch.isfinite(value) for value in method.last_terms.values())
        assert all(torch.isfinite(parameter).all() for parameter in method.parameters())

    def test_autocast_leaves_losses_in_full_precision(self, make_method: Make, make_batch: MakeBatch) -> None:
        batch = make_batch()
        plain = make_method(dropout=0.0).training_terms(batch)
        with torch.autocast("cpu", torch.bfloat16):
            cast = make_method(dropout=0.0).training_terms(batch)
        for term in plain:
            assert cast[term].dtype == torch.float32
            torch.testing.assert_close(cast[term], plain[term], rtol=0.05, atol=5e-3)

    @pytest.mark.parametrize("done", [0, 12])
    def test_a_voxel_that_nobody_labeled_enters_nothing(
        self, done: int, make_method: Make, make_batch: MakeBatch
    ) -> None:
        batch, rng = make_batch(classes=3), np.random.default_rng(1)
        methods = [make_method(classes=3, dropout=0.0, norm=False, reach=0) for _ in range(2)]
        if not methods[0].incomplete_labels:
            pytest.skip("the method refuses labels that are not complete")
        logged = []
        for method in methods:
            method.done = done
            optimizers = method.configure_optimizers()
            for _ in range(3):
                method.take_step(ignore_some(copy.deepcopy(batch), rng), optimizers)
                logged.append(method.last_terms)
        for one, other in zip(logged[:3], logged[3:], strict=True):
            assert one.keys() == other.keys()
            for name, value in one.items():
                torch.testing.assert_close(
                    value, other[name], rtol=1e-4, atol=1e-8, msg=partial("{}: {}".format, name)
                )
        for key, value in methods[0].state_dict().items():
            torch.testing.assert_close(value, methods[1].state_dict()[key], rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("done", [0, 12])
    def test_a_class_that_nobody_drew_is_not_pushed_towards_background(
        self, done: int, make_method: Make, make_batch: MakeBatch
    ) -> None:
        # Background and the class that nobody drew change places in the network: no term and, after a step,
        # no weight but those of the two may tell.
        batch = make_batch(classes=3)
        for patches in batch.values():
            patches.label[patches.label == 2] = 0
            patches.undrawn = torch.tensor([[False, False, True]]).repeat(len(patches), 1)
        plain, swapped = (make_method(classes=3, dropout=0.0, norm=False) for _ in range(2))
        if not plain.incomplete_labels:
            pytest.skip("the method refuses labels that are not complete")
        order = torch.tensor([2, 1, 0])
        heads = [part for part in swapped.modules() if getattr(part, "out_channels", 0) == 3]
        for head in heads:
            for parameter in head.parameters():
                parameter.data = parameter.data[order].clone()
        for method in (plain, swapped):
            method.done = done
            optimizers = method.configure_optimizers()
            for _ in range(2):
                method.take_step(copy.deepcopy(batch), optimizers)
        for name, value in plain.last_terms.items():
            torch.testing.assert_close(
                value,
                swapped.last_terms[name],
                rtol=1e-4,
                atol=1e-7,
                msg=partial("{}: {}".format, name),
            )
        expected = plain.state_dict()
        for key, value in swapped.state_dict().items():
            own = expected[key][order] if value.ndim and len(value) == 3 else expected[key]
            torch.testing.assert_close(value, own, rtol=1e-4, atol=1e-5)

    def test_equal_seeds_give_equal_steps(self, make_method: Make, make_batch: MakeBatch) -> None:
        batch = make_batch()
        methods = [make_method(), make_method()]
        for method in methods:
            optimizers = method.configure_optimizers()
            for _ in range(3):
                method.take_step(batch, optimizers)
            torch.rand(5)  # what else is drawn in the process must not matter
        assert_same_state(*methods)

    def test_saved_and_loaded_goes_on_as_if_nothing_had_happened(
        self, make_method: Make, make_batch: MakeBatch, tmp_path: Path
    ) -> None:
        batches = [make_batch() for _ in range(5)]
        whole, begun, resumed = (make_method() for _ in range(3))
        optimizers = whole.configure_optimizers()
        for batch in batches:
            whole.take_step(copy.deepcopy(batch), optimizers)
        optimizers = begun.configure_optimizers()
        for batch in batches[:3]:
            begun.take_step(copy.deepcopy(batch), optimizers)
        checkpoint = {
            "state_dict": begun.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in optimizers],
            "beside_weights": begun.state_beside_weights(),
        }
        torch.save(checkpoint, tmp_path / "last.ckpt")
        loaded = torch.load(tmp_path / "last.ckpt", weights_only=True)
        resumed.load_state_dict(loaded["state_dict"])
        resumed.take_up(loaded["beside_weights"])
        resumed.done = begun.done
        optimizers = resumed.configure_optimizers()
        for optimizer, state in zip(optimizers, loaded["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        for batch in batches[3:]:
            resumed.take_step(copy.deepcopy(batch), optimizers)
        assert resumed.done == 5
        assert_same_state(whole, resumed)

    def test_the_teacher_is_the_average_of_its_students(
        self, make_method: Make, make_batch: MakeBatch
    ) -> None:
        # While 1 - 1/(t + 1) stays below the decay, the average is the plain mean of all steps' students.
        method, batch = make_method(), make_batch()
        if hasattr(method.settings, "ema_decay"):  # left open, it would fit the length of the run
            method.settings = method.settings.model_copy(update={"ema_decay": 0.99})
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
        optimizers = method.configure_optimizers()
        for _ in range(4):
            method.take_step(batch, optimizers)
            students.append([parameter.detach().clone() for parameter in student.parameters()])
            buffers.append([buffer.clone() for buffer in student.buffers()])
        for own, values in zip(teacher.parameters(), zip(*students, strict=True), strict=True):
            torch.testing.assert_close(own, torch.stack(values).mean(0), rtol=1e-5, atol=1e-6)
            assert own.grad is None
        for buffer, values in zip(teacher.buffers(), zip(*buffers, strict=True), strict=True):
            copied = torch.equal(buffer, values[-1])  # counters always; statistics where the method says so
            assert copied or torch.allclose(buffer, torch.stack(values).mean(0), rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("classes", [2, 3])
    def test_a_network_built_alone_is_the_exported_one(
        self, name: str, classes: int, make_method: Make
    ) -> None:
        method = make_method(classes=classes)
        exported = method.export_networks()
        assert tuple(exported) == method.exports
        alone = METHODS[name][0](**dict(method.settings))
        alone.task = method.task
        for word, network in exported.items():
            built = alone.build_exported(word)
            assert type(built) is type(network)
            expected, found = network.state_dict(), built.state_dict()
            assert {key: value.shape for key, value in found.items()} == {
                key: value.shape for key, value in expected.items()
            }
        assert not list(alone.parameters())

    def test_its_streams_are_known(self, name: str) -> None:
        assert set(METHODS[name][0].streams) in ({"hq"}, {"hq", "lq"}, {"union"})

    def test_a_loss_that_is_not_a_number_stops_the_run(
        self, make_method: Make, make_batch: MakeBatch
    ) -> None:
        method, batch = make_method(), make_batch()
        for patches in batch.values():
            patches.image[:] = torch.nan
        with pytest.raises(ConfigError, match="step 0: expected a finite loss"):
            method.take_step(batch, method.configure_optimizers())

    @pytest.mark.parametrize("classes", [2, 3])
    def test_the_exported_network_gives_logits(
        self, classes: int, make_method: Make, make_batch: MakeBatch
    ) -> None:
        method = make_method(classes=classes)
        image = next(iter(make_batch(classes=classes).values())).image
        network = method.export_networks()["model"].eval()
        with torch.no_grad():
            logits = network(image)
            again = network(image)
        assert logits.shape == (len(image), classes, *image.shape[2:])
        assert torch.equal(logits, again)
        weights = network.state_dict()
        other = make_method(classes=classes).export_networks()["model"]
        other.load_state_dict({key: value.clone() for key, value in weights.items()})

    def test_what_the_table_and_the_pages_say_is_there(self, name: str) -> None:
        method, fixed = METHODS[name]
        assert all((method.card.paper, method.card.networks, method.card.predicts))
        assert set(fixed) <= set(method.settings_class.model_fields)
        text = inspect.getdoc(inspect.getmodule(method)) or ""
        assert "Differences from the paper" in text
        assert "Cite: " in text
