"""Preprocessed cases on disk: reused while nothing changed, never half written."""

import errno
import json
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
import pytest

from alcseg.data.cache import CachedCase, build_cache, require_foreground
from alcseg.data.folder import Dataset
from alcseg.data.plan import make_plan
from alcseg.errors import DataError, LabelError, ResourceError
from alcseg.records.cached_case import CachedCaseRecord
from alcseg.records.cases import CaseRow
from alcseg.records.dataset import DatasetRecord
from alcseg.records.plan import Plan


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Dataset:
    """Cases `a` and `b` with one foreground slice, `u` without a label, `e` with an empty one."""
    root = tmp_path / "dataset"
    rows = []
    for case_id in "abue":
        image = rng.normal(0, 1, (6, 5, 4)).astype(np.float32)
        save(root / f"imagesTr/{case_id}_0000.nii.gz", image)
        label = np.zeros((6, 5, 4), np.uint8)
        label[2] = case_id != "e"
        if case_id != "u":
            save(root / f"labelsTr/{case_id}.nii.gz", label)
        rows.append(
            CaseRow(
                case_id=case_id,
                quality="unlabeled" if case_id == "u" else "hq",
                split="train",
                group=case_id,
                source="",
            )
        )
    CaseRow.write(root, rows)
    labels = {"background": 0, "organ": 1}
    DatasetRecord(name="made", channel_names={"0": "MRI"}, labels=labels, num_training=4).write(root)
    return Dataset.open(root)


@pytest.fixture
def plan(folder: Dataset) -> Plan:
    return make_plan(folder)


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, np.eye(4)), path)


def build(folder: Dataset, plan: Plan, root: Path, names: str = "ab") -> list[CachedCase]:
    return build_cache(folder, [folder.row(name) for name in names], plan, root)


def times(root: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}


def test_cases_are_memory_maps_of_half_precision(folder: Dataset, plan: Plan, tmp_path: Path) -> None:
    case, unlabeled = build(folder, plan, tmp_path / "cache", "au")
    assert isinstance(case.image(), np.memmap)
    assert isinstance(case.label(), np.memmap)
    assert (case.image().dtype, case.image().shape) == (np.float16, (1, 6, 5, 4))
    assert (case.label().dtype, case.label().sum()) == (np.uint8, 20)
    assert unlabeled.quality == "unlabeled"
    assert not unlabeled.label().any()


def test_numbers_that_half_precision_would_merge_are_kept(folder: Dataset, tmp_path: Path) -> None:
    plan = make_plan(folder, normalization="none")
    for name, high in (("a", 2048), ("b", 70_000)):
        image = np.arange(high - 119, high + 1).reshape(6, 5, 4).astype(np.int32)
        save(folder.root / f"imagesTr/{name}_0000.nii.gz", image)
    exact, large = build(folder, plan, tmp_path / "cache")
    assert (exact.image().dtype, large.image().dtype) == (np.float16, np.float32)
    assert exact.image()[0].ravel().tolist() == list(range(1929, 2049))
    assert large.image()[0].ravel().tolist() == list(range(69_881, 70_001))


def test_what_is_there_is_used(folder: Dataset, plan: Plan, tmp_path: Path) -> None:
    first = build(folder, plan, tmp_path / "cache")
    before = times(tmp_path / "cache")
    assert build(folder, plan, tmp_path / "cache") == first
    assert times(tmp_path / "cache") == before
    assert not list((tmp_path / "cache").rglob(".partial*"))


def test_caches_of_older_releases_are_used(folder: Dataset, plan: Plan, tmp_path: Path) -> None:
    # The name of the folder and the record of a case as they were before records had formats.
    (case,) = build(folder, plan, tmp_path / "cache", "a")
    assert plan.spacing == (1.0, 1.0, 1.0)
    assert case.stem.parent.name == "a85c1525db2294af"  # of version 2 of the preprocessing
    old = json.loads(case.record_path.read_text())
    assert old.pop("format") == 1
    case.record_path.write_text(json.dumps(old))
    before = times(tmp_path / "cache")
    build(folder, plan, tmp_path / "cache", "a")
    assert times(tmp_path / "cache") == before


@pytest.mark.parametrize("damage", ["", "{}", "[]", '{"source_hash": "other"}'])
def test_a_damaged_record_counts_as_absent(folder: Dataset, plan: Plan, tmp_path: Path, damage: str) -> None:
    (case,) = build(folder, plan, tmp_path / "cache", "a")
    case.record_path.write_text(damage)
    build(folder, plan, tmp_path / "cache", "a")
    assert CachedCaseRecord.read_file(case.record_path).foreground_voxels == 20


def test_an_interrupted_case_is_built_again(folder: Dataset, plan: Plan, tmp_path: Path) -> None:
    case, _ = build(folder, plan, tmp_path / "cache")
    Path(f"{case.stem}.json").unlink()
    Path(f"{case.stem}.label.npy").write_bytes(b"half")
    (again, _) = build(folder, plan, tmp_path / "cache")
    assert again.label().sum() == 20


@pytest.mark.parametrize("kind", ["image", "label"])
@pytest.mark.parametrize("harm", ["cut off", "gone", "foreign", "of another shape", "archive", "empty"])
def test_files_that_are_not_whole_are_built_again(
    folder: Dataset, plan: Plan, tmp_path: Path, kind: str, harm: str
) -> None:
    (case,) = build(folder, plan, tmp_path / "cache", "a")
    before = {path.name: path.read_bytes() for path in case.stem.parent.iterdir()}
    path = Path(f"{case.stem}.{kind}.npy")
    if harm == "gone":
        path.unlink()
    elif harm == "of another shape":
        np.save(path, np.zeros((1, 6, 5, 3), np.float16))
    elif harm == "archive":
        with path.open("wb") as stream:
            np.savez(stream, a=np.zeros(3))
    else:
        path.write_bytes({"cut off": before[path.name][:-7], "foreign": b"GIF89a", "empty": b""}[harm])
    build(folder, plan, tmp_path / "cache", "a")
    assert {path.name: path.read_bytes() for path in case.stem.parent.iterdir()} == before


def test_distances_that_are_not_whole_are_computed_again(folder: Dataset, plan: Plan, tmp_path: Path) -> None:
    (case,) = build(folder, plan, tmp_path / "cache", "a")
    right = np.array(case.distance(2))
    path = Path(f"{case.stem}.label.distance.npy")
    for content in (path.read_bytes()[:-7], b"GIF89a"):
        path.write_bytes(content)
        assert np.array_equal(case.distance(2), right)
    np.save(path, np.zeros((1, 6, 5, 3), np.float16))
    assert np.array_equal(case.distance(2), right)


def test_changed_sources_and_other_plans_are_cases_of_their_own(
    folder: Dataset, plan: Plan, tmp_path: Path
) -> None:
    old, other = build(folder, plan, tmp_path / "cache")
    label = np.zeros((6, 5, 4), np.uint8)
    label[:3] = 1
    save(folder.root / "labelsTr/a.nii.gz", label)
    new, same = build(folder, plan, tmp_path / "cache")
    assert same == other
    assert new.label().sum() == 60
    assert old.label().sum() == 20  # a run on the data as it was goes on undisturbed

    stored = make_plan(folder, normalization="none")
    raw, _ = build(folder, stored, tmp_path / "cache")
    assert raw.stem.parent != new.stem.parent
    larger = make_plan(folder, patch=(32, 32, 32))
    assert build(folder, larger, tmp_path / "cache")[0].stem == new.stem


def test_only_background_in_all_labels_is_refused(folder: Dataset, plan: Plan, tmp_path: Path) -> None:
    for names in ("ae", "u"):
        require_foreground(folder, build(folder, plan, tmp_path / "cache", names))
    with pytest.raises(LabelError, match="found only background in all 1 cases"):
        require_foreground(folder, build(folder, plan, tmp_path / "cache", "eu"))


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_too_small_a_disk_is_told_before_writing(
    folder: Dataset, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(100, 90, 10))
    with pytest.raises(ResourceError, match=r"to cache case 'a', found 0 MiB.*--set data\.cache") as caught:
        build(folder, plan, tmp_path / "cache")
    assert caught.value.exit_code == 5
    assert not times(tmp_path / "cache")


def test_a_disk_that_fills_up_leaves_nothing_half_written(
    folder: Dataset, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = np.save, []

    def full(path: Path, array: np.ndarray) -> None:
        calls.append(path)
        if len(calls) == 4:  # the label of the second case
            Path(path).write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, array)

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(ResourceError, match="to cache case 'b'"):
        build(folder, plan, tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("b-*.json"))  # without which a case counts as absent
    assert not list((tmp_path / "cache").rglob(".partial*"))
    monkeypatch.setattr(np, "save", real)
    first, second = build(folder, plan, tmp_path / "cache")  # goes on with what is missing
    assert first.label().sum() == second.label().sum() == 20


def test_a_damaged_array_is_named_with_what_to_delete(folder: Dataset, plan: Plan, tmp_path: Path) -> None:
    (case,) = build(folder, plan, tmp_path / "cache", "a")
    for kind, read in (
        ("image", case.image),
        ("label", case.label),
    ):
        path = Path(f"{case.stem}.{kind}.npy")
        path.write_bytes(b"xx")
        with pytest.raises(DataError, match=f"Delete {path.parent}"):
            read()
