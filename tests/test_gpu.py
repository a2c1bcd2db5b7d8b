"""What a GPU does that no CPU shows: `pytest -m gpu`, on a machine that has one."""

from pathlib import Path

import numpy as np
import pytest
import torch

import alcseg
from alcseg.correction.confident_learning import find_label_issues
from alcseg.correction.order_statistics import kth_smallest
from alcseg.data.phantoms import write_phantoms
from alcseg.data.sampling import Patches
from alcseg.records.run import RunRecord
from alcseg.testing.methods import tiny_batch, tiny_method
from alcseg.training_methods import METHODS

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device"),
]

STEPS = 40


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> alcseg.Run:
    """ALC on phantoms, with what `auto` chooses on a GPU."""
    root = tmp_path_factory.mktemp("gpu")
    write_phantoms(root / "clean", train=6, val=1, test=1)
    alcseg.corrupt(root / "clean", root / "data", hq_first=3, model="cube")
    return alcseg.train(
        root / "data",
        out=root / "run",
        method="alc",
        device="cuda",
        set=[
            "data.patch=[32,32,32]",
            "data.hq_batch=2",
            "data.lq_batch=2",
            "network.filters=4",
            "trainer.learning_rate=0.05",
            f"trainer.steps={STEPS}",
        ],
    )


def test_training_takes_bf16_and_says_what_card_it_ran_on(trained: alcseg.Run) -> None:
    """The record names device, and the losses are numbers that fall."""
    assert trained.settings.trainer.precision == "bf16"
    assert "cuda" in str(RunRecord.read(trained.path).device)
    losses = [step.loss for step in trained.metrics.steps]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


def test_a_gpu_and_a_cpu_say_the_same(trained: alcseg.Run, tmp_path: Path) -> None:
    """Labels of one image by either; single voxels at a boundary may differ."""
    data = alcseg.Dataset.open(trained.path.parent / "data")
    cases = list(data)[:1]
    labels = [
        alcseg.predict(trained, cases, out=tmp_path / device, device=device)[cases[0].case_id].label
        for device in ("cuda", "cpu")
    ]
    assert (labels[0] != labels[1]).mean() < 1e-2


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_takes_a_step(name: str) -> None:
    """In bf16, as it is trained on a GPU."""
    method = tiny_method(name).to("cuda").train()
    batch = {stream: _on_gpu(part) for stream, part in tiny_batch(name, np.random.default_rng(0)).items()}
    with torch.autocast("cuda", torch.bfloat16):
        method.take_step(batch, method.configure_optimizers())
    assert torch.isfinite(method.last_terms["loss"])


def test_confident_learning_flags_the_same_voxels() -> None:
    """A whole label at once on a GPU, in blocks on a CPU."""
    generator = torch.Generator().manual_seed(0)
    probs = torch.rand(1, 3, 40, 40, 40, generator=generator).softmax(1)
    label = torch.randint(0, 3, (1, 40, 40, 40), generator=generator)
    flagged = [find_label_issues(label.to(device), probs.to(device)).cpu() for device in ("cpu", "cuda")]
    assert flagged[0].any()
    assert torch.equal(*flagged)


def test_the_kth_smallest_value_is_the_same() -> None:
    """By sorting on a GPU, by selection on a CPU."""
    values = torch.rand(10_001, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for rank in (1, 5_000, 10_001):
        assert kth_smallest(values.cuda(), rank).item() == kth_smallest(values, rank).item()


def _on_gpu(part: Patches) -> Patches:
    for name, value in vars(part).items():
        if isinstance(value, torch.Tensor) and name != "slots":
            setattr(part, name, value.cuda())
    return part
