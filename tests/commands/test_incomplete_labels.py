"""What every verb does with voxels that nobody labeled and with classes that nobody drew in a case."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from alcseg.commands.archive_dataset import archive_dataset
from alcseg.commands.check import check
from alcseg.commands.correct import correct
from alcseg.commands.corrupt import corrupt
from alcseg.commands.evaluate import evaluate
from alcseg.commands.import_dataset import import_dataset
from alcseg.data.folder import Dataset
from alcseg.errors import DataError, LabelError, UsageError
from alcseg.records.cases import CaseRow
from alcseg.records.dataset import DatasetRecord

MakeRun = Callable[..., Path]
Read = Callable[[Path], np.ndarray]
IGNORE = 12


def change(path: Path, to: Callable[[np.ndarray], np.ndarray]) -> None:
    """Write other voxels into a file."""
    image = nib.load(path)
    array = to(np.asanyarray(image.dataobj).copy())
    nib.save(nib.Nifti1Image(array, image.affine, image.header), path)


def set_drawn(dataset: Path, drawn: dict[str, str]) -> None:
    rows = [
        row.model_copy(update={"classes_drawn": drawn.get(row.case_id, "")}) for row in CaseRow.read(dataset)
    ]
    CaseRow.write(dataset, rows)


def ignore_half(array: np.ndarray) -> np.ndarray:
    array[array.shape[0] // 2 :] = IGNORE
    return array


@pytest.fixture
def ignoring(solvable_dataset: Path) -> Path:
    """The dataset with half of `lq_0` and of `val_0` unlabeled."""
    record = DatasetRecord.read(solvable_dataset)
    record.model_copy(update={"ignore": IGNORE}).write(solvable_dataset)
    for name in ("lq_0", "val_0"):
        change(solvable_dataset / "labelsTr" / f"{name}.nii.gz", ignore_half)
    return solvable_dataset


@pytest.fixture
def partial(solvable_dataset: Path) -> Path:
    """The dataset with the class `right` (9) drawn neither in `lq_0` nor in `val_0`."""
    for name in ("lq_0", "val_0"):
        change(
            solvable_dataset / "labelsTr" / f"{name}.nii.gz",
            lambda array: np.where(array == 9, 0, array).astype(np.uint8),
        )
    set_drawn(solvable_dataset, {"lq_0": "left", "val_0": "left"})
    return solvable_dataset


def test_the_value_to_ignore_is_no_class(ignoring: Path) -> None:
    dataset = Dataset.open(ignoring)
    assert dataset.label_values == (0, 5, 9)
    assert json.loads((ignoring / "dataset.json").read_text())["labels"]["ignore"] == IGNORE
    case = dataset["lq_0"]
    assert case.known is not None
    assert set(np.unique(case.label)) <= {0, 5, 9}
    assert not case.label[~case.known].any()
    assert dataset["lq_1"].known is None


def test_import_takes_nnunets_ignore_over(ignoring: Path, tmp_path: Path, read_values: Read) -> None:
    (ignoring / "cases.csv").unlink()
    dataset = import_dataset(ignoring, tmp_path / "again")
    assert dataset.ignore == IGNORE
    assert dataset.label_names == ("background", "left", "right")
    for name in ("lq_0", "lq_1"):
        written = read_values(dataset.root / "labelsTr" / f"{name}.nii.gz")
        assert np.array_equal(written, read_values(ignoring / "labelsTr" / f"{name}.nii.gz"))
    renamed = import_dataset(ignoring, tmp_path / "renamed", label_map={IGNORE: 255})
    assert renamed.ignore == 255


def test_import_is_told_the_value_to_ignore(ignoring: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    for kind in ("images", "labels"):
        (plain / kind).mkdir(parents=True)
        for path in (ignoring / f"{kind}Tr").iterdir():
            (plain / kind / path.name.replace("_0000", "")).write_bytes(path.read_bytes())
    dataset = import_dataset(plain, tmp_path / "told", ignore_label=IGNORE)
    assert dataset.labels == {"background": 0, "class_5": 5, "class_9": 9}
    assert dataset.ignore == IGNORE
    with pytest.raises(UsageError, match=r"above all classes \(12\).* Add --label-map 9=13"):
        import_dataset(plain, tmp_path / "wrong", ignore_label=9)
    with pytest.raises(UsageError, match="expected 12, as the source has it, got 9"):
        import_dataset(ignoring, tmp_path / "other", ignore_label=9)


def test_import_is_told_what_was_drawn(partial: Path, tmp_path: Path) -> None:
    table = tmp_path / "drawn.csv"
    table.write_text("case_id,classes_drawn\nlq_1,left;right\nlq_0,left\n")
    (partial / "cases.csv").unlink()
    dataset = import_dataset(partial, tmp_path / "told", classes_drawn=table)
    assert dataset["lq_0"].classes_drawn == ("left",)
    assert dataset["lq_1"].classes_drawn == ("left", "right")
    again = import_dataset(dataset.root, tmp_path / "again")  # the table goes with the dataset
    assert again.undrawn("lq_0") == (2,)
    for line, said in (("lq_9,left", "found lq_9"), ("lq_0,liver", "found liver"), ("lq_0,", "found none")):
        table.write_text(f"case_id,classes_drawn\n{line}\n")
        with pytest.raises(DataError, match=said):
            import_dataset(partial, tmp_path / "refused", classes_drawn=table)
    table.write_text("case_id,classes_drawn\nlq_1,left\n")
    with pytest.raises(LabelError, match="expected no 'right', which classes_drawn"):
        import_dataset(partial, tmp_path / "refused", classes_drawn=table)


def test_an_archive_brings_both_back(ignoring: Path, tmp_path: Path, read_values: Read) -> None:
    set_drawn(ignoring, {"val_1": "left;right", "lq_1": "right;left"})
    for path in (ignoring / "imagesTr").iterdir():
        change(path, lambda array: np.round(array, 1))
    for name in ("imagesTs/ts_0_0000", "labelsTs/ts_0"):
        (ignoring / f"{name}.nii.gz").unlink()
    CaseRow.write(ignoring, [row for row in CaseRow.read(ignoring) if row.split != "test"])
    archive_dataset(ignoring, tmp_path / "archive")
    again = import_dataset(tmp_path / "archive", tmp_path / "again")
    assert again.ignore == IGNORE
    assert again.row("val_1").classes_drawn == "left;right"
    written = read_values(again.root / "labelsTr" / "lq_0.nii.gz")
    assert np.array_equal(written, read_values(ignoring / "labelsTr" / "lq_0.nii.gz"))


def test_check_tells_by_case_and_class_what_is_missing(ignoring: Path, alcseg: Callable[..., object]) -> None:
    change(
        ignoring / "labelsTr" / "lq_1.nii.gz",
        lambda array: np.where(array == 9, 0, array).astype(np.uint8),
    )
    set_drawn(ignoring, {"lq_1": "left"})
    found = check(ignoring)
    assert found.grade == "ok"
    assert found.incomplete["lq_0"].ignored_share == 0.5
    assert found.incomplete["lq_1"].undrawn == ("right",)
    assert found.incomplete.keys() == {"lq_0", "val_0", "lq_1"}
    assert list(found.volumes_ml["lq_1"]) == ["left"]
    told = " ".join(finding.message for finding in found.findings)
    assert "2 of 7 labels have voxels that nobody labeled" in told
    assert "class 'right' was not drawn in 1 of 7 labels (lq_1)" in told
    assert "not drawn: right" in alcseg("check", ignoring).out  # type: ignore[attr-defined]


def test_check_refuses_a_class_that_was_not_drawn_and_an_empty_label(ignoring: Path) -> None:
    set_drawn(ignoring, {"lq_1": "left"})
    change(ignoring / "labelsTr" / "lq_0.nii.gz", lambda array: np.full_like(array, IGNORE))
    fatal = {
        finding.case_id: finding.message for finding in check(ignoring).findings if finding.grade == "fatal"
    }
    assert "expected no 'right'" in fatal["lq_1"]
    assert "nobody labeled any voxel" in fatal["lq_0"]


def test_a_repaired_header_keeps_what_nobody_labeled(ignoring: Path, read_values: Read) -> None:
    path = ignoring / "labelsTr" / "lq_0.nii.gz"
    before = read_values(path).copy()
    image = nib.load(path)
    affine = image.affine.copy()
    affine[0, 3] += 3
    nib.save(nib.Nifti1Image(before, affine), path)
    assert check(ignoring, fix=True).fixed == ("lq_0",)
    assert np.array_equal(read_values(path), before)


def test_evaluate_leaves_out_what_nobody_labeled(ignoring: Path, tmp_path: Path, read_values: Read) -> None:
    pred = tmp_path / "pred"
    pred.mkdir()
    truth = ignoring / "labelsTr" / "val_0.nii.gz"
    (pred / truth.name).write_bytes(truth.read_bytes())
    # Wrong where nobody looked, right elsewhere.
    change(pred / truth.name, lambda array: np.where(array == IGNORE, 9, array).astype(np.uint8))
    folder = tmp_path / "truth"
    folder.mkdir()
    (folder / truth.name).write_bytes(truth.read_bytes())
    by_dataset = evaluate(pred, folder, out=tmp_path / "one", dataset=ignoring)
    by_value = evaluate(pred, folder, out=tmp_path / "two", ignore_label=IGNORE)
    for found in (by_dataset, by_value):
        assert found.summary.ignored_voxels == int((read_values(truth) == IGNORE).sum())
        assert found.mean("dice") == 1
        assert found.mean("assd") == 0
    with pytest.raises(UsageError, match="--ignore-label: expected 12, got 9"):
        evaluate(pred, folder, out=tmp_path / "three", dataset=ignoring, ignore_label=9)


def test_evaluate_scores_no_class_that_nobody_drew(
    partial: Path, tmp_path: Path, alcseg: Callable[..., object]
) -> None:
    pred = tmp_path / "pred"
    pred.mkdir()
    for name in ("val_0", "val_1"):
        (pred / f"{name}.nii.gz").write_bytes((partial / "labelsTr" / "val_1.nii.gz").read_bytes())
    table = Dataset.open(partial).rows
    CaseRow.write(partial, [row for row in table if row.case_id in ("val_0", "val_1")])
    change(pred / "val_0.nii.gz", lambda array: array)
    for name in ("hq_0", "lq_0", "lq_1", "val_2"):
        (partial / "labelsTr" / f"{name}.nii.gz").unlink()
    (partial / "labelsTs" / "ts_0.nii.gz").unlink()
    image = nib.load(partial / "labelsTr" / "val_0.nii.gz")
    voxels = np.asanyarray(nib.load(pred / "val_0.nii.gz").dataobj)
    nib.save(nib.Nifti1Image(voxels, image.affine), pred / "val_0.nii.gz")
    found = evaluate(pred, partial, out=tmp_path / "scores")
    status = {(row.case_id, row.class_name): row.status for row in found.scores}
    assert status["val_0", "right"] == "not_drawn"
    assert status["val_1", "right"] == "ok"
    assert found.summary.per_class["right"]["dice"].n == 1
    assert found.summary.per_class["right"]["dice"].n_not_drawn == 1
    assert found.summary.per_class["left"]["dice"].n == 2
    assert "right" not in found.values["dice"]["val_0"]
    shown = alcseg("evaluate", pred, partial, "--out", tmp_path / "again")
    assert "not_drawn" in shown.out  # type: ignore[attr-defined]


def test_corrupt_changes_neither(ignoring: Path, tmp_path: Path, read_values: Read) -> None:
    rows = [row.model_copy(update={"quality": "hq"}) for row in CaseRow.read(ignoring)]
    CaseRow.write(ignoring, rows)
    shutil.rmtree(ignoring / "labelsClean")
    change(
        ignoring / "labelsTr" / "lq_1.nii.gz",
        lambda array: np.where(array == 9, 0, array).astype(np.uint8),
    )
    set_drawn(ignoring, {"lq_1": "left"})
    given = {name: read_values(ignoring / "labelsTr" / f"{name}.nii.gz") for name in ("lq_0", "lq_1")}
    for model in ("other_case", "cube"):
        noisy = corrupt(ignoring, tmp_path / model, hq_first=1, model=model, seed=1)
        for name, before in given.items():
            after = read_values(Path(noisy) / "labelsTr" / f"{name}.nii.gz")
            assert np.array_equal(after == IGNORE, before == IGNORE)
            assert name == "lq_0" or 9 not in after
        Dataset.open(noisy).read_label("lq_1")


@pytest.mark.usefixtures("little_to_explain")
@pytest.mark.parametrize("how", ["auto", "refined", "moved", "posterior", "patched"])
def test_correct_leaves_what_nobody_labeled(
    how: str, ignoring: Path, make_run: MakeRun, tmp_path: Path, read_values: Read
) -> None:
    risk = 0.05 if how == "auto" else 1
    result = correct(make_run(), ignoring, out=tmp_path / "out", how=how, risk=risk, passes=2)  # type: ignore[arg-type]
    given = read_values(ignoring / "labelsTr" / "lq_0.nii.gz")
    written = read_values(tmp_path / "out" / "labelsTr" / "lq_0.nii.gz")
    assert np.array_equal(written == IGNORE, given == IGNORE)
    if how in ("auto", "refined"):
        clean = read_values(ignoring / "labelsClean" / "lq_0.nii.gz")
        assert np.array_equal(written[given != IGNORE], clean[given != IGNORE])
    assert result.failed == {}
    assert Dataset.open(tmp_path / "out").ignore == IGNORE
    ranked = {row.case_id: row for row in result.ranking if row.class_name == "left"}
    changed = int(((written == 5) != (given == 5))[given != IGNORE].sum())
    assert ranked["lq_0"].changed_mm3 == pytest.approx(changed * 2.5, rel=1e-3)


@pytest.mark.usefixtures("little_to_explain")
def test_consecutive_labels_have_the_value_to_ignore_at_their_end(
    ignoring: Path, make_run: MakeRun, tmp_path: Path, read_values: Read
) -> None:
    correct(make_run(), ignoring, out=tmp_path / "out", nnunet=True, passes=2)
    labels = json.loads((tmp_path / "out" / "dataset.json").read_text())["labels"]
    assert labels == {"background": 0, "left": 1, "right": 2, "ignore": 3}
    given = read_values(ignoring / "labelsTr" / "val_0.nii.gz")
    assert np.array_equal(read_values(tmp_path / "out" / "labelsTr" / "val_0.nii.gz") == 3, given == IGNORE)


@pytest.mark.usefixtures("little_to_explain")
@pytest.mark.parametrize("how", ["auto", "refined", "posterior"])
def test_correct_adds_a_class_that_nobody_drew_only_where_asked(
    how: str, partial: Path, make_run: MakeRun, tmp_path: Path, read_values: Read
) -> None:
    options = {"how": how, "risk": 0.05 if how == "auto" else 1, "passes": 2}
    kept = correct(make_run(), partial, out=tmp_path / "kept", **options)  # type: ignore[arg-type]
    assert 9 not in read_values(tmp_path / "kept" / "labelsTr" / "lq_0.nii.gz")
    assert 9 in read_values(tmp_path / "kept" / "labelsTr" / "lq_1.nii.gz")
    assert Dataset.open(tmp_path / "kept").undrawn("lq_0") == (2,)
    assert {row.class_name for row in kept.ranking if row.case_id == "lq_0"} == {"left"}
    added = correct(make_run(), partial, out=tmp_path / "added", add_undrawn=True, **options)  # type: ignore[arg-type]
    clean = read_values(partial / "labelsClean" / "lq_0.nii.gz")
    written = read_values(tmp_path / "added" / "labelsTr" / "lq_0.nii.gz")
    assert np.array_equal((written == 9) & (clean != 5), clean == 9)
    assert added.record.added_undrawn == {"lq_0": ("right",)}
    dataset = Dataset.open(tmp_path / "added")
    assert dataset.undrawn("lq_0") == ()
    assert dataset.undrawn("val_0") == (2,)  # a trusted label stays
    (line,) = [line for line in added.audit if line.case_id == "lq_0"]
    assert "not drawn before and added as predicted: right" in line.reason


def test_a_value_to_ignore_that_no_label_holds_is_told(
    solvable_dataset: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import_dataset(solvable_dataset, tmp_path / "out", ignore_label=77)
    assert "--ignore-label 77: no label holds this value, so nothing is ignored. Classes are" in caplog.text
    notes = [finding.message for finding in check(tmp_path / "out").findings if finding.kind == "ignored"]
    assert notes == [
        "dataset.json says that voxels of the value 77 are ignored, and no label holds it. Fine if each "
        "voxel was labeled, else correct the value."
    ]
    caplog.clear()
    labels = solvable_dataset / "labelsTr"
    evaluate(labels, labels, out=tmp_path / "scores", ignore_label=77)
    assert "--ignore-label 77: no label map holds this value" in caplog.text


@pytest.mark.parametrize("cell", [";", " | ;"])
def test_a_cell_of_separators_names_no_class(solvable_dataset: Path, cell: str) -> None:
    set_drawn(solvable_dataset, {"lq_0": cell})
    with pytest.raises(DataError, match=r"case 'lq_0': expected in classes_drawn some of left, right"):
        Dataset.open(solvable_dataset)
