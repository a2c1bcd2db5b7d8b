"""A run as files that leave the house: what is in them, what runs them, and what is refused."""

import json
import runpy
import sys
import warnings
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from alcseg.commands import export as exporting
from alcseg.commands.export import export
from alcseg.commands.predict import predict
from alcseg.errors import CheckpointError, PackageError, UsageError
from alcseg.networks import NETWORKS
from alcseg.records.export import ExportRecord
from exported_model import PATCH, PLAN, make_run, voxels, write_scans

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "predict_onnx.py"
LACKS_ONNX = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
needs_onnx = pytest.mark.skipif(bool(LACKS_ONNX), reason=f"{LACKS_ONNX} not installed")
FILES = {"pt2": "model.pt2", "onnx": "model.onnx", "bundle": "bundle"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """`run`, `scans`, what `predict` makes of them as `labels`, and the exported files."""
    root = tmp_path_factory.mktemp("exported")
    with pytest.MonkeyPatch.context() as patch:
        make_run(root / "run", patch)
        write_scans(root / "scans")
        predict(root / "run", root / "scans", out=root / "labels", probabilities=True)
        export(root / "run", to="pt2", out=root / "model.pt2")
        export(root / "run", to="bundle", out=root / "bundle")
        if not LACKS_ONNX:
            export(root / "run", to="onnx", out=root / "model.onnx")
        yield root


def test_a_pt2_file_answers_as_the_network_for_any_number_of_windows(place):
    from alcseg.inference.load import load_networks

    graph = torch.export.load(place / "model.pt2").module()
    network = load_networks(place / "run").predict
    for count in (1, 3):
        windows = torch.randn(count, 1, *PATCH)
        with torch.no_grad():
            assert torch.equal(graph(windows), network(windows))


@pytest.mark.parametrize("kind", ["pt2", "bundle", pytest.param("onnx", marks=needs_onnx)])
def test_predict_takes_an_export_as_it_takes_the_run(place, tmp_path, kind):
    made = predict(place / FILES[kind], place / "scans", out=tmp_path / "out", probabilities=True)
    assert made.record.labels == PLAN.labels
    assert made.record.method == "h_sup"
    assert made.record.engine == ("onnxruntime" if kind == "onnx" else "folded")
    expected = voxels(place / "labels")
    assert expected
    for name, found in voxels(tmp_path / "out").items():
        assert np.allclose(found, expected[name], atol=1e-5)


def test_a_pt2_file_has_uncertainty_and_engines_as_the_run(place, tmp_path):
    for number, model in enumerate(("run", "model.pt2")):
        predict(place / model, place / "scans", out=tmp_path / str(number), uncertainty=True, engine="torch")
    one, other = (voxels(tmp_path / name) for name in "01")
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_the_file_says_what_it_is(place):
    with zipfile.ZipFile(place / "model.pt2") as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/extra/alcseg.json"))
        content = json.loads(archive.read(name))
    assert content["format"] == ExportRecord.FORMAT
    assert (content["sizes"], content["any_batch"]) == ("patch", True)
    assert content["plan"]["label_values"] == [0, 5, 9]
    assert content["window"]["overlap"] == 0.5
    assert content["trained_on"]["val_dice"] == 0.625
    assert content["agreement"]["case"] == "seeded noise"
    assert content["agreement"]["probabilities"] == 0


@needs_onnx
def test_an_onnx_file_takes_windows_of_any_size_where_that_holds(place):
    import onnxruntime

    session = onnxruntime.InferenceSession(place / "model.onnx", providers=["CPUExecutionProvider"])
    import onnx

    assert [one.version for one in onnx.load(place / "model.onnx").opset_import if not one.domain] == [18]
    assert session.get_inputs()[0].shape == ["batch", 1, "x", "y", "z"]
    about = session.get_modelmeta().custom_metadata_map
    assert ExportRecord.parse(json.loads(about["alcseg.json"]), Path("model.onnx")).sizes == "any"
    from alcseg.inference.load import load_networks

    network = load_networks(place / "run").predict
    for shape in ((1, 1, 8, 8, 8), (3, 1, 9, 13, 6)):
        windows = torch.randn(*shape)
        with torch.no_grad():
            (logits,) = session.run(None, {"image": windows.numpy()})
            assert np.allclose(logits, network(windows).numpy(), atol=1e-5)


@pytest.mark.slow
@needs_onnx
def test_an_onnx_file_is_of_the_patch_alone_where_other_sizes_differ(place, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(exporting, "_elsewhere", lambda *given: 1 / 0)
    made = export(place / "run", to="onnx", out=tmp_path / "model.onnx")
    assert made.takes == "windows of 10 x 12 x 8 voxels alone, any number at a time"
    assert "windows of the patch's size alone: division by zero" in caplog.text
    predict(made, place / "scans", out=tmp_path / "out")
    expected = voxels(place / "labels")
    for name, found in voxels(tmp_path / "out").items():
        assert found.shape == expected[name].shape[:3]


@needs_onnx
def test_the_example_makes_the_labels_of_predict_without_alcseg(place, tmp_path, monkeypatch):
    assert "alcseg" not in EXAMPLE.read_text().replace('"alcseg.json"', "")
    assert "torch" not in EXAMPLE.read_text()
    scans = [str(path) for path in sorted((place / "scans").iterdir())]
    monkeypatch.setattr(sys, "argv", ["predict_onnx.py", str(place / "model.onnx"), str(tmp_path), *scans])
    runpy.run_path(str(EXAMPLE))
    predict(place / "run", place / "scans", out=tmp_path / "ours")
    expected = voxels(tmp_path / "ours")
    for name, found in voxels(tmp_path).items():
        assert found.dtype == expected[name].dtype
        assert (found != expected[name]).mean() < 1e-3


def test_a_bundle_is_run_by_monai_alone(place, tmp_path):
    # Its first scan needs no resampling but is turned and padded; MONAI resamples otherwise than alcseg.
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "one.nii.gz").write_bytes((place / "scans" / "one.nii.gz").read_bytes())
    from monai.bundle import ConfigWorkflow

    bundle = place / "bundle"
    before = torch.is_grad_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        workflow = ConfigWorkflow(
            config_file=str(bundle / "configs" / "inference.json"),
            meta_file=str(bundle / "configs" / "metadata.json"),
            workflow_type="inference",
            logging_file=False,
            bundle_root=str(bundle),
            dataset_dir=str(tmp_path / "images"),
            output_dir=str(tmp_path / "out"),
            device="$torch.device('cpu')",
        )
        workflow.initialize()
        workflow.run()
    torch.set_grad_enabled(before)
    (tmp_path / "ours").mkdir()
    predict(place / "run", tmp_path / "images", out=tmp_path / "ours")
    (found,), (expected,) = voxels(tmp_path / "out").values(), voxels(tmp_path / "ours").values()
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)


def test_a_bundle_has_what_monai_and_people_look_for(place):
    about = json.loads((place / "bundle" / "configs" / "metadata.json").read_text())
    required = (
        "schema version monai_version pytorch_version numpy_version required_packages_version task "
        "description authors copyright network_data_format"
    )
    assert set(required.split()) <= set(about)
    (image,), (pred,) = (about["network_data_format"][way].values() for way in ("inputs", "outputs"))
    for tensor in (image, pred):
        assert {"type", "format", "num_channels", "spatial_shape", "dtype", "value_range"} <= set(tensor)
    assert pred["channel_def"] == {"0": "background", "1": "left", "2": "right"}
    card = (place / "bundle" / "docs" / "README.md").read_text()
    for words in (
        "| 5 | left | 1 |",
        "**0.625**",
        "Made&#124;up: 3 training cases, 1 of them",
        "not a medical device",
    ):
        assert words in card
    assert "No license has been stated" in (place / "bundle" / "LICENSE").read_text()


def test_a_license_goes_into_the_bundle(place, tmp_path):
    (tmp_path / "terms.txt").write_text("CC BY\n")
    made = export(place / "run", to="bundle", out=tmp_path / "b", license=tmp_path / "terms.txt")
    assert (Path(made) / "LICENSE").read_text() == "CC BY\n"
    assert "See `LICENSE`." in (Path(made) / "docs" / "README.md").read_text()
    with pytest.raises(UsageError, match="expected --to bundle"):
        export(place / "run", to="pt2", out=tmp_path / "m.pt2", license=tmp_path / "terms.txt")


def test_what_cannot_be_is_refused_in_a_line(place, tmp_path, alcseg, monkeypatch):
    words = ("export", place / "run", "--to", "pt2", "--out")
    assert "expected a file that ends in .pt2" in alcseg(*words, tmp_path / "model").err
    assert "expected a new file, found one" in alcseg(*words, place / "model.pt2").err
    assert "expected a run folder" in alcseg("export", tmp_path, *words[2:], tmp_path / "m.pt2").err
    several = alcseg("export", place / "run", place / "run", *words[2:], tmp_path / "m.pt2")
    assert (several.code, several.err.count("\n")) == (2, 1)
    assert "expected one run, got 2" in several.err
    monkeypatch.setattr("alcseg.exporting.onnx_file.find_spec", lambda name: None)
    with pytest.raises(PackageError, match=r"pip install 'alcseg\[onnx\]'"):
        export(place / "run", to="onnx", out=tmp_path / "m.onnx")


def test_what_an_export_does_not_have_is_refused(place, tmp_path):
    with pytest.raises(UsageError, match=r"--network teacher: .*model\.pt2 holds one network"):
        predict(place / "model.pt2", place / "scans", out=tmp_path / "out", network="teacher")
    with pytest.raises(
        CheckpointError, match=r"none.onnx: expected a model of `alcseg export`, found no file"
    ):
        predict(tmp_path / "none.onnx", place / "scans", out=tmp_path / "out")
    if not LACKS_ONNX:
        with pytest.raises(UsageError, match=r"--uncertainty: .* no dropout"):
            predict(place / "model.onnx", place / "scans", out=tmp_path / "out", uncertainty=True)
        with pytest.raises(UsageError, match=r"--engine openvino: .* computed by onnxruntime"):
            predict(place / "model.onnx", place / "scans", out=tmp_path / "out", engine="openvino")


SMALL = {
    "segresnet": {"filters": 8},
    "swin_unetr": {"filters": 12},
    "unetr": {"filters": 2, "hidden_size": 12, "mlp_dim": 16, "num_heads": 3},
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pt2", pytest.param("onnx", marks=needs_onnx)])
@pytest.mark.parametrize("name", NETWORKS.builtin)
def test_every_network_can_be_exported(name, kind, tmp_path, monkeypatch):
    plan = PLAN.model_copy(update={"patch": (37, 48, 40)})
    run = make_run(tmp_path / "run", monkeypatch, plan, name=name, **({"filters": 2} | SMALL.get(name, {})))
    made = export(run, to=kind, out=tmp_path / f"model.{kind}")
    assert made.record.sizes == ("any" if kind == "onnx" and name in exporting.ANY_SIZE else "patch")
    write_scans(tmp_path / "scans")
    predict(run, tmp_path / "scans", out=tmp_path / "ours")
    predict(made, tmp_path / "scans", out=tmp_path / "theirs")
    expected = voxels(tmp_path / "ours")
    for case, found in voxels(tmp_path / "theirs").items():
        assert (found != expected[case]).mean() < 3e-3  # with random weights classes nearly tie everywhere
