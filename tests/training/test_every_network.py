"""Every network by its name: trained, averaged, stopped, resumed, and its weights read again."""

import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import torch

from alcseg.config import resolve
from alcseg.data.folder import Dataset
from alcseg.inference.load import load_networks
from alcseg.networks import NETWORKS
from alcseg.run import Run
from alcseg.training.fit import fit

SMALLEST = {
    "segresnet": ("network.filters=8",),
    "swin_unetr": ("network.filters=12", "data.patch=[16,16,64]"),  # several voxels where it is coarsest
    "unetr": ("network.filters=2", "network.hidden_size=12", "network.mlp_dim=16", "network.num_heads=3"),
}


SLOW = {"swin_unetr": pytest.mark.slow}  # its smallest patch is 32 x 32 x 64 voxels


@pytest.mark.parametrize(
    "network", [pytest.param(name, marks=SLOW.get(name, ())) for name in NETWORKS.builtin]
)
def test_a_stopped_training_goes_on_to_the_same_weights(
    network: str,
    dataset: Dataset,
    tiny_settings: tuple[str, ...],
    tmp_path: Path,
    interrupted: Callable[..., AbstractContextManager[None]],
    read_rows: Callable[[Path], list[dict[str, Any]]],
) -> None:
    own = SMALLEST.get(network, ("network.filters=2",))
    settings = resolve(
        "mean_teacher",
        assignments=(
            *tiny_settings,
            *("data.patch=[16,16,32]", "data.hq_batch=1", "data.lq_batch=1"),
            *("trainer.steps=2", "trainer.validate_every=0", f"network.name={network}"),
            *own,
        ),
    )

    def train(name: str) -> Run:
        return fit(dataset, settings, tmp_path / "runs" / name, device="cpu")

    with interrupted(at=0, number=signal.SIGTERM), pytest.raises(KeyboardInterrupt):
        train("stopped")
    resumed, whole = train("stopped"), train("whole")
    assert read_rows(resumed.metrics_path) == read_rows(whole.metrics_path)
    networks, others = load_networks(resumed), load_networks(whole)
    assert networks.teacher is not None
    assert others.teacher is not None
    for one, other in ((networks.predict, others.predict), (networks.teacher, others.teacher)):
        for key, value in one.state_dict().items():
            assert torch.equal(value, other.state_dict()[key]), key
