"""`.pt2` files are read as numbers and words: nothing that a stranger wrote into one is run."""

import json
import shutil
import zipfile

import pytest

from alcseg.commands.export import export
from alcseg.errors import AlcsegError, CheckpointError, DataError
from alcseg.inference.pt2_archive import _WithoutMemory
from alcseg.inference.sources import open_source
from alcseg.networks import build_network
from exported_model import make_run


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    root = tmp_path_factory.mktemp("model")
    with pytest.MonkeyPatch.context() as patch:
        make_run(root / "run", patch)
        export(root / "run", to="pt2", out=root / "model.pt2")
        yield root / "model.pt2"


def changed(model, folder, name, change):
    """The file with another content of one entry; None takes it out."""
    target = folder / "changed.pt2"
    with zipfile.ZipFile(model) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename.endswith(name):
                content = change(content)
            if content is not None:
                new.writestr(entry.filename, content)
    return target


def edit(change):
    """A change of a JSON text."""

    def edited(content):
        found = json.loads(content)
        change(found)
        return json.dumps(found)

    return edited


def test_neither_graph_nor_pickles_are_looked_at(model, tmp_path):
    # Where torch.export.load would evaluate and unpickle, here nothing needs to be there.
    for name in ("models/model.json", "sample_inputs/model.pt"):
        path = changed(model, tmp_path, name, lambda content: b"import os")
        assert open_source(path).network("auto", "cpu") is not None


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("alcseg.json", lambda content: None, "found one without alcseg.json"),
        ("alcseg.json", lambda content: b"{", "expected JSON in its alcseg.json"),
        ("alcseg.json", lambda content: b"\xff", "expected text in extra/alcseg.json"),
        ("alcseg.json", lambda content: b"[" * 100_000, "expected JSON in its alcseg.json"),
        ("alcseg.json", edit(lambda found: found.update(format=99)), "written by a newer alcseg"),
        ("alcseg.json", edit(lambda found: found["plan"].update(patch=[9**9, 1, 1])), "at most 2048 a side"),
        ("alcseg.json", edit(lambda found: found["plan"].update(label_values=[0])), "a name for each label"),
    ],
)
def test_what_it_says_of_itself_is_checked(model, tmp_path, name, change, words):
    with pytest.raises(DataError, match=words):
        open_source(changed(model, tmp_path, name, change))


WEIGHT = "network.0.weight"


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("weights_config.json", lambda content: None, "expected weights, found"),
        ("weights_config.json", edit(lambda found: found["config"].pop(WEIGHT)), f"found '{WEIGHT}' in one"),
        ("weights_config.json", edit(lambda found: found["config"][WEIGHT].update(use_pickle=True)), "plain"),
        (
            "weights_config.json",
            edit(lambda found: found["config"][WEIGHT].update(path_name="../../models/model.json")),
            "expected 216 bytes",
        ),
        ("weights_config.json", edit(lambda found: found["config"][WEIGHT].update(path_name=3)), "found"),
        ("weight_0", lambda content: content[:-4], "expected 216 bytes"),
        ("weight_0", lambda content: b"\xff" * len(content), "expected finite weights"),
        (
            "alcseg.json",
            edit(lambda found: found["settings"]["network"].update(filters=1024)),
            r"expected 'network.0.weight' as \[1024, 1, 3, 3, 3\]",
        ),
        (
            "alcseg.json",
            edit(lambda found: found["settings"]["network"].update(depth=1)),
            "unknown key .*depth",
        ),
        (
            "alcseg.json",
            edit(lambda found: found["settings"]["method"].update(name="theirs")),
            "method 'theirs' is not among",
        ),
    ],
)
def test_weights_that_are_none_are_refused(model, tmp_path, name, change, words):
    path = changed(model, tmp_path, name, change)
    with pytest.raises(AlcsegError, match=words):
        open_source(path).network("auto", "cpu")


def test_a_file_of_another_kind_is_named(model, tmp_path):
    (tmp_path / "no.pt2").write_bytes(b"no archive")
    with pytest.raises(CheckpointError, match=r"no.pt2: expected a .pt2 file of `alcseg export`"):
        open_source(tmp_path / "no.pt2")
    shutil.copy(model, tmp_path / "no.onnx")
    pytest.importorskip("onnxruntime")
    with pytest.raises(CheckpointError, match=r"no.onnx: expected an ONNX model"):
        open_source(tmp_path / "no.onnx")


@pytest.mark.parametrize(("name", "filters"), [("vnet", 2), ("swin_unetr", 12)])
def test_a_network_without_memory_has_the_names_and_shapes_of_its_weights(name, filters):
    """Also MONAI's SwinUNETR, which reads numbers from tensors while it is built."""

    def shapes():
        network = build_network(name, in_channels=1, num_classes=2, filters=filters)
        return {key: (value.shape, value.dtype) for key, value in network.state_dict().items()}, network

    with _WithoutMemory():
        outline, network = shapes()
    assert outline == shapes()[0]
    assert all(weight.is_meta for weight in network.parameters())
