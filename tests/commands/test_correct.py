"""A dataset corrected: what is written, what stays, what is told of it, and what is refused at the door."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import yaml

from alcseg.commands.correct import correct
from alcseg.corrected import Correction
from alcseg.data import folder as folder_module
from alcseg.data.folder import Dataset
from alcseg.errors import DataError
from alcseg.inference import predictor as predictor_module
from alcseg.inference import sliding_window
from changed_dataset import set_quality, spoil

MakeRun = Callable[..., Path]
Read = Callable[[Path], np.ndarray]

pytestmark = pytest.mark.usefixtures("little_to_explain")

_watched: list[str] | None = None


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if _watched is not None and event in ("open", "os.link", "os.listdir", "os.scandir", "shutil.copyfile"):
        _watched.extend(str(argument) for argument in arguments)


sys.addaudithook(_note)


@contextmanager
def watch_files() -> Iterator[list[str]]:
    """Names of all files that Python opens, links or lists inside the block."""
    global _watched
    _watched = []
    try:
        yield _watched
    finally:
        _watched = None


def test_lq_labels_are_refined_and_all_others_stay(
    solvable_dataset: Path, make_run: MakeRun, read_values: Read, tmp_path: Path
) -> None:
    out = tmp_path / "corrected"
    result = correct(make_run(), solvable_dataset, out=out)
    assert result.corrected == ("lq_0", "lq_1")
    assert result.pseudo_labeled == ()
    assert result.failed == {}
    assert result.path == out
    for case_id in ("lq_0", "lq_1"):
        given = solvable_dataset / "labelsTr" / f"{case_id}.nii.gz"
        refined = out / "labelsTr" / f"{case_id}.nii.gz"
        clean = solvable_dataset / "labelsClean" / f"{case_id}.nii.gz"
        assert np.array_equal(read_values(refined), read_values(clean))
        assert (out / "labelsGiven" / f"{case_id}.nii.gz").read_bytes() == given.read_bytes()
        doubt = nib.load(out / "uncertainty" / f"{case_id}.nii.gz")
        assert doubt.get_data_dtype() == np.float32
        for path in (refined, out / "uncertainty" / f"{case_id}.nii.gz"):
            assert np.array_equal(nib.load(path).affine, nib.load(given).affine)
    for name in (
        "labelsTr/hq_0",
        "labelsTr/val_0",
        "labelsTs/ts_0",
        "imagesTs/ts_0_0000",
        "imagesTr/lq_0_0000",
    ):
        assert (out / f"{name}.nii.gz").read_bytes() == (solvable_dataset / f"{name}.nii.gz").read_bytes()
    assert (out / "cases.csv").read_bytes() == (solvable_dataset / "cases.csv").read_bytes()
    written = Dataset.open(out)
    assert written.labels == {"background": 0, "left": 5, "right": 9}
    assert written.record.num_training == 6
    assert written.record.extra["licence"] == "none"
    assert sorted(path.name for path in (out / "labelsGiven").iterdir()) == ["lq_0.nii.gz", "lq_1.nii.gz"]
    assert {path.name for path in out.iterdir()} == {
        "imagesTr", "imagesTs", "labelsTr", "labelsTs", "labelsGiven", "uncertainty",
        "dataset.json", "cases.csv", "given.csv", "ranking.csv", "offsets.csv", "audit.jsonl", "correct.json",
        "report.html",
    }  # fmt: skip
    assert result.report == out / "report.html"


def test_ranking_and_trail_say_what_changed(
    solvable_dataset: Path, make_run: MakeRun, read_values: Read, tmp_path: Path
) -> None:
    run = make_run(trained=("hq_0", "lq_0"))
    result = correct(run, solvable_dataset, out=tmp_path / "corrected")
    assert [(row.rank, row.class_name) for row in result.ranking] == [
        (1, "left"), (1, "right"), (2, "left"), (2, "right"),
    ]  # fmt: skip
    for row in result.ranking:
        assert row.changed_mm3 == pytest.approx(row.added_mm3 + row.removed_mm3, abs=1e-3)
        assert row.agreement is not None
        assert 0 < row.agreement < 1
        assert 0 <= row.written_error < row.given_error <= 1
        assert row.in_sample == (row.case_id == "lq_0") == ("seen in training" in row.reason)
    assert result.record.in_sample == 1
    right = next(row for row in result.ranking if row.class_name == "right")
    # The given label was dilated by a voxel all around: its surface lies outside of the refined one.
    assert right.shift_mm > 0.5
    assert right.removed_mm3 > 0
    assert right.added_mm3 == 0
    assert [line.case_id for line in result.audit] == ["lq_0", "lq_1"]
    for line in result.audit:
        given, now = (
            read_values(root / "labelsTr" / f"{line.case_id}.nii.gz")
            for root in (solvable_dataset, result.path)
        )
        assert (line.run, line.method, line.quality) == (str(run), "h_sup", "lq")
        assert line.action == "refined"
        assert line.voxels_changed == (given != now).sum()
        rows = {row.class_name: row for row in result.ranking if row.case_id == line.case_id}
        for name, change in line.classes.items():
            assert (change.added_mm3, change.removed_mm3) == (rows[name].added_mm3, rows[name].removed_mm3)
        assert line.classes.keys() == line.drawn_mm.keys() == {"left", "right"}


def test_right_labels_stay_to_the_voxel(
    solvable_dataset: Path, make_run: MakeRun, read_values: Read, tmp_path: Path
) -> None:
    for name in ("lq_0", "lq_1"):
        clean = solvable_dataset / "labelsClean" / f"{name}.nii.gz"
        shutil.copyfile(clean, solvable_dataset / "labelsTr" / clean.name)
    result = correct(make_run(), solvable_dataset, out=tmp_path / "out", passes=2)
    assert [line.voxels_changed for line in result.audit] == [0, 0]
    assert all(row.given_error < 0.2 for row in result.ranking)
    assert result.record.rehearsal.right_written_dice > 0.99


def test_the_clean_labels_are_never_opened(solvable_dataset: Path, make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    with watch_files() as seen:
        correct(run, solvable_dataset, out=tmp_path / "corrected")
    assert any("labelsTr" in name for name in seen), "the hook is alive"
    assert not [name for name in seen if "labelsClean" in name or "noise.json" in name]


def test_equal_seeds_give_equal_files(solvable_dataset: Path, make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    for name in ("one", "two"):
        correct(run, solvable_dataset, out=tmp_path / name, passes=2, seed=3)
    correct(run, solvable_dataset, out=tmp_path / "three", passes=2, seed=4)
    for name in ("ranking.csv", "uncertainty/lq_0.nii.gz", "labelsTr/lq_1.nii.gz"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    name = "uncertainty/lq_0.nii.gz"
    assert (tmp_path / "one" / name).read_bytes() != (tmp_path / "three" / name).read_bytes()


def test_nnunet_numbers_labels_consecutively(
    solvable_dataset: Path, make_run: MakeRun, read_values: Read, tmp_path: Path
) -> None:
    out = tmp_path / "corrected"
    correct(make_run(), solvable_dataset, out=out, nnunet=True)
    meta = json.loads((out / "dataset.json").read_text())
    assert meta["labels"] == {"background": 0, "left": 1, "right": 2}
    assert meta["original_label_values"] == {"background": 0, "left": 5, "right": 9}
    for name in ("labelsTr/hq_0", "labelsTr/lq_0", "labelsTs/ts_0", "labelsGiven/lq_0"):
        assert np.unique(read_values(out / f"{name}.nii.gz")).tolist() == [0, 1, 2]
    old, new = (read_values(root / "labelsTr" / "hq_0.nii.gz") for root in (solvable_dataset, out))
    assert np.array_equal(np.array([0, 5, 9])[new], old)


def test_unlabeled_cases_get_pseudo_labels(
    solvable_dataset: Path, make_run: MakeRun, read_values: Read, tmp_path: Path
) -> None:
    set_quality(solvable_dataset, {"lq_1": "unlabeled"})
    (solvable_dataset / "labelsTr" / "lq_1.nii.gz").unlink()
    (solvable_dataset / "imagesUn").mkdir()
    (solvable_dataset / "imagesTr" / "lq_1_0000.nii.gz").rename(
        solvable_dataset / "imagesUn" / "lq_1_0000.nii.gz"
    )
    out = tmp_path / "corrected"
    result = correct(make_run(), solvable_dataset, out=out)
    assert (result.corrected, result.pseudo_labeled) == (("lq_0",), ("lq_1",))
    assert (result.record.corrected, result.record.pseudo_labeled) == (1, 1)
    assert result.audit[1].voxels_changed == (read_values(out / "labelsTr" / "lq_1.nii.gz") > 0).sum()
    clean = read_values(solvable_dataset / "labelsClean" / "lq_1.nii.gz")
    assert np.array_equal(read_values(out / "labelsTr" / "lq_1.nii.gz"), clean)
    assert (out / "imagesTr" / "lq_1_0000.nii.gz").exists()
    assert not (out / "labelsGiven" / "lq_1.nii.gz").exists()
    rows = [row for row in result.ranking if row.case_id == "lq_1"]
    assert all("no label was given" in row.reason and row.agreement is None for row in rows)
    assert Dataset.open(out).row("lq_1").quality == "unlabeled"


def test_a_broken_case_keeps_its_label_and_is_recorded(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    spoil(solvable_dataset / "imagesTr" / "lq_0_0000.nii.gz")
    out = tmp_path / "corrected"
    result = correct(make_run(), solvable_dataset, out=out)
    assert list(result.failed) == ["lq_0"]
    assert result.corrected == ("lq_1",)
    assert (result.record.corrected, result.record.in_sample) == (1, 2)
    assert {row.case_id for row in result.ranking} == {"lq_1"}
    given = solvable_dataset / "labelsTr" / "lq_0.nii.gz"
    assert (out / "labelsTr" / "lq_0.nii.gz").read_bytes() == given.read_bytes()
    assert (out / "imagesTr" / "lq_0_0000.nii.gz").is_file()
    assert not (out / "labelsGiven" / "lq_0.nii.gz").exists()
    assert [line.action for line in result.audit] == ["kept", "refined"]
    assert result.audit[0].reason == f"could not be refined: {result.failed['lq_0']}"


def test_where_every_case_is_broken_the_first_is_named_and_nothing_is_written(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    for case_id in ("lq_0", "lq_1"):
        spoil(solvable_dataset / "imagesTr" / f"{case_id}_0000.nii.gz")
    with pytest.raises(DataError, match=r"none of 2 case\(s\) could be refined; the first: .*lq_0_0000"):
        correct(make_run(), solvable_dataset, out=tmp_path / "corrected", passes=2)
    assert not (tmp_path / "corrected").exists()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often images are read and prepared, labels are read, and a network passes over a volume."""
    counts = {"images": 0, "labels": 0, "prepared": 0, "passes": 0}

    def count(module: Any, name: str, key: str) -> None:
        original = getattr(module, name)

        def counted(*args: Any, **options: Any) -> Any:
            counts[key] += 1
            return original(*args, **options)

        monkeypatch.setattr(module, name, counted)

    count(folder_module, "read_image", "images")
    count(folder_module, "read_label", "labels")
    count(predictor_module, "preprocess_images", "prepared")
    count(sliding_window, "sliding_window_inference", "passes")
    return counts


def test_each_case_is_looked_at_once(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path, looks: dict[str, int]
) -> None:
    correct(make_run(), solvable_dataset, out=tmp_path / "out", passes=3)
    # 3 held-out cases and 2 to correct, each with a plain pass and three perturbed ones; the page shows 2, as
    # they came and as they were written.
    assert looks == {"images": 5 + 2, "labels": 5 + 2 * 2, "prepared": 5, "passes": 20}


def test_labels_are_better_and_how_they_were_drawn_is_told(
    make_run: MakeRun, solvable_dataset: Path, tmp_path: Path, read_values: Read
) -> None:
    # The LQ labels are dilated by a voxel, and the network sees the truth.
    result = correct(make_run(), solvable_dataset, out=tmp_path / "out", passes=2)
    assert [(row.case_id, row.class_name) for row in result.offsets] == [
        (case_id, name) for case_id in ("lq_0", "lq_1") for name in ("left", "right")
    ]
    assert all(row.agreement >= row.agreement_as_given for row in result.offsets)
    for line in result.audit:
        rows = {row.class_name: row for row in result.offsets if row.case_id == line.case_id}
        assert line.action == rows["left"].label
        assert line.drawn_mm == {name: pytest.approx(row.drawn_mm, abs=1e-3) for name, row in rows.items()}
    for case_id in ("lq_0", "lq_1"):
        clean = read_values(solvable_dataset / "labelsClean" / f"{case_id}.nii.gz")
        given = read_values(solvable_dataset / "labelsTr" / f"{case_id}.nii.gz")
        written = read_values(tmp_path / "out" / "labelsTr" / f"{case_id}.nii.gz")
        assert (written != clean).sum() < (given != clean).sum()
    assert (result.record.how, result.record.risk) == ("auto", 0.05)
    assert sum(result.record.written.values()) == 2
    assert len(result.record.offsets) == 2
    reference = result.record.clean_labels
    assert reference is not None
    assert list(reference.agreement) == list(reference.blur_mm) == ["left", "right"]
    assert all(value > 0.9 for value in reference.agreement.values())


@pytest.mark.parametrize("how", ["patched", "moved", "posterior", "refined"])
def test_one_kind_of_change_may_be_asked_for(
    make_run: MakeRun, solvable_dataset: Path, tmp_path: Path, how: str
) -> None:
    result = correct(make_run(), solvable_dataset, out=tmp_path / "out", passes=2, how=how)
    assert result.record.written.keys() <= {how, "given"}


def test_the_record_says_how_the_passes_were_drawn(
    make_run: MakeRun, solvable_dataset: Path, tmp_path: Path
) -> None:
    run = make_run()
    config = {"method": {"name": "alc", "noise_std": 0.3, "weighting": "uniform", "passes": 9}, "seed": 0}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    result = correct(run, solvable_dataset, out=tmp_path / "out", seed=5)
    passes = result.record.perturbation
    assert (passes.passes, passes.seed, passes.noise_std, passes.weighting) == (4, 5, 0.3, "uniform")
    assert (result.record.run, result.record.dataset) == (str(run), str(solvable_dataset))
    assert (result.record.method, result.record.nnunet) == ("alc", False)
    assert result.record.time_s > 0


@pytest.mark.parametrize("kind", [str, Path])
def test_folders_may_be_text_or_paths(
    kind: type, make_run: MakeRun, solvable_dataset: Path, tmp_path: Path
) -> None:
    result = correct(kind(make_run()), kind(solvable_dataset), out=kind(tmp_path / "out"), passes=2)
    assert isinstance(result, Correction)
    assert Correction.open(kind(tmp_path / "out")) == Correction.open(result)
