import csv
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from alcseg.commands.correct import correct
from alcseg.data.folder import DatasetFolder
from alcseg.errors import DataError, UsageError
from alcseg.files import write_json
from alcseg.records.cases import CaseRow

MakeRun = Callable[..., Path]
Read = Callable[[Path], np.ndarray]

COLUMNS = (
    "rank,case_id,class,uncertainty,agreement,changed_mm3,added_mm3,removed_mm3,"
    "shift_mm,score,in_sample,reason"
)

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


def ranking_of(out: Path) -> list[dict[str, str]]:
    with (out / "ranking.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def set_quality(dataset: Path, quality: dict[str, str]) -> None:
    rows = DatasetFolder.open(dataset).rows
    CaseRow.write(
        dataset,
        [
            CaseRow(
                case_id=row.case_id,
                quality=quality.get(row.case_id, row.quality),
                split=row.split,
                group=row.group,
                source=row.source,
            )
            for row in rows
        ],
    )


class Unsure(nn.Module):
    """Solves like the threshold, but its answer wavers wherever the image is not background."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.dropout = nn.Dropout3d(0.5)

    def forward(self, image: Tensor) -> Tensor:
        tilt = torch.zeros_like(image).repeat(1, 3, 1, 1, 1)
        tilt[:, 0:1] = 40 * (self.dropout(torch.ones_like(image)) - 1) * (image > 0.5)
        return self.inner(image) + tilt


def test_lq_labels_are_refined_and_all_others_stay(
    solvable_dataset: Path, make_run: MakeRun, read_values: Read, tmp_path: Path
) -> None:
    out = tmp_path / "corrected"
    result = correct(make_run(), solvable_dataset, out=out)
    assert result.corrected == ["lq_0", "lq_1"]
    assert result.failed == {}
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
    written = DatasetFolder.open(out)
    assert written.labels == {"background": 0, "left": 5, "right": 9}
    assert written.record.num_training == 6
    assert written.record.extra["licence"] == "none"
    assert sorted(path.name for path in (out / "labelsGiven").iterdir()) == ["lq_0.nii.gz", "lq_1.nii.gz"]
    assert not (out / "noise.json").exists()
    assert not (out / "labelsClean").exists()


def test_ranking_has_the_agreed_columns_and_sums(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    out = tmp_path / "corrected"
    correct(make_run(), solvable_dataset, out=out)
    assert (out / "ranking.csv").read_text().splitlines()[0] == COLUMNS
    rows = ranking_of(out)
    assert [(row["rank"], row["class"]) for row in rows] == [
        ("1", "left"),
        ("1", "right"),
        ("2", "left"),
        ("2", "right"),
    ]
    for row in rows:
        changed, added, removed = (float(row[f"{name}_mm3"]) for name in ("changed", "added", "removed"))
        assert changed == pytest.approx(added + removed, abs=1e-3)
        assert 0 < float(row["agreement"]) < 1
        assert 0 <= float(row["score"]) <= 1
        assert row["in_sample"] == "true"
        assert "seen in training" in row["reason"]
    right = next(row for row in rows if row["class"] == "right")
    # The given label was dilated by a voxel all around: its surface lies outside of the refined one.
    assert float(right["shift_mm"]) > 0.5
    assert float(right["removed_mm3"]) > 0
    assert float(right["added_mm3"]) == 0
    audit = [json.loads(line) for line in (out / "audit.jsonl").read_text().splitlines()]
    assert [line["case_id"] for line in audit] == ["lq_0", "lq_1"]
    for line in audit:
        assert line["action"] == "refined"
        assert line["voxels_changed"] > 0
        assert {"time", "run", "method", "classes", "reason"} <= set(line)


def test_held_out_hq_cases_calibrate_and_trained_ones_do_not(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    result = correct(make_run(), solvable_dataset, out=tmp_path / "corrected")
    assert result.calibration is not None
    assert result.calibration.cases == ("val_0", "val_1", "val_2")
    assert result.record["calibration"]["curves"]["all classes"]["n"] == 6
    write_json(tmp_path / "run" / "run.json", {"train_cases": ["lq_0", "lq_1"]})
    result = correct(tmp_path / "run", solvable_dataset, out=tmp_path / "again")
    assert result.calibration is not None
    assert result.calibration.cases == ("hq_0", "val_0", "val_1", "val_2")


def test_without_held_out_cases_the_ranking_says_so(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    CaseRow.write(
        solvable_dataset, [row for row in DatasetFolder.open(solvable_dataset).rows if row.split == "train"]
    )
    out = tmp_path / "corrected"
    result = correct(make_run(), solvable_dataset, out=out)
    assert "no held-out HQ case" in result.record["ranking"]
    assert all("not calibrated" in row["reason"] for row in ranking_of(out))
    with pytest.raises(DataError, match="--replace confident expects held-out HQ cases"):
        correct(make_run(), solvable_dataset, out=tmp_path / "other", replace="confident")
    assert not (tmp_path / "other").exists()


def test_confident_keeps_the_given_label_where_errors_are_likely(
    solvable_dataset: Path, make_run: MakeRun, threshold_network: nn.Module, read_values: Read, tmp_path: Path
) -> None:
    # Held-out labels claim background everywhere, so the refined foreground is always wrong there, and
    # where it is wrong the network wavers: the threshold falls below the uncertainty of all foreground.
    for index in range(3):
        path = solvable_dataset / "labelsTr" / f"val_{index}.nii.gz"
        label = nib.load(path)
        nib.save(nib.Nifti1Image(np.zeros(label.shape, np.uint8), label.affine), path)
    run = make_run(Unsure(threshold_network))
    result = correct(run, solvable_dataset, out=tmp_path / "confident", replace="confident")
    assert np.isfinite(result.record["calibration"]["voxel_threshold"])
    correct(run, solvable_dataset, out=tmp_path / "all")
    given = read_values(solvable_dataset / "labelsTr" / "lq_0.nii.gz")
    every = read_values(tmp_path / "all" / "labelsTr" / "lq_0.nii.gz")
    kept = read_values(tmp_path / "confident" / "labelsTr" / "lq_0.nii.gz")
    doubt = read_values(tmp_path / "confident" / "uncertainty" / "lq_0.nii.gz")
    above = doubt > result.record["calibration"]["voxel_threshold"]
    assert above.any()
    assert np.array_equal(kept, np.where(above, given, every))


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
    assert result.pseudo_labeled == ["lq_1"]
    clean = read_values(solvable_dataset / "labelsClean" / "lq_1.nii.gz")
    assert np.array_equal(read_values(out / "labelsTr" / "lq_1.nii.gz"), clean)
    assert (out / "imagesTr" / "lq_1_0000.nii.gz").exists()
    assert not (out / "labelsGiven" / "lq_1.nii.gz").exists()
    rows = [row for row in ranking_of(out) if row["case_id"] == "lq_1"]
    assert all("no label was given" in row["reason"] and row["agreement"] == "" for row in rows)
    assert DatasetFolder.open(out).row("lq_1").quality == "unlabeled"


def test_a_broken_case_keeps_its_label_and_is_recorded(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    broken = solvable_dataset / "imagesTr" / "lq_0_0000.nii.gz"
    image = nib.load(broken)
    nib.save(nib.Nifti1Image(np.ones(image.shape, np.float32), image.affine), broken)
    out = tmp_path / "corrected"
    result = correct(make_run(), solvable_dataset, out=out)
    assert list(result.failed) == ["lq_0"]
    assert result.corrected == ["lq_1"]
    given = solvable_dataset / "labelsTr" / "lq_0.nii.gz"
    assert (out / "labelsTr" / "lq_0.nii.gz").read_bytes() == given.read_bytes()
    first = json.loads((out / "audit.jsonl").read_text().splitlines()[0])
    assert first["action"] == "kept"
    assert "could not be refined" in first["reason"]


def test_what_does_not_fit_is_named_and_nothing_is_written(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    out = tmp_path / "corrected"
    with pytest.raises(UsageError, match="--replace: expected all or confident, got 'some'"):
        correct(make_run(), solvable_dataset, out=out, replace="some")
    with pytest.raises(UsageError, match="--passes: expected at least 2"):
        correct(make_run(), solvable_dataset, out=out, passes=1)
    for inside in (solvable_dataset, solvable_dataset / "corrected", solvable_dataset.parent):
        with pytest.raises(UsageError, match="expected an output folder outside of the source"):
            correct(make_run(), solvable_dataset, out=inside, overwrite=True)
    with pytest.raises(DataError, match=r"expected the labels .*'liver': 5.* found .*'left': 5"):
        correct(make_run(label_names=("background", "liver", "right")), solvable_dataset, out=out)
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    with pytest.raises(UsageError, match="expected an empty or new output folder"):
        correct(make_run(), solvable_dataset, out=tmp_path / "used")
    set_quality(solvable_dataset, {"lq_0": "hq", "lq_1": "hq"})
    with pytest.raises(DataError, match="expected training cases of quality lq or unlabeled, found none"):
        correct(make_run(), solvable_dataset, out=out)
    assert not out.exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".partial")]


def test_aligned_labels_are_better_and_the_offsets_are_told(
    make_run: MakeRun, solvable_dataset: Path, tmp_path: Path, read_values: Read
) -> None:
    # The LQ labels are dilated by a voxel, and the network sees the truth.
    result = correct(make_run(), solvable_dataset, out=tmp_path / "out", how="aligned", passes=2)
    with (tmp_path / "out" / "offsets.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {(row["case_id"], row["class"]) for row in rows} == {
        (case_id, name) for case_id in ("lq_0", "lq_1") for name in ("left", "right")
    }
    assert all(float(row["agreement"]) >= float(row["agreement_as_given"]) for row in rows)
    for case_id in ("lq_0", "lq_1"):
        clean = read_values(solvable_dataset / "labelsClean" / f"{case_id}.nii.gz") > 0
        given = read_values(solvable_dataset / "labelsTr" / f"{case_id}.nii.gz") > 0
        written = read_values(tmp_path / "out" / "labelsTr" / f"{case_id}.nii.gz") > 0
        assert (written != clean).sum() < (given != clean).sum()
    assert result.how == "aligned"
    assert len(result.record["offsets"]) == 2
    assert result.record["clean_labels"]["held_out"]
    assert all(value > 0.9 for value in result.record["clean_labels"]["agreement"].values())


def test_without_held_out_cases_clean_labels_are_those_that_were_trained_on(
    make_run: MakeRun, solvable_dataset: Path, tmp_path: Path
) -> None:
    set_quality(solvable_dataset, {f"val_{index}": "lq" for index in range(3)})
    result = correct(make_run(), solvable_dataset, out=tmp_path / "out", how="aligned", passes=2)
    assert not result.record["clean_labels"]["held_out"]
    assert all(value > 0.9 for value in result.record["clean_labels"]["agreement"].values())


def test_auto_aligns_only_where_there_is_a_teacher(
    make_run: MakeRun, solvable_dataset: Path, tmp_path: Path
) -> None:
    result = correct(make_run(), solvable_dataset, out=tmp_path / "out", passes=2)
    assert result.how == "refined"
    assert not (tmp_path / "out" / "offsets.csv").exists()
    with pytest.raises(UsageError, match="expected auto, refined or aligned, got 'both'"):
        correct(make_run(), solvable_dataset, out=tmp_path / "other", how="both")
