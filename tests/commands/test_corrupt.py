import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from alcseg.commands.corrupt import corrupt
from alcseg.commands.predict import predict
from alcseg.data.folder import Dataset
from alcseg.data.nifti import read_label
from alcseg.errors import DataError, UsageError
from alcseg.metrics import dice
from alcseg.noise import NOISE_MODELS, apply, case_generator
from alcseg.records.cases import CaseRow
from alcseg.records.dataset import DatasetRecord
from alcseg.records.noise import NoiseManifest
from alcseg.testing.readers import contents

LABELS = {"background": 0, "thick": 100, "thin": 7}
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, AFFINE), path)


def write_dataset(root: Path, rows: list[CaseRow]) -> Path:
    rng = np.random.default_rng(5)
    for row in rows:
        tail = "Ts" if row.split == "test" else "Tr"
        images = "imagesUn" if row.quality == "unlabeled" else f"images{tail}"
        save(root / images / f"{row.case_id}_0000.nii.gz", rng.random((16, 14, 12), dtype=np.float32))
        if row.quality != "unlabeled":
            label = np.zeros((16, 14, 12), np.uint8)
            x, y = (int(value) for value in rng.integers(3, 5, size=2))
            label[x : x + 6, y : y + 6, 3:9] = 100
            label[x + 6 : x + 8, y : y + 6, 3:9] = 7
            save(root / f"labels{tail}" / f"{row.case_id}.nii.gz", label)
    CaseRow.write(root, rows)
    DatasetRecord(
        name="small",
        channel_names={"0": "MRI"},
        labels=LABELS,
        num_training=6,
        extra={"licence": "mine"},
    ).write(root)
    return root


def rows() -> list[CaseRow]:
    names = [(f"c{index}", "hq", "train") for index in range(5)]
    names += [("u0", "unlabeled", "train"), ("v0", "hq", "val"), ("t0", "hq", "test")]
    return [
        CaseRow(case_id=name, quality=quality, split=split, group=name, source="made up")
        for name, quality, split in names
    ]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "clean", rows())


def voxels(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)


def test_only_lq_training_labels_change(dataset: Path, tmp_path: Path) -> None:
    before = contents(dataset)
    result = corrupt(dataset, tmp_path / "noisy", hq_first=2, size=(2, 4), seed=1)
    noisy = Dataset.open(tmp_path / "noisy")
    assert contents(dataset) == before
    assert [row.quality for row in noisy.rows] == ["hq", "hq", "lq", "lq", "lq", "unlabeled", "hq", "hq"]
    assert [row.source for row in noisy.rows] == ["made up"] * 8
    assert noisy.record.extra["licence"] == "mine"
    manifest = NoiseManifest.read(noisy.root).cases
    assert list(manifest) == ["c2", "c3", "c4"]
    assert sorted(path.name for path in (noisy.root / "labelsClean").iterdir()) == [
        f"{name}.nii.gz" for name in manifest
    ]
    assert (result.hq, result.lq) == (2, 3)
    for name in ("c0", "c1", "v0"):
        assert (noisy.root / f"labelsTr/{name}.nii.gz").read_bytes() == before[f"labelsTr/{name}.nii.gz"]
    assert (noisy.root / "labelsTs/t0.nii.gz").read_bytes() == before["labelsTs/t0.nii.gz"]
    for name, entry in manifest.items():
        assert (noisy.root / f"labelsClean/{name}.nii.gz").read_bytes() == before[f"labelsTr/{name}.nii.gz"]
        given, clean = (
            voxels(noisy.root / folder / f"{name}.nii.gz") for folder in ("labelsTr", "labelsClean")
        )
        assert set(np.unique(given)) == {0, 7, 100}
        assert not np.array_equal(given, clean)
        per_class = {"thin": dice(given == 7, clean == 7), "thick": dice(given == 100, clean == 100)}
        assert entry.dice_per_class == pytest.approx(per_class)
        assert entry.dice_to_clean == pytest.approx(sum(per_class.values()) / 2)
        assert (entry.model, entry.unit, entry.seed) == ("cube", "voxel", 1)
        assert entry.operation in ("dilate", "erode")
    assert result.worst_dice == min(entry.dice_to_clean for entry in manifest.values())
    for row in noisy.rows:
        assert noisy.read(row.case_id).case_id == row.case_id  # every case can still be read


def test_workers_change_nothing(dataset: Path, tmp_path: Path) -> None:
    for name, workers in (("one", 0), ("two", 1)):  # a process beside this one
        corrupt(dataset, tmp_path / name, hq_first=2, size=(2, 4), workers=workers)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.parametrize("model", NOISE_MODELS)
def test_order_of_cases_changes_nothing(dataset: Path, tmp_path: Path, model: str) -> None:
    unit = None if NOISE_MODELS[model].amount is None else "percent"
    arguments = {"model": model, "unit": unit, "seed": 4, "hq_fraction": 0.4}
    corrupt(dataset, tmp_path / "given", **arguments)
    CaseRow.write(dataset, reversed(rows()))
    corrupt(dataset, tmp_path / "reversed", **arguments)
    one, other = contents(tmp_path / "given"), contents(tmp_path / "reversed")
    assert one.keys() == other.keys()
    assert {name for name in one if one[name] != other[name]} <= {"cases.csv", "noise.json"}
    assert json.loads(one["noise.json"]) == json.loads(other["noise.json"])


def test_at_least_one_case_stays_hq(dataset: Path, tmp_path: Path) -> None:
    assert corrupt(dataset, tmp_path / "noisy", hq_fraction=0.01, size=(2, 4)).hq == 1
    assert corrupt(dataset, tmp_path / "more", hq_fraction=0.5, size=(2, 4)).hq == 2  # round(2.5)


def test_hq_list(dataset: Path, tmp_path: Path) -> None:
    names = tmp_path / "hq.txt"
    names.write_text("c3\n\nc1\n")
    corrupt(dataset, tmp_path / "noisy", hq_list=names, size=(2, 2))
    noisy = Dataset.open(tmp_path / "noisy")
    assert [row.case_id for row in noisy.rows_where(split="train", quality="hq")] == ["c1", "c3"]
    names.write_text("c3\nv0\n")
    with pytest.raises(DataError, match="v0"):
        corrupt(dataset, tmp_path / "other", hq_list=names)
    with pytest.raises(DataError, match="absent"):
        corrupt(dataset, tmp_path / "other", hq_list=tmp_path / "absent.txt")
    assert not (tmp_path / "other").exists()


def test_another_case_is_read_in_the_direction_of_this_one(dataset: Path, tmp_path: Path) -> None:
    for name in ("c2", "c3", "c4"):
        path = dataset / f"labelsTr/{name}.nii.gz"
        save(path, voxels(dataset / "labelsTr/c2.nii.gz"))
    # The same label once more, stored with its first axis from right to left.
    flipped = AFFINE @ np.array([[-1, 0, 0, 15], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    for folder, tail in (("imagesTr", "_0000"), ("labelsTr", "")):
        path = dataset / folder / f"c3{tail}.nii.gz"
        nib.save(nib.Nifti1Image(voxels(path)[::-1].copy(), flipped), path)
    names = tmp_path / "hq.txt"
    names.write_text("c0\nc1\n")
    corrupt(dataset, tmp_path / "noisy", hq_list=names, model="other_case", seed=2)
    manifest = NoiseManifest.read(tmp_path / "noisy").cases
    twins = {"c2", "c3", "c4"}
    same = [entry for name, entry in manifest.items() if entry.details.get("case_id") in twins - {name}]
    assert same
    assert all(entry.dice_to_clean == 1 for entry in same)


def test_offset_and_details_are_written(dataset: Path, tmp_path: Path) -> None:
    corrupt(
        dataset, tmp_path / "noisy", hq_first=2, model="ball", size=(2, 2), unit="mm", keep_nonempty=False
    )
    for entry in NoiseManifest.read(tmp_path / "noisy").cases.values():
        assert (entry.details, entry.weakened) == ({}, False)
        # 2 mm are two voxels of 1 mm or one of 2 mm, less in oblique directions.
        sign = 1 if entry.operation == "dilate" else -1
        assert entry.offset_mm_mean * sign == pytest.approx(2, abs=0.8)


def test_identity_is_reported(dataset: Path, tmp_path: Path) -> None:
    result = corrupt(dataset, tmp_path / "noisy", hq_first=1, size=(1, 1))
    assert result.unchanged == ("c1", "c2", "c3", "c4")
    assert result.mean_dice == 1
    given, clean = (tmp_path / "noisy" / folder / "c2.nii.gz" for folder in ("labelsTr", "labelsClean"))
    assert np.array_equal(voxels(given), voxels(clean))


def test_kept_classes_are_reported(dataset: Path, tmp_path: Path) -> None:
    result = corrupt(dataset, tmp_path / "kept", hq_first=1, size=(9, 9))
    gone = corrupt(dataset, tmp_path / "gone", hq_first=1, size=(9, 9), keep_nonempty=False)
    manifest = NoiseManifest.read(tmp_path / "kept").cases
    assert result.reduced == tuple(name for name, entry in manifest.items() if entry.operation == "erode")
    assert result.reduced  # this seed erodes at least one
    assert gone.reduced == ()
    assert gone.worst_dice == 0


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"hq_first": 2, "hq_fraction": 0.5},
        {"hq_first": 9},
        {"hq_first": 5},
        {"hq_first": 1, "model": "star"},
        {"hq_first": 1, "size": (4, 2)},
        {"hq_first": 1, "model": "other_case", "size": (1, 2)},
        {"hq_first": 1, "model": "class_swap", "unit": "mm"},
        {"hq_first": 1, "workers": -1},
    ],
)
def test_refuses_options_that_do_not_fit(dataset: Path, tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        corrupt(dataset, tmp_path / "noisy", **options)
    assert [path.name for path in tmp_path.iterdir()] == ["clean"]


def test_refuses_labels_that_are_noisy_already(dataset: Path, tmp_path: Path) -> None:
    corrupt(dataset, tmp_path / "noisy", hq_first=2, size=(2, 2))
    with pytest.raises(UsageError, match="made from"):
        corrupt(tmp_path / "noisy", tmp_path / "twice", hq_first=2)
    CaseRow.write(
        dataset, [CaseRow(case_id="c0", quality="lq", split="train", group="c0", source=""), *rows()[1:]]
    )
    with pytest.raises(UsageError, match="marked lq"):
        corrupt(dataset, tmp_path / "twice", hq_first=2)


def test_refuses_output_that_is_not_empty(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "noisy").mkdir()
    (tmp_path / "noisy" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="--overwrite"):
        corrupt(dataset, tmp_path / "noisy", hq_first=2)
    with pytest.raises(UsageError, match="outside"):
        corrupt(dataset, dataset / "noisy", hq_first=2)
    with pytest.raises(UsageError, match="outside"):
        corrupt(dataset, dataset.parent, hq_first=2, overwrite=True)
    assert (dataset / "dataset.json").is_file()
    assert (tmp_path / "noisy" / "mine.txt").read_text() == "mine"


def test_command_line(dataset: Path, tmp_path: Path, alcseg) -> None:
    done = alcseg("corrupt", dataset, tmp_path / "n", "--hq-first", 2, "--size", 2, 3, "--json")
    assert done.code == 0
    told = json.loads(done.out)
    assert (told["lq"], told["dataset"]) == (3, str(tmp_path / "n"))
    assert told.keys() == {
        "dataset", "hq", "lq", "mean_dice", "worst_dice", "worst_case", "unchanged", "reduced"
    }  # fmt: skip


@pytest.mark.parametrize("kind", [str, Path, Dataset.open])
def test_datasets_are_text_or_objects(
    dataset: Path, tmp_path: Path, kind: Callable[[Path], str | Path | Dataset]
) -> None:
    result = corrupt(kind(dataset), str(tmp_path / "noisy"), hq_first=2, size=(2, 3))
    assert NoiseManifest.read(Path(result)) == result.manifest
    assert Dataset.open(result).rows_where(quality="lq") == Dataset.open(tmp_path / "noisy").rows[2:5]


def test_arrays_are_spoiled_to_the_same_voxels(dataset: Path, tmp_path: Path) -> None:
    corrupt(dataset, tmp_path / "noisy", hq_first=2, model="slice_offset", seed=4)
    clean, noisy = Dataset.open(dataset), Dataset.open(tmp_path / "noisy")
    for row in noisy.rows_where(quality="lq"):
        label = clean.read_label(row.case_id)
        found = apply("slice_offset", label.array, label.spacing, seed=case_generator(4, row.case_id))
        assert np.array_equal(found, noisy.read_label(row.case_id).array)
        assert not np.array_equal(found, label.array)


@pytest.fixture
def clean_dataset(solvable_dataset):
    """All labels are clean and called hq."""
    for path in (solvable_dataset / "labelsClean").iterdir():
        path.replace(solvable_dataset / "labelsTr" / path.name)
    (solvable_dataset / "labelsClean").rmdir()
    rows = Dataset.open(solvable_dataset).rows
    CaseRow.write(solvable_dataset, [row.model_copy(update={"quality": "hq"}) for row in rows])
    return solvable_dataset


def test_labels_of_a_network_are_what_it_predicts(clean_dataset, make_run, threshold_network, tmp_path):
    with torch.no_grad():
        threshold_network.head.bias[2] -= 40  # it sees less of the second class than there is
    run = make_run(threshold_network, trained=("hq_0",))
    result = corrupt(clean_dataset, tmp_path / "out", hq_first=1, model="network", run=run)
    predicted = predict(run, [Dataset.open(clean_dataset)["lq_0"]], out=tmp_path / "predicted")
    given = read_label(tmp_path / "out" / "labelsTr" / "lq_0.nii.gz").array
    assert np.array_equal(given, read_label(predicted.path / "lq_0.nii.gz").array)
    entry = result.manifest.cases["lq_0"]
    assert (entry.model, entry.operation, entry.size) == ("network", "predict", None)
    assert entry.details == {"run": str(run), "method": "h_sup"}
    clean = read_label(clean_dataset / "labelsTr" / "lq_0.nii.gz").array
    assert entry.dice_per_class["right"] == pytest.approx(dice(given == 9, clean == 9))
    assert entry.dice_per_class["right"] < 1
    assert Dataset.open(tmp_path / "out").row("hq_0").quality == "hq"
    assert not (tmp_path / "out" / ".predicted").exists()


def test_a_network_that_has_seen_the_labels_is_warned_of(clean_dataset, make_run, tmp_path, caplog):
    corrupt(clean_dataset, tmp_path / "out", hq_first=1, model="network", run=make_run())
    assert "was trained on lq_0 and lq_1" in caplog.text or "was trained on lq_0, lq_1" in caplog.text


def test_a_run_goes_with_the_model_network_and_no_size_with_it(clean_dataset, make_run, tmp_path):
    run = make_run()
    for options, said in (
        ({"model": "network"}, "expected --run with --model network"),
        ({"model": "cube", "run": run}, "expected --run with --model network"),
        ({"model": "network", "run": run, "size": (1, 2)}, "--model network has none"),
    ):
        with pytest.raises(UsageError, match=said):
            corrupt(clean_dataset, tmp_path / "out", hq_first=1, **options)
    other = make_run(label_names=("background", "liver", "right"))
    with pytest.raises(DataError, match="expected the labels"):
        corrupt(clean_dataset, tmp_path / "out", hq_first=1, model="network", run=other)
    assert not (tmp_path / "out").exists()
