"""Algorithm 1 of the documentation against a step of the code: the same calls, in order, on the same values.

The numbered lines are read from the page and run as Python. The functions that they call compute nothing:
each takes the next call off the trace of a real step, compares name and arguments, and gives its result.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from alcseg.data.sampling import Patches
from alcseg.training_methods import Method, alc
from alcseg.training_methods._ema import fit_decay

PAGE = Path(__file__).parents[2] / "docs/explanation/alc.md"
STEP = 5  # some way into the run: at step 0 the decay is 0 and the networks are equal
OF_MODULE = (
    "refine",
    "patch_uncertainty",
    "least_uncertain",
    "segmentation_loss",
    "consistency_loss",
    "ema_decay_at",
    "ema_update",
)
OF_METHOD = ("input_noise", "ramp", "learning_rate_factor")
Trace = list[tuple[str, tuple[Any, ...], Any]]


def read_algorithm() -> str:
    """The numbered lines of the page as Python."""
    lines = re.findall(r"^ ?\d+  (.+?)\s*(?:#.*)?$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    code = "\n".join(lines)
    for ours, pythons in (("←", "="), ("·", "*"), ("1 … T", "passes")):
        code = code.replace(ours, pythons)
    return code


@pytest.fixture
def record(
    make_method, make_batch, monkeypatch
) -> Callable[..., tuple[Method, Mapping[str, Patches], Trace]]:
    """Take one step of ALC and note its calls as name, positional arguments and result."""

    def run(**settings: Any) -> tuple[Method, Mapping[str, Patches], Trace]:
        method, batch, trace = make_method("alc", **settings), make_batch("alc"), []
        batch["lq"].label = 1 - batch["lq"].label  # noisy labels that no network could have predicted
        nn.init.normal_(method.student.head.weight)
        method.done = STEP

        def noted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **options: Any) -> Any:
                result = function(*args, **options)
                trace.append((name, args[:1] if name == "input_noise" else args, result))
                return result

            return call

        for name in OF_MODULE:
            monkeypatch.setattr(alc, name, noted(name, getattr(alc, name)))
        for name in OF_METHOD:
            setattr(method, name, noted(name, getattr(method, name)))
        method.backward = noted("backward", method.backward)
        for name in ("student", "teacher"):
            getattr(method, name).register_forward_hook(
                lambda _, args, output, name=name: trace.append((name, args, output.clone()))
            )
        optimizer = method.optimizers[0]
        optimizer.register_step_pre_hook(
            lambda own, *_: trace.append(("optimizer_step", (own.param_groups[0]["lr"],), None))
        )
        method.step(batch)
        return method, batch, trace

    return run


def replay(code: str, method: Method, batch: Mapping[str, Patches], trace: Trace) -> None:
    """Run the lines against the trace.

    Raises:
        AssertionError: If a call is not the next one, an argument is another, or a call is left over.
    """
    left = iter(trace)
    names = {name for name, _, _ in trace}
    p: dict[int, Tensor] = {}
    scope: dict[str, Any] = dict(method.settings)
    scope["ema_decay"] = fit_decay(method.settings.ema_decay, method.task.steps)
    scope |= {name: Replayed(name, left, method) for name in names}
    scope |= {
        "hq": batch["hq"],
        "lq": batch["lq"],
        "p": p,
        "passes": range(1, method.settings.passes + 1),
        "step": STEP,
        "learning_rate": method.task.learning_rate,
        "log_softmax": lambda logits: logits.log_softmax(1),
        "cat": lambda *tensors: torch.cat(tensors),
        "split": lambda z: (z[: len(batch["hq"])], z[len(batch["hq"]) :]),
        "variance": lambda p: torch.stack([each.exp() for each in p.values()]).var(0, correction=0).mean(),
    }
    exec(code, scope)
    assert [name for name, _, _ in left] == []


class Replayed:
    """Stands for a function or a network in the lines."""

    def __init__(self, name: str, left: Iterator[tuple[str, tuple[Any, ...], Any]], method: Method) -> None:
        self.name, self.left, self.method = name, left, method

    def __call__(self, *args: Any) -> Any:
        name, real, result = next(self.left, ("nothing", args, None))
        assert self.name == name
        assert len(args) == len(real)
        assert [number for number, said in enumerate(args) if not same(said, real[number])] == [], name
        return result


def same(said: Any, done: Any) -> bool:
    """Whether the value of a line is that of the code."""
    if isinstance(said, Replayed):
        return done is getattr(said.method, said.name)
    if isinstance(said, dict):
        return len(said) == len(done) and all(map(same, said.values(), done))
    if isinstance(said, Tensor) and isinstance(done, Tensor):
        return said.shape == done.shape and torch.allclose(said, done, rtol=1e-4, atol=1e-6)
    return said is done or said == pytest.approx(done)


def test_a_step_is_algorithm_1(record) -> None:
    method, batch, trace = record(passes=3)
    replay(read_algorithm(), method, batch, trace)
    assert [name for name, _, _ in trace].count("teacher") == 3
    assert not any(output.requires_grad for name, _, output in trace if name == "teacher")


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ("U ← patch_uncertainty(refined)", "U ← patch_uncertainty(hq)"),
        ("S, R ← least", "R, S ← least"),
        ("cat(x_H, x_L)", "cat(x_L, x_H)"),
        ("(z_L[R], y_L[R])", "(z_L[R], refined.label[R])"),
        ("(z_L, refined.mean)", "(z_L, refined.fused)"),
        ("alpha * lq + beta * noisy", "beta * lq + alpha * noisy"),
        ("(alpha * lq + beta * noisy + con)", "(alpha * lq + beta * noisy) + con"),
        ("ema_update(teacher, student, a)", "ema_update(student, teacher, a)"),
        ("optimizer_step(lr)\na = ema_decay_at(step, ema_decay)", "a = ema_decay_at(step, ema_decay)"),
        ("a = ema_decay_at(step, ema_decay)", "a = ema_decay_at(step + 1, ema_decay)"),
        ("\nema_update(teacher, student, a)", ""),
        ("for t in passes", "for t in passes[1:]"),
    ],
)
def test_another_algorithm_is_told(line: str, changed: str, record) -> None:
    code = read_algorithm()
    line, changed = line.replace("←", "="), changed.replace("←", "=")
    assert code.count(line) == 1
    with pytest.raises(AssertionError):
        replay(code.replace(line, changed), *record())


@pytest.mark.parametrize(
    "settings",
    [
        {"total": "outside"},
        {"total": "crossfade"},
        {"lq_norm": "batch", "select_fraction": 0.25},
        {"consistency_on": "all"},
        {"consistency_loss": "kl"},
        {"label_refinement": False, "without_refinement": "given"},
        {"label_refinement": False, "without_refinement": "single"},
        {"refined_target": "soft"},
    ],
)
def test_another_step_is_told(settings: dict[str, Any], record) -> None:
    with pytest.raises(AssertionError):
        replay(read_algorithm(), *record(**settings))
