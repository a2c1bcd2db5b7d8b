"""Which engine a name stands for, on which device, with which packages."""

import pytest
import torch

from alcseg.errors import ResourceError, UsageError
from alcseg.inference import pick_engine as module
from alcseg.inference.pick_engine import ENGINES, pick_engine

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


@pytest.fixture(params=[True, False], ids=["openvino is there", "openvino is not there"])
def there(request, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: request.param or None)
    return request.param


def test_fastest_is_openvino_where_it_is_there(there):
    assert pick_engine("fastest", CPU) == ("openvino" if there else "folded")
    assert pick_engine("fastest", GPU) == "torch"


def test_auto_leaves_the_process_fit_for_trainings(there):
    assert pick_engine("auto", CPU) == "folded"
    assert pick_engine("auto", GPU) == "torch"


def test_a_name_stands_for_itself_or_is_refused_before_any_work(there):
    assert [pick_engine(name, CPU) for name in ("torch", "folded")] == ["torch", "folded"]
    if there:
        assert pick_engine("openvino", CPU) == "openvino"
    else:
        with pytest.raises(ResourceError, match=r"pip install 'alcseg\[openvino\]'"):
            pick_engine("openvino", CPU)


@pytest.mark.parametrize("name", [name for name in ENGINES if name not in ("auto", "fastest", "torch")])
def test_engines_for_cpus_refuse_a_gpu(name):
    with pytest.raises(UsageError, match=f"--engine {name}: runs on a CPU, not on cuda:0"):
        pick_engine(name, GPU)


def test_an_unknown_name_is_refused():
    with pytest.raises(
        UsageError, match="expected one of auto, fastest, torch, folded, openvino, got 'onnx'"
    ):
        pick_engine("onnx", CPU)
