"""What OpenVINO is asked for, and what becomes of networks that it cannot run."""

import logging
from importlib.util import find_spec

import pytest
import torch
from torch import Tensor, nn

from alcseg.errors import ResourceError
from alcseg.inference.dropout import fixed_dropout
from alcseg.inference.engines import TorchEngine

if find_spec("openvino") is None:  # asked for, not imported: that would tell its makers
    pytest.skip("openvino is not installed", allow_module_level=True)

from alcseg.inference import openvino_engine
from alcseg.inference.openvino_engine import OPTIONS, OpenVinoEngine

pytestmark = pytest.mark.openvino


class Counted(nn.Module):
    """A convolution and a dropout that count how often they are asked."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv3d(1, 2, kernel_size=1)
        self.dropout = nn.Dropout3d(0.5)
        self.calls = 0

    def forward(self, image: Tensor) -> Tensor:
        self.calls += 1
        return self.dropout(self.convolution(image))


class Moody(Counted):
    """Says another thing each time: what a trace makes of it is wrong."""

    def forward(self, image: Tensor) -> Tensor:
        return super().forward(image) * (
            1 if self.calls == 1 else torch.tensor([5.0, -5.0]).reshape(1, 2, 1, 1, 1)
        )


WINDOWS = torch.linspace(-3, 3, 2 * 64).reshape(2, 1, 4, 4, 4)


@pytest.fixture
def engine_of():
    def make(network: nn.Module, *, strict: bool = False) -> OpenVinoEngine:
        return OpenVinoEngine(network.eval(), None if strict else TorchEngine(network))

    return make


@torch.no_grad()
def test_a_network_is_translated_once_and_then_left_in_peace(engine_of, monkeypatch):
    monkeypatch.setattr(openvino_engine, "OPTIONS", OPTIONS | {"INFERENCE_NUM_THREADS": 1})
    network = Counted()
    engine = engine_of(network)
    for _ in range(2):
        engine(WINDOWS)
        with engine.perturbed("a", 1):
            engine(WINDOWS)
    assert network.calls == 2  # once to compare with, once to be traced
    engine(WINDOWS[..., :2])
    assert network.calls == 4, "windows of another size are another network"


def test_it_computes_in_full_precision_and_is_not_bound_to_cores(engine_of):
    engine = engine_of(Counted())
    engine(WINDOWS)
    (translated,) = engine._translated.values()
    compiled = translated._request.get_compiled_model()
    assert compiled.get_property("INFERENCE_PRECISION_HINT").to_string() == "f32"
    assert compiled.get_property("ENABLE_CPU_PINNING") is False
    assert compiled.get_property("INFERENCE_NUM_THREADS") == torch.get_num_threads()


def test_nothing_is_told_to_its_makers():
    import openvino.tools.ovc.telemetry_utils as telemetry

    assert telemetry.tm.__name__ == "openvino.tools.ovc.telemetry_stub"


@torch.no_grad()
def test_a_network_that_a_trace_gets_wrong_is_left_to_torch(engine_of, caplog):
    with caplog.at_level(logging.WARNING):
        engine = engine_of(Moody())
        assert torch.equal(engine(WINDOWS), engine._network(WINDOWS))
    assert "differ from those of torch" in caplog.text
    with engine.perturbed("a", 1):
        found = engine(WINDOWS)
    with fixed_dropout(engine._network, "a", 1):
        assert torch.equal(found, engine._network(WINDOWS))


def test_where_openvino_was_asked_for_that_is_an_error(engine_of):
    with torch.no_grad(), pytest.raises(ResourceError, match="--engine openvino: expected a network that"):
        engine_of(Moody(), strict=True)(WINDOWS)
