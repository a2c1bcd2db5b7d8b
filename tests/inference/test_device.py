"""Names of devices, on a machine with and without a GPU."""

import pytest
import torch

from alcseg.errors import ResourceError, UsageError
from alcseg.inference.device import pick_device


@pytest.fixture
def gpus(monkeypatch):
    """Pretend that the machine has so many GPUs."""

    def arrange(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return arrange


@pytest.mark.parametrize(
    ("count", "name", "expected"),
    [
        (0, "auto", "cpu"),
        (0, "cpu", "cpu"),
        (2, "auto", "cuda"),
        (2, "cpu", "cpu"),
        (2, "cuda", "cuda"),
        (2, "cuda:1", "cuda:1"),
    ],
)
def test_names(gpus, count, name, expected):
    gpus(count)
    assert pick_device(name) == torch.device(expected)


@pytest.mark.parametrize("name", ["gpu", "", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "CUDA"])
def test_other_words_are_wrong_usage(gpus, name):
    gpus(2)
    with pytest.raises(UsageError, match="expected auto, cpu, cuda or cuda:<i>"):
        pick_device(name)


@pytest.mark.parametrize(("count", "name"), [(0, "cuda"), (0, "cuda:0"), (2, "cuda:2")])
def test_a_device_that_is_not_there(gpus, count, name):
    gpus(count)
    with pytest.raises(ResourceError, match=f"--device {name}: .*found {count}"):
        pick_device(name)
