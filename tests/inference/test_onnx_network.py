"""ONNX files: what is in the file has to be what it says, and only operators are run."""

import json

import numpy as np
import pytest
import torch

from alcseg.errors import CheckpointError, DataError, ResourceError
from alcseg.inference.sources import open_source
from exported_model import PLAN

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from alcseg.exporting.onnx_file import with_record  # noqa: E402
from alcseg.inference.onnx_network import OnnxNetwork, open_session  # noqa: E402
from alcseg.records.export import Agreement, ExportRecord  # noqa: E402
from alcseg.records.settings import ChosenMethod, RunSettings  # noqa: E402

RECORD = ExportRecord(
    sizes="patch",
    plan=PLAN,
    settings=RunSettings(method=ChosenMethod(name="h_sup")),
    agreement=Agreement(case="a", logits=0, largest_logit=1, probabilities=0, labels_differ=0, voxels=1),
)


@pytest.fixture
def graph():
    """A convolution by one weight a class, for windows of the patch; written by hand, which is quick."""
    weight = onnx.numpy_helper.from_array(np.array([1, 2, 3], np.float32).reshape(3, 1, 1, 1, 1), "weight")
    image, logits = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", channels, *PLAN.patch])
        for name, channels in (("image", 1), ("logits", 3))
    )
    node = onnx.helper.make_node("Conv", ["image", "weight"], ["logits"])
    opset = onnx.helper.make_opsetid("", 18)
    graph = onnx.helper.make_graph([node], "network", [image], [logits], [weight])
    return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10)


@pytest.fixture
def write(graph, tmp_path):
    """Write the model with a record."""

    def written(record=RECORD):
        path = tmp_path / "model.onnx"
        path.write_bytes(with_record(graph, record))
        return path

    return written


def test_single_windows_give_what_several_give(write):
    session = open_session(write())
    windows = torch.randn(3, 1, *PLAN.patch)
    assert torch.allclose(
        OnnxNetwork(session)(windows), OnnxNetwork(session, any_batch=False)(windows), atol=1e-6
    )


def test_a_graph_that_is_not_as_its_plan_says_is_refused(write):
    for change in ({"patch": (8, 8, 8)}, {"label_values": (0, 1), "label_names": ("a", "b")}):
        plan = PLAN.model_copy(update=change)
        path = write(RECORD.model_copy(update={"plan": plan}))
        with pytest.raises(CheckpointError, match="expected a graph from image to logits for the channels"):
            open_source(path)


def test_a_stranger_s_model_is_refused(write):
    path = write()
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.save(model, path)
    with pytest.raises(CheckpointError, match=r"found one without alcseg\.json"):
        open_source(path)
    content = RECORD.content()
    content["plan"]["spacing"] = [-1, 1, 1]
    model.metadata_props.add(key="alcseg.json", value=json.dumps(content))
    onnx.save(model, path)
    with pytest.raises(DataError, match=r"expected alcseg.json of `alcseg export`, got .* 'plan.spacing"):
        open_source(path)


def test_a_device_that_onnxruntime_does_not_know_is_named(write):
    source = open_source(write())
    with pytest.raises(ResourceError, match="--device meta: expected an onnxruntime for it"):
        source.network("auto", torch.device("meta"))


def test_windows_of_another_size_are_told(write):
    network = OnnxNetwork(open_session(write()))
    with pytest.raises(ResourceError, match=r"expected onnxruntime to compute windows \(1, 1, 4, 4, 4\)"):
        network(torch.zeros(1, 1, 4, 4, 4))
