"""Whose labels a correction trusts: what its network has not learned from; and what it does without."""

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from alcseg.commands.correct import correct
from alcseg.data.folder import Dataset
from alcseg.data.writer import write_label
from alcseg.records.cases import CaseRow
from changed_dataset import set_quality, spoil

MakeRun = Callable[..., Path]
Read = Callable[[Path], np.ndarray]

pytestmark = pytest.mark.usefixtures("little_to_explain")


def test_held_out_hq_cases_calibrate_and_trained_ones_do_not(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    result = correct(make_run(), solvable_dataset, out=tmp_path / "corrected")
    assert result.calibration.cases == ("val_0", "val_1", "val_2")
    assert result.calibration.curves["all classes"].n == 6
    run = make_run(trained=("lq_0", "lq_1", "val_1"))
    result = correct(run, solvable_dataset, out=tmp_path / "again")
    assert result.calibration.cases == ("hq_0", "val_0", "val_2")
    assert result.record.ranking == result.calibration.note


def test_a_network_that_cannot_judge_changes_nothing_and_says_so(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    correct(make_run(), solvable_dataset, out=tmp_path / "good", passes=2)
    assert not caplog.records
    source = Dataset.open(solvable_dataset)
    for name in ("val_0", "val_1", "val_2"):
        label = source.read_label(name)
        write_label(label.path, np.roll(label.array, 8, axis=0), label)
    result = correct(make_run(), solvable_dataset, out=tmp_path / "poor", passes=2)
    assert "no label is changed: on 3 trusted labels that it has not learned from this network" in caplog.text
    assert result.record.poor is not None
    assert result.record.offsets == ()  # nobody knows how the labels were drawn
    page = (result.path / "report.html").read_text(encoding="utf-8")
    assert f"reaches a mean Dice of {result.record.poor:.2f}. What it says of single labels" in page
    assert "There were no two trusted labels" not in page
    assert result.record.written == {"given": 2}
    for name in ("lq_0", "lq_1"):
        given, written = (root / "labelsTr" / f"{name}.nii.gz" for root in (solvable_dataset, result.path))
        assert np.array_equal(nib.load(given).dataobj, nib.load(written).dataobj)


def test_with_one_trusted_label_nothing_is_changed_unless_that_is_asked_for(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    set_quality(solvable_dataset, {"val_1": "lq", "val_2": "lq"})
    result = correct(make_run(), solvable_dataset, out=tmp_path / "out", passes=2)
    assert result.record.written == {"given": 2}
    assert result.record.rehearsal is None
    assert "no label is changed: that takes 2 trusted labels" in caplog.text
    assert result.record.poor is None
    assert "There were no two trusted labels" in (result.path / "report.html").read_text(encoding="utf-8")
    assert all("nothing was changed" in row.reason for row in result.ranking)
    reasons = {line.reason for line in result.audit}
    assert reasons == {"the label stays: nothing tells what a change of it is worth"}
    forced = correct(make_run(), solvable_dataset, out=tmp_path / "all", passes=2, how="refined", risk=1)
    assert forced.record.written == {"refined": 2}
    assert "every label is refined, whatever comes of it" in caplog.text


def test_a_run_that_does_not_say_has_seen_all_training_cases(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    result = correct(make_run(trained=None), solvable_dataset, out=tmp_path / "corrected", passes=2)
    assert result.calibration.cases == ("val_0", "val_1", "val_2")
    assert result.record.in_sample == 2


@pytest.mark.parametrize("healthy", [("val_1",), ("val_0", "val_1", "val_2")])
def test_healthy_controls_are_trusted_like_others(
    healthy: tuple[str, ...],
    solvable_dataset: Path,
    make_run: MakeRun,
    tmp_path: Path,
    rng: np.random.Generator,
) -> None:
    for name in healthy:
        for path in (f"imagesTr/{name}_0000.nii.gz", f"labelsTr/{name}.nii.gz"):
            found = nib.load(solvable_dataset / path)
            noise = rng.normal(0, 0.05, found.shape) if "image" in path else np.zeros(found.shape)
            nib.save(
                nib.Nifti1Image(noise.astype(found.get_data_dtype()), found.affine, found.header),
                solvable_dataset / path,
            )
    result = correct(make_run(), solvable_dataset, out=tmp_path / "corrected", passes=2)
    assert result.calibration.cases == ("val_0", "val_1", "val_2")
    assert result.failed == {}


def test_another_scan_of_a_patient_that_was_trained_on_is_not_trusted(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    rows = Dataset.open(solvable_dataset).rows
    trained = rows[0].case_id
    same = {trained: "P", "val_1": "P"}
    CaseRow.write(
        solvable_dataset,
        [row.model_copy(update={"group": same.get(row.case_id, row.group)}) for row in rows],
    )
    result = correct(make_run(trained=(trained,)), solvable_dataset, out=tmp_path / "corrected", passes=2)
    assert "val_1" not in result.calibration.cases
    assert {"val_0", "val_2"} <= set(result.calibration.cases)


def test_a_held_out_case_that_cannot_be_read_is_left_out(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    spoil(solvable_dataset / "imagesTr" / "val_1_0000.nii.gz")
    result = correct(make_run(), solvable_dataset, out=tmp_path / "corrected", passes=2)
    assert result.calibration.cases == ("val_0", "val_2")
    assert result.failed == {}


def test_without_held_out_cases_the_ranking_says_so(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    CaseRow.write(
        solvable_dataset, [row for row in Dataset.open(solvable_dataset).rows if row.split == "train"]
    )
    out = tmp_path / "corrected"
    result = correct(make_run(), solvable_dataset, out=out)
    assert "no held-out HQ case" in result.record.ranking
    assert result.record.clean_labels is None


def test_a_class_that_only_doubtful_labels_hold_is_not_erased(
    solvable_dataset: Path,
    make_run: MakeRun,
    tmp_path: Path,
    read_values: Read,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name in ("hq_0", "val_0", "val_1", "val_2", "lq_0", "lq_1"):
        for path in (f"labelsTr/{name}.nii.gz", f"imagesTr/{name}_0000.nii.gz"):
            if name.startswith("lq") and path.startswith("labels"):
                continue  # they hold the class, and the network sees none of it
            found = nib.load(solvable_dataset / path)
            values = found.get_fdata()
            gone = values == 9 if path.startswith("labels") else values > 1.5
            new = np.where(gone, 0, values).astype(found.get_data_dtype())
            nib.save(nib.Nifti1Image(new, found.affine, found.header), solvable_dataset / path)
    result = correct(make_run(), solvable_dataset, out=tmp_path / "out", passes=2, how="refined", risk=1)
    assert result.record.untouched == ("right",)
    assert "no trusted label holds right: it stays as it was given" in caplog.text
    for name in ("lq_0", "lq_1"):
        given = read_values(solvable_dataset / f"labelsTr/{name}.nii.gz")
        written = read_values(tmp_path / "out" / f"labelsTr/{name}.nii.gz")
        assert np.array_equal(written == 9, given == 9)
        assert (written != given).any()


class Blind(nn.Module):
    """Sees background everywhere."""

    def forward(self, image: Tensor) -> Tensor:
        return torch.cat([image * 0 + 9, image * 0, image * 0], 1)


def test_the_network_answers_that_agrees_better_with_trusted_labels(
    make_run: MakeRun, solvable_dataset: Path, tmp_path: Path, threshold_network: nn.Module
) -> None:
    sees = threshold_network
    for teacher, student, expected in ((sees, Blind(), "teacher"), (Blind(), sees, "predict")):
        result = correct(make_run(student, teacher), solvable_dataset, out=tmp_path / expected, passes=2)
        assert result.record.network == expected
        assert all(row.agreement > 0 for row in result.offsets)
    set_quality(solvable_dataset, {f"val_{index}": "lq" for index in range(3)})
    nobody = correct(make_run(sees, Blind()), solvable_dataset, out=tmp_path / "nobody", passes=2)
    assert nobody.record.network == "teacher"
