"""A training step of ALC: the lineage's loop."""

import copy
from functools import partial

import torch
from lineage import lineage_step
from race import Growth, Race

from alcseg.data.sampling import Patches
from alcseg.inference.bf16 import prefers_bf16
from alcseg.networks import build_network
from alcseg.networks.vnet import VNet
from alcseg.training_methods import Method, Task
from alcseg.training_methods.alc import ALC
from alcseg.training_methods.base import seed_of

STEPS = 1000
NEAR = 1e-5
NEAR_BF16 = 0.01  # of losses of about 1; bfloat16 has three digits


def paths() -> list[Race]:
    """Network of the preset `hippocampus`, 2 + 4 patches, four passes; in bfloat16 where it is faster."""
    what = "3 classes, 8 filters, patches of 48x48x32"
    single = partial(_race, what, (48, 48, 32), 3, filters=8, dropout=0.1)
    return [single(), single(half=True)] if prefers_bf16(torch.device("cpu")) else [single()]


def growths() -> list[Growth]:
    """Against the side of a patch, the number of passes, and the batch."""

    def side(length: int):
        return alc_step((length,) * 3)

    def passes(count: int):
        return alc_step((32, 32, 32), passes=count)

    def batch(count: int):
        return alc_step((32, 32, 32), lq=count)

    return [
        Growth("ALC training step, 8 filters", "side of the patches", (16, 32, 48), side, 3, 0),
        Growth("ALC training step, 32³", "passes of the teacher", (1, 2, 4, 8), passes, 0.6, 0),
        Growth("ALC training step, 32³", "LQ patches", (4, 8, 16), batch, 0.9, 0),
    ]


def method_for(patch, classes, *, filters=8, dropout=0.1, passes=4) -> Method:
    """ALC in the middle of a run."""

    def build():
        return build_network("vnet", in_channels=1, num_classes=classes, filters=filters, dropout=dropout)

    method = ALC(passes=passes)
    method.prepare(Task(build_network=build, num_classes=classes, steps=STEPS, seed=0, patch=patch))
    method.done = STEPS // 2
    return method.train()


def patches(patch, classes, count: int, seed: int) -> Patches:
    """Boxes in noise, one class beside the other."""
    generator = torch.Generator().manual_seed(seed)
    label = torch.zeros(count, *patch, dtype=torch.long)
    x, y, z = (slice(side // 4, 3 * side // 4) for side in patch)
    label[:, x, y, z] = torch.arange(1, classes).repeat_interleave(-(-patch[2] // 2 // (classes - 1)))[
        : patch[2] // 2
    ]
    image = label[:, None] + torch.randn(count, 1, *patch, generator=generator)
    return Patches(image, label, [str(index) for index in range(count)], torch.arange(count))


def alc_step(patch, classes=3, *, hq=2, lq=4, passes=4, half=False, **network):
    """A call that takes a step of ALC."""
    method = method_for(patch, classes, passes=passes, **network)
    optimizers = method.configure_optimizers()
    batch = {"hq": patches(patch, classes, hq, 0), "lq": patches(patch, classes, lq, 1)}

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            method.take_step(batch, optimizers)

    return step


def _race(what, patch, classes, *, filters, dropout, half=False) -> Race:
    method = method_for(patch, classes, filters=filters, dropout=dropout)
    optimizers = method.configure_optimizers()
    batch = {"hq": patches(patch, classes, 2, 0), "lq": patches(patch, classes, 4, 1)}

    student = VNet(1, classes, filters=filters, dropout=dropout)
    student.load_state_dict(method.student.network.state_dict())
    teacher = copy.deepcopy(student).requires_grad_(False)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    hq, lq = (tuple(each.clone() for each in (batch[name].image, batch[name].label)) for name in ("hq", "lq"))
    ramp = method.term_weights()["con"]
    # The first step sees the noise and the dropout of ours, so that losses can be compared.
    first = [method.input_noise(batch["lq"], f"pass-{t}", std=0.1, clip=0.2).contiguous() for t in range(4)]
    seed = seed_of(0, "dropout", method.done, 0)

    def draw(number: int):
        if first[number] is not None:
            given, first[number] = first[number], None
            return given
        return torch.clamp(torch.randn_like(lq[0]) * 0.1, -0.2, 0.2)

    def ours() -> float:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            method.take_step(batch, optimizers)
        return float(method.last_terms["loss"])

    def theirs() -> float:
        torch.manual_seed(seed)
        return lineage_step(student, teacher, optimizer, hq, lq, ramp, [partial(draw, t) for t in range(4)])

    near, asked, words = (NEAR_BF16, 5, "ours in bfloat16: ") if half else (NEAR, 1.5, "")
    task = f"2 + 4 patches, T = 4: {words}{what}"
    return Race(task, "the lineage's loop", ours, theirs, partial(_agree, near), asked)


def _agree(near: float, ours: float, theirs: float) -> str:
    if abs(ours - theirs) > near:
        raise AssertionError(f"losses {ours:.7f} and {theirs:.7f}")
    return f"the same loss to {near:g}"
