"""A run from beginning to end: what it leaves, how it goes on, what it refuses."""

import json
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import safetensors.torch
import torch
import yaml

from alcseg.commands.train import plan_training, train
from alcseg.data import plan
from alcseg.data.folder import Dataset
from alcseg.errors import CheckpointError, ConfigError, DataError, LabelError, UsageError
from alcseg.inference import load
from alcseg.inference.load import load_networks
from alcseg.run import Run

Rows = Callable[[Path], list[dict[str, Any]]]
Train = Callable[..., Run]


@pytest.fixture
def fit(dataset: Dataset, tiny_settings: tuple[str, ...], tmp_path: Path) -> Train:
    """Train on the tiny dataset; more assignments and options as given."""

    def run(name: str = "run", *more: str, method: str = "h_sup", **options: Any) -> Run:
        root = options.pop("root", dataset.root)
        return train(
            root, out=tmp_path / name, method=method, device="cpu", set=(*tiny_settings, *more), **options
        )

    return run


def weights(run: Run, network: str = "model") -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(run.weights_path(network))


def assert_same_weights(first: Run, second: Run) -> None:
    for name in ("model", "teacher"):
        assert first.weights_path(name).is_file() == second.weights_path(name).is_file()
        if first.weights_path(name).is_file():
            one, other = weights(first, name), weights(second, name)
            assert one.keys() == other.keys()
            assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_run_folder_holds_what_prediction_and_people_need(
    fit: Train, read_rows: Rows, tmp_path: Path, dataset: Dataset
) -> None:
    run = fit("run", "method.ema_decay=0.99", method="alc")
    names = {str(path.relative_to(run.path)) for path in run.path.rglob("*") if path.is_file()}
    events = {name for name in names if name.startswith("events")}
    assert len(events) == 1
    assert names - events == {
        "DONE",
        "checkpoints/last.ckpt",
        "config.yaml",
        "metrics.csv",
        "model.safetensors",
        "plan.json",
        "progress.png",
        "run.json",
        "teacher.safetensors",
        "train.log",
    }
    for path in run.path.rglob("*"):  # a run folder can be moved
        if path.suffix in (".yaml", ".json", ".csv"):
            assert str(tmp_path) not in path.read_text()
    config = yaml.safe_load(run.config_path.read_text())
    assert config["method"]["name"] == "alc"
    assert config["network"] == {"name": "vnet", "filters": 2, "dropout": 0.5}
    assert config["trainer"]["precision"] == "32"

    rows = read_rows(run.metrics_path)
    assert list(rows[0]) == ["step", "loss", "lr", "hq", "lq", "noisy", "con", "val_dice", "val_dice_teacher"]
    assert [int(row["step"]) for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [bool(row["val_dice"]) for row in rows] == [False, False, True, False, False, True]
    assert [bool(row["val_dice_teacher"]) for row in rows] == [False, False, True, False, False, True]

    record = json.loads(run.record_path.read_text())  # the names of its keys are a contract
    assert record["format"] == 1
    assert record["status"] == "done"
    assert record["dataset"] == "tiny"
    assert record["seed"] == 0
    assert record["device"] == "cpu"
    assert record["stages"] == []
    assert record["train_cases"] == ["hq_0", "hq_1", "hq_2", "lq_0", "lq_1"]
    assert record["hq_cases"] == ["hq_0", "hq_1", "hq_2"]
    assert record["val_cases"] == ["val_0"]
    assert record["versions"]["torch"] == version("torch")
    assert len(record["data_hash"]) == 16
    assert record["inputs"]["val_0"]["use"] == "val"
    assert list(record["inputs"]["lq_1"]["files"]) == ["imagesTr/lq_1_0000.nii.gz", "labelsTr/lq_1.nii.gz"]
    assert record["threads"] == torch.get_num_threads()
    assert record["started"] <= record["finished"]
    assert record["peak_memory_mib"] > 0
    assert {"commit", "processor", "gpu", "peak_gpu_memory_mib"} <= set(record)

    checkpoint = torch.load(run.checkpoint_path, weights_only=True)
    assert checkpoint["done"] == 6

    moved = tmp_path / "elsewhere" / "moved"
    moved.parent.mkdir()
    shutil.move(run.path, moved)
    shutil.rmtree(dataset.root)
    networks = load_networks(Run.open(moved))
    assert networks.teacher is not None
    assert not networks.predict.training
    image = torch.zeros(1, 1, 16, 16, 16)
    with torch.no_grad():
        assert networks.predict(image).shape == (1, 3, 16, 16, 16)
        assert not torch.equal(networks.predict(image), networks.teacher(image))


def test_workers_change_nothing(fit: Train) -> None:
    few = (
        "trainer.steps=3",
        "trainer.validate_every=0",
        "data.flip_axes=[0,1,2]",
        "data.intensity_scale=0.2",
    )
    assert_same_weights(fit("none", *few, method="hl_sup"), fit("two", *few, method="hl_sup", workers=2))


def test_seeds_and_methods_share_validation_cases(fit: Train, make_dataset: Callable[..., Dataset]) -> None:
    root = make_dataset(val=0, name="no-val").root
    short = ("trainer.steps=1", "trainer.validate_every=1")
    records = [
        fit(f"{method}-{seed}", *short, method=method, seed=seed, root=root).record
        for method, seed in (("h_sup", 0), ("hl_sup", 1))
    ]
    assert records[0].val_cases == records[1].val_cases == ("hq_0",)
    assert records[0].train_cases == ("hq_1", "hq_2")
    assert records[1].train_cases == ("hq_1", "hq_2", "lq_0", "lq_1")


def test_a_finished_run_is_left_as_it_is(fit: Train) -> None:
    short = ("trainer.steps=1", "trainer.validate_every=0")
    run = fit("run", *short)
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*") if path.is_file()}
    assert fit("run", *short).finished
    assert {path: path.stat().st_mtime_ns for path in run.path.rglob("*") if path.is_file()} == before


def test_a_run_killed_after_its_last_checkpoint_is_only_finished(fit: Train, read_rows: Rows) -> None:
    short = ("trainer.steps=2", "trainer.validate_every=0")
    run = fit("run", *short)
    kept, rows = weights(run), read_rows(run.metrics_path)
    (run.path / "DONE").unlink()
    again = fit("run", *short)
    assert again.finished
    assert read_rows(again.metrics_path) == rows
    assert all(torch.equal(value, kept[key]) for key, value in weights(again).items())


def test_a_damaged_checkpoint_is_named(fit: Train) -> None:
    short = ("trainer.steps=1", "trainer.validate_every=0")
    run = fit("run", *short)
    (run.path / "DONE").unlink()
    run.checkpoint_path.write_bytes(run.checkpoint_path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"last\.ckpt: expected a checkpoint"):
        fit("run", *short)


def test_what_stands_in_the_folder_must_be_this_run(fit: Train, dataset: Dataset, tmp_path: Path) -> None:
    short = ("trainer.steps=1", "trainer.validate_every=0")
    fit("run", *short)
    with pytest.raises(CheckpointError, match="method 'h_sup', asked for 'alc'") as caught:
        fit("run", *short, method="alc")
    assert caught.value.exit_code == 4
    with pytest.raises(ConfigError, match=r"trainer\.learning_rate=0\.01, asked for 0\.02"):
        fit("run", *short, "trainer.learning_rate=0.02")
    with pytest.raises(ConfigError, match="seed=0, asked for 1"):
        fit("run", *short, seed=1)
    config = tmp_path / "run" / "config.yaml"
    whole = config.read_text()
    config.write_text(whole.replace("  name: h_sup\n", "  name: h_sup\n  nonsense: 1\n"))
    with pytest.raises(CheckpointError, match=r"config\.yaml: holds method\.nonsense, which is no setting"):
        fit("run", *short)
    config.write_text(whole)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="found other files"):
        fit("notes", *short)
    assert [path.name for path in (tmp_path / "notes").iterdir()] == ["letter.txt"]

    path = dataset.root / "labelsTr" / "hq_1.nii.gz"
    label = nib.load(path)
    array = np.asanyarray(label.dataobj).copy()
    array[0, 0, 0] = 5
    nib.save(nib.Nifti1Image(array, label.affine), path)
    with pytest.raises(
        DataError, match=r"run .* began with: labelsTr/hq_1\.nii\.gz of case 'hq_1' is another file"
    ):
        fit("run", *short)  # also where nothing is left to do


def test_the_old_run_is_back_where_a_new_one_stops_before_its_first_checkpoint(
    fit: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = fit("run")
    kept = {path: path.read_bytes() for path in old.path.rglob("*") if path.is_file()}

    def stop(*args: Any, **options: Any) -> str:
        assert Run(tmp_path / "run").settings.method.name == "hl_sup"
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["alcseg.training.fit"], "fit_stage", stop)
    with pytest.raises(KeyboardInterrupt):
        fit("run", method="hl_sup", overwrite=True)
    assert {path: path.read_bytes() for path in old.path.rglob("*") if path.is_file()} == kept
    assert not [path for path in tmp_path.iterdir() if path.name.startswith((".replaced", ".run"))]


def test_overwrite_starts_afresh(fit: Train) -> None:
    short = ("trainer.steps=1", "trainer.validate_every=0")
    fit("run", *short)
    run = fit("run", *short, method="hl_sup", overwrite=True)
    assert run.method == "hl_sup"
    assert run.finished


@pytest.mark.parametrize("method", ["h_sup", "alc", "mean_teacher"])
def test_a_method_without_its_cases_is_refused(
    method: str, fit: Train, make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    root = make_dataset(hq=0, name="no-hq").root
    with pytest.raises(DataError, match="expects training cases of quality 'hq', found none") as caught:
        fit("refused", method=method, root=root)
    assert caught.value.exit_code == 4
    assert not (tmp_path / "refused").exists()


def test_healthy_controls_may_validate(
    fit: Train, dataset: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    path = dataset.root / "labelsTr" / "val_0.nii.gz"
    nib.save(nib.Nifti1Image(np.zeros((20, 18, 17), np.uint8), np.eye(4)), path)
    assert fit("run", "trainer.steps=1", "trainer.validate_every=1").finished
    assert "all 1 validation labels are empty" in caplog.text


def test_empty_training_labels_are_refused(fit: Train, make_dataset: Callable[..., Dataset]) -> None:
    root = make_dataset(empty=True, name="empty", lq=0).root
    with pytest.raises(LabelError, match="found only background in all 3 cases"):
        fit("refused", root=root)


def test_a_patch_that_cannot_be_turned_is_refused(fit: Train, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="square in axes"):
        fit("refused", "data.patch=[16,32,16]", "data.rotate_plane=[0,1]")
    assert not (tmp_path / "refused").exists()


@pytest.mark.parametrize(
    ("patch", "preset", "method", "builds"),
    [
        ("[32,16,16]", "demo", "h_sup", 1),  # what was built to look at is trained
        ("[32,16,16]", None, "h_sup", 2),  # the first was measured
        ("[16,16,16]", "demo", "h_sup", 2),  # the first was tried
        ("[32,16,16]", "demo", "two_stage_rnt", 3),  # two teachers more
    ],
)
def test_networks_are_built_no_more_often_than_they_have_to(
    patch: str, preset: str | None, method: str, builds: int, fit: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[str] = []
    build = load.build_network

    def counted(name: str, **options: Any) -> torch.nn.Module:
        built.append(name)
        return build(name, **options)

    monkeypatch.setattr(load, "build_network", counted)
    short = ("trainer.steps=2", "trainer.validate_every=0", f"data.patch={patch}")
    fit("run", *short, preset=preset, method=method)
    # Held-out cases are predicted by what was trained.
    assert len(built) == builds


def test_a_number_to_hold_out_is_said_not_to_be_used_where_cases_validate_already(
    tiny_settings: tuple[str, ...],
    dataset: Dataset,
    make_dataset: Callable[..., Dataset],
    caplog: pytest.LogCaptureFixture,
) -> None:
    plan_training(make_dataset(val=0, name="none").root, device="cpu", set=tiny_settings, val_hq=1)
    plan_training(dataset.root, device="cpu", set=tiny_settings)
    assert "not used" not in caplog.text
    plan_training(dataset.root, device="cpu", set=tiny_settings, val_hq=1)
    assert "--val-hq 1: not used" in caplog.text


def test_headers_are_read_once(fit: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Path] = []
    read = plan.read_grid
    monkeypatch.setattr(plan, "read_grid", lambda path: (seen.append(path), read(path))[1])
    short = ("trainer.steps=1", "trainer.validate_every=0", "data.patch=null")
    run = fit("run", *short)
    assert len(seen) == len(set(seen)) == 5  # each training case
    (run.path / "DONE").unlink()
    fit("run", *short)
    assert len(seen) == 5  # a run that was begun has its plan


def test_without_a_preset_plan_and_cost_are_told(
    fit: Train, tiny_settings: tuple[str, ...], dataset: Dataset, tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    planned = plan_training(dataset.root, method="alc", device="cpu", set=tiny_settings)
    assert (planned.patch, planned.flat_levels) == ((16, 16, 16), (0, 0, 0))
    assert planned.classes == {"background": 0, "left": 5, "right": 9}
    assert planned.estimated_seconds_per_step > 0
    assert planned.estimated_memory_gib >= 0
    assert sorted(tmp_path.rglob("*")) == before
    with pytest.raises(UsageError, match="found other files"):
        plan_training(dataset.root, method="alc", device="cpu", set=tiny_settings, out=dataset.root)
    thick = (*tiny_settings, "data.spacing=[1,1,4]", "data.patch=null")
    assert plan_training(dataset.root, device="cpu", set=thick).flat_levels == (0, 0, 1)
    unet = (*thick, "network.name=unet")
    assert plan_training(dataset.root, device="cpu", set=unet).flat_levels == (0, 0, 0)
    with pytest.raises(ConfigError, match=r"data\.flat_levels: network 'unet' has none"):
        plan_training(dataset.root, device="cpu", set=(*unet, "data.flat_levels=[0,0,1]"))
    with pytest.raises(ConfigError, match=r"data\.hq_batch: expected a multiple of the 3 processes, got 2"):
        plan_training(dataset.root, device="cpu", set=(*tiny_settings, "trainer.devices=3"))
