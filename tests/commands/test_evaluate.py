import json
from collections.abc import Callable
from math import isnan
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from medpy.metric import binary

from alcseg.commands.evaluate import evaluate
from alcseg.data.case import Volume
from alcseg.data.folder import Dataset
from alcseg.data.nifti import read_label
from alcseg.errors import DataError, GeometryError, LabelError, UsageError
from alcseg.evaluation import Evaluation
from alcseg.records.cases import CaseRow
from alcseg.records.dataset import DatasetRecord
from alcseg.records.scores import ScoreRow

AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])
SHAPE = (10, 8, 6)


def save(path: Path, array: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array.astype(np.uint8), affine), path)


def box(value: int, low: int, high: int) -> np.ndarray:
    label = np.zeros(SHAPE, np.uint8)
    label[low:high, 2:6, 1:4] = value
    return label


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Case a: both classes, class 4 a bit off; b: class 4 missed; c: class 9 spurious."""
    pred, truth = tmp_path / "pred", tmp_path / "truth"
    save(truth / "a.nii.gz", box(4, 1, 5) + box(9, 6, 9))
    save(pred / "a.nii.gz", box(4, 2, 6) + box(9, 6, 9))
    save(truth / "b.nii.gz", box(4, 1, 5))
    save(pred / "b.nii.gz", box(0, 0, 1))
    save(truth / "c.nii.gz", box(4, 1, 5))
    save(pred / "c.nii.gz", box(4, 1, 5) + box(9, 6, 9))
    return pred, truth


def table(path: Path) -> dict[tuple[str, str, str], ScoreRow]:
    return {(row.case_id, row.class_name, row.metric): row for row in ScoreRow.read(path)}


def test_scores_and_penalties(folders: tuple[Path, Path], tmp_path: Path) -> None:
    pred, truth = folders
    result = evaluate(pred, truth, out=tmp_path / "eval")
    found = table(result.path)
    assert len(found) == 3 * 2 * 8
    diagonal = np.sqrt(10**2 + 8**2 + 12**2)
    statuses = {key: row.status for key, row in found.items() if key[2] == "dice"}
    assert list(statuses.values()) == ["ok", "ok", "missed", "both_empty", "ok", "spurious"]
    assert found["a", "4", "dice"].value == pytest.approx(0.75)  # 3 of 4 layers in common
    for case_id, name in (("b", "4"), ("c", "9")):
        assert found[case_id, name, "dice"].value == 0
        assert found[case_id, name, "hd95"].value == pytest.approx(diagonal)
        assert found[case_id, name, "nsd"].value == 0
    assert isnan(found["b", "9", "hd95"].value)
    assert (found["a", "4", "hd95"].unit, found["a", "4", "nsd"].unit) == ("mm", "fraction")
    again = Evaluation.open(result)
    assert again is result
    summary = Evaluation.open(tmp_path / "eval").summary
    assert summary == result.summary
    four, nine = summary.per_class["4"]["dice"], summary.per_class["9"]["dice"]
    assert four.mean == pytest.approx((0.75 + 0 + 1) / 3)
    assert (four.n, four.n_missed, four.n_spurious, four.n_undefined) == (3, 1, 0, 0)
    assert nine.mean == pytest.approx((1 + 0) / 2)
    assert (nine.n, nine.n_missed, nine.n_spurious, nine.n_undefined) == (2, 0, 1, 1)
    overall = summary.foreground_mean["dice"]
    assert overall.mean == pytest.approx((0.875 + 0 + 0.5) / 3)  # the mean over classes first
    assert (overall.n, overall.n_missed, overall.n_spurious) == (3, 1, 1)
    assert overall.interval_95[0] <= overall.mean <= overall.interval_95[1]
    assert summary.n_cases == 3


def test_paper_protocol_is_medpy_in_voxels(folders: tuple[Path, Path], tmp_path: Path) -> None:
    pred, truth = folders
    found = table(evaluate(pred, truth, out=tmp_path / "eval", protocol="paper").path)
    given, clean = (np.asarray(nib.load(folder / "a.nii.gz").dataobj) == 4 for folder in folders)
    assert found["a", "4", "hd95"].value == pytest.approx(binary.hd95(given, clean))
    assert found["a", "4", "asd"].value == pytest.approx(binary.asd(given, clean))
    assert found["b", "4", "asd"].value == pytest.approx(np.sqrt(10**2 + 8**2 + 6**2))
    assert found["a", "4", "hd95"].unit == "voxel"
    assert not any(metric == "nsd" for _, _, metric in found)


def test_two_files(folders: tuple[Path, Path], tmp_path: Path) -> None:
    pred, truth = folders
    result = evaluate(pred / "a.nii.gz", truth / "a.nii.gz", out=tmp_path / "eval")
    assert {case_id for case_id, _, _ in table(result.path)} == {"a"}


def write_dataset(root: Path, labels: dict[str, int]) -> Path:
    qualities = {"a": "hq", "b": "lq", "c": "lq", "d": "lq"}
    root.mkdir()
    CaseRow.write(
        root,
        [
            CaseRow(case_id=name, quality=quality, split="train", group=name, source="")
            for name, quality in qualities.items()
        ],
    )
    DatasetRecord(name="small", channel_names={"0": "CT"}, labels=labels, num_training=4).write(root)
    return root


def test_dataset_names_classes_and_chooses_cases(folders: tuple[Path, Path], tmp_path: Path) -> None:
    pred, truth = folders
    dataset = write_dataset(tmp_path / "data", {"background": 0, "liver": 4, "spleen": 9})
    result = evaluate(pred, truth, out=tmp_path / "eval", dataset=dataset, quality="lq")
    found = table(result.path)
    assert {key[:2] for key in found} == {
        ("b", "liver"), ("b", "spleen"), ("c", "liver"), ("c", "spleen")
    }  # fmt: skip
    # Case d is lq and has no reference; the prediction of case a was not asked for.
    assert (result.summary.n_without_truth, result.summary.n_predictions_left_out) == (1, 1)
    assert result.summary.classes == {"liver": 4, "spleen": 9}
    with pytest.raises(DataError, match=r"expected cases of --split test in cases\.csv, found none"):
        evaluate(pred, truth, out=tmp_path / "none", dataset=dataset, split="test")
    with pytest.raises(UsageError, match="--dataset"):
        evaluate(pred, truth, out=tmp_path / "none", quality="lq")


def test_a_tolerance_that_nothing_is_scored_with_is_refused(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="--tolerance-mm: expected --protocol mm beside it"):
        evaluate(*folders, out=tmp_path / "out", protocol="paper", tolerance_mm=2)


def test_values_without_a_name_are_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    pred, truth = folders
    dataset = write_dataset(tmp_path / "data", {"background": 0, "liver": 4})
    with pytest.raises(LabelError, match="9 in"):
        evaluate(pred, truth, out=tmp_path / "eval", dataset=dataset)
    save(pred / "a.nii.gz", box(5, 1, 3))
    with pytest.raises(LabelError, match="found 5"):
        evaluate(pred, truth, out=tmp_path / "eval")
    assert not (tmp_path / "eval").exists()


def test_missing_prediction_is_named(folders: tuple[Path, Path], tmp_path: Path) -> None:
    pred, truth = folders
    (pred / "b.nii.gz").unlink()
    with pytest.raises(DataError, match="none for 1: b"):
        evaluate(pred, truth, out=tmp_path / "eval")
    with pytest.raises(DataError, match="folder of label maps"):
        evaluate(tmp_path / "absent", truth, out=tmp_path / "eval")


def test_other_grid_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    pred, truth = folders
    save(pred / "c.nii.gz", box(4, 1, 5), affine=np.diag([1.0, 1.0, 2.5, 1.0]))
    with pytest.raises(GeometryError, match=r"case 'c': .* save the prediction with the header of the truth"):
        evaluate(pred, truth, out=tmp_path / "eval")
    assert not (tmp_path / "eval").exists()


def test_distances_follow_a_sheared_grid(tmp_path: Path) -> None:
    affine = np.diag([2.0, 1.0, 4.0, 1.0])
    affine[0, 2] = 3  # a step of 5 mm along the third axis is (3, 0, 4) mm
    pred, truth, missed = np.zeros((3, *SHAPE), np.uint8)
    pred[0, 0, 0] = truth[3, 0, 2] = missed[5, 5, 5] = 1
    save(tmp_path / "pred/a.nii.gz", pred, affine)
    save(tmp_path / "truth/a.nii.gz", truth, affine)
    save(tmp_path / "pred/b.nii.gz", 0 * pred, affine)
    save(tmp_path / "truth/b.nii.gz", missed, affine)
    scores = evaluate(tmp_path / "pred", tmp_path / "truth", out=tmp_path / "eval").values["hd95"]
    assert scores["a"]["1"] == pytest.approx(np.hypot(3 * 2 + 2 * 3, 2 * 4))
    # The longest diagonal of 10 x 8 x 6 voxels: (10 * 2 + 6 * 3, 8 * 1, 6 * 4) mm.
    assert scores["b"]["1"] == pytest.approx(np.linalg.norm([38, 8, 24]))


def test_truth_without_foreground(tmp_path: Path) -> None:
    save(tmp_path / "truth" / "a.nii.gz", box(0, 0, 1))
    with pytest.raises(LabelError, match="other than 0"):
        evaluate(tmp_path / "truth", tmp_path / "truth", out=tmp_path / "eval")


def test_command_line(folders: tuple[Path, Path], tmp_path: Path, alcseg) -> None:
    pred, truth = folders
    assert alcseg("evaluate", pred, truth, "--out", tmp_path / "eval").code == 0
    again = alcseg("evaluate", pred, truth, "--out", tmp_path / "eval")
    assert (again.code, "--overwrite" in again.err) == (2, True)
    done = alcseg("evaluate", pred, truth, "--out", tmp_path / "eval", "--overwrite", "--json")
    told = json.loads(done.out)
    assert told.keys() == {"per_case", "summary_file", "summary"}
    assert told["summary"]["n_cases"] == 3


def test_each_label_map_is_read_once(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []

    def note(path: Path, labels: object) -> Volume:
        read.append(path)
        return read_label(path)

    monkeypatch.setattr("alcseg.data.label_pairs.read_label", note)
    evaluate(*folders, out=tmp_path / "eval")
    assert sorted(read) == sorted(folder / f"{name}.nii.gz" for folder in folders for name in "abc")


def test_an_image_among_the_predictions_is_told_at_once(folders: tuple[Path, Path], tmp_path: Path) -> None:
    pred, truth = folders
    values = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
    nib.save(nib.Nifti1Image(values, AFFINE), pred / "b.nii.gz")
    with pytest.raises(LabelError, match=r"b\.nii\.gz: .* found 478 others .* looks like an image"):
        evaluate(pred, truth, out=tmp_path / "eval")


@pytest.mark.parametrize("kind", [str, Path, None])
def test_paths_are_text_or_objects(
    folders: tuple[Path, Path], tmp_path: Path, kind: Callable[[Path], Any] | None
) -> None:
    pred, truth = folders
    root = write_dataset(tmp_path / "data", {"background": 0, "liver": 4, "spleen": 9})
    dataset = Dataset.open(root, require_images=False) if kind is None else kind(root)
    as_given = kind or Path
    found = evaluate(as_given(pred), as_given(truth), out=as_given(tmp_path / "eval"), dataset=dataset)
    assert found.summary.dataset == str(root)
    assert Path(found) == tmp_path / "eval"


TOYS = """
from scipy import ndimage
from alcseg.metrics import Metric

def parts(pair):
    return float(ndimage.label(pair.pred)[1])

def volume_error(pair):
    x, y, z = pair.spacing
    return float(int(pair.pred.sum()) - int(pair.ref.sum())) * x * y * z

PARTS = Metric(compute=parts, title="parts", unit="count", better="lower", best=None, worst=None, penalty=99)
ERROR = Metric(
    compute=volume_error, title="volume error", unit="mm3", better="nothing", best=0.0, worst=None,
    penalty="computed", signed=True, digits=0,
)
"""


def test_counts_and_signed_volumes_of_another_distribution(
    folders: tuple[Path, Path], tmp_path: Path, install
) -> None:
    install("toys", "1", TOYS, {"alcseg.metrics": {"parts": "toys:PARTS", "volume_error": "toys:ERROR"}})
    pred, truth = folders
    save(pred / "a.nii.gz", box(4, 1, 2) + box(4, 3, 4) + box(9, 6, 9))  # two of the four layers of class 4
    result = evaluate(pred, truth, out=tmp_path / "eval")
    found = table(result.path)
    assert len(found) == 3 * 2 * 10
    parts, error = (
        {key[:2]: row.value for key, row in found.items() if key[2] == name}
        for name in ("parts", "volume_error")
    )
    layer = 4 * 3 * 2  # mm3, of voxels of 2 mm3
    assert (parts["a", "4"], error["a", "4"]) == (2, -2 * layer)
    assert (parts["a", "9"], error["a", "9"]) == (1, 0)
    assert (parts["b", "4"], error["b", "4"]) == (99, -4 * layer)  # missed
    assert (parts["c", "9"], error["c", "9"]) == (99, 3 * layer)  # spurious
    assert isnan(parts["b", "9"])
    assert isnan(error["b", "9"])
    assert [found["a", "4", name].unit for name in ("parts", "volume_error")] == ["count", "mm3"]
    four = result.summary.per_class["4"]["volume_error"]
    assert four.mean == pytest.approx((-2 - 4 + 0) * layer / 3)
    assert (four.n, four.n_missed) == (3, 1)
    voxels = evaluate(pred, truth, out=tmp_path / "voxels", protocol="paper")
    assert table(voxels.path)["a", "4", "volume_error"].value == -2 * 4 * 3
    assert [voxels.units[name] for name in ("parts", "volume_error", "assd")] == ["count", "voxel3", "voxel"]


def test_a_metric_that_cannot_be_imported_changes_nothing(
    folders: tuple[Path, Path], tmp_path: Path, install, caplog: pytest.LogCaptureFixture
) -> None:
    pred, truth = folders
    before = evaluate(pred, truth, out=tmp_path / "before")
    install("toys", "1", "import no_such_module", {"alcseg.metrics": {"parts": "toys:PARTS"}})
    after = evaluate(pred, truth, out=tmp_path / "after")
    assert table(after.path).keys() == table(before.path).keys()
    assert [record.message for record in caplog.records if "toys 1: metric 'parts'" in record.message]
