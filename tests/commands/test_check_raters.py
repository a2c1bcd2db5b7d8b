"""`check` looks at the labels of each reader: grid, values, emptiness, copies, and who is missing."""

import nibabel as nib
import numpy as np
import pytest

from alcseg.commands.check import check
from alcseg.data.folder import Dataset
from alcseg.data.phantoms import write_phantoms
from alcseg.records.cases import CaseRow


@pytest.fixture
def dataset(tmp_path):
    """Three cases that anna and bob drew, bob a voxel aside."""
    write_phantoms(tmp_path / "data", train=2, val=1, test=0, shape=(16, 16, 12), spacing=(2, 2, 2), seed=1)
    folder = Dataset.open(tmp_path / "data")
    for row in folder.rows:
        label = nib.load(folder.label_path(row.case_id))
        for number, rater in enumerate(("anna", "bob")):
            save(folder, rater, row.case_id, np.roll(np.asanyarray(label.dataobj), number, 0))
    CaseRow.write(folder.root, [row.model_copy(update={"rater": "anna+bob"}) for row in folder.rows])
    return Dataset.open(folder.root)


def save(folder, rater, case_id, array, affine=None):
    path = folder.root / "labelsRaters" / rater / f"{case_id}.nii.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    given = nib.load(folder.label_path(case_id)).affine
    nib.Nifti1Image(array, given if affine is None else affine).to_filename(path)
    return path


def labels_of(folder, case_id):
    return np.asanyarray(nib.load(folder.label_path(case_id)).dataobj).copy()


def about_readers(report):
    return [finding for finding in report.findings if "anna" in finding.message or "bob" in finding.message]


def test_labels_of_readers_that_are_right_are_no_finding(dataset):
    assert about_readers(check(dataset)) == []


def test_values_and_grids_of_each_reader_are_checked(dataset):
    first, second, third = (row.case_id for row in dataset.rows)
    save(dataset, "bob", first, np.where(labels_of(dataset, first) > 0, 77, 0).astype(np.uint8))
    save(dataset, "bob", second, labels_of(dataset, second)[:-2])
    moved = nib.load(dataset.label_path(third)).affine + 0.0
    moved[0, 3] += 1
    path = save(dataset, "bob", third, np.roll(labels_of(dataset, third), 1, 0), moved)
    report = check(dataset)
    found = {finding.case_id: (finding.grade, finding.message) for finding in about_readers(report)}
    assert report.grade == "fatal"
    assert found[first][0] == found[second][0] == "fatal"
    assert found[first][1].startswith("label of bob: ")
    assert "77" in found[first][1]
    assert "shape (14, 16, 12) instead of (16, 16, 12)" in found[second][1]
    assert found[third] == (
        "repairable",
        f"label of bob, {path}: positions up to 1 mm apart of the image. If the voxels do match, run --fix.",
    )
    assert check(dataset, fix=True).fixed == (third,)
    assert third not in {finding.case_id for finding in about_readers(check(dataset))}
    assert np.array_equal(nib.load(path).affine, nib.load(dataset.label_path(third)).affine)


def test_empty_labels_copies_and_absent_ones_are_told(dataset):
    first, second, third = (row.case_id for row in dataset.rows)
    save(dataset, "bob", first, np.zeros_like(labels_of(dataset, first)))
    save(dataset, "bob", second, labels_of(dataset, second))
    (dataset.root / f"labelsRaters/bob/{third}.nii.gz").rename(dataset.root / "labelsRaters/bob/other.nii.gz")
    report = check(dataset)
    found = [(finding.case_id, finding.message) for finding in about_readers(report)]
    assert report.grade == "ok"
    assert found == [
        ("", f"1 label(s) of bob hold background only: {first}. Fine if true."),
        (
            "",
            f"anna and bob drew the same voxels in 1 of the 1 cases that both drew ({second}): if one is a "
            "copy of the other, take it out.",
        ),
        (
            third,
            "cases.csv says that anna, bob drew it, and labelsRaters has no label of bob. Restore the file, "
            "or correct the table.",
        ),
        (
            "",
            f"1 file(s) in labelsRaters are of no case: {dataset.root}/labelsRaters/bob/other.nii.gz. Rename "
            "them like their images, as .nii.gz, or move them out.",
        ),
    ]
    for case_id in (first, second):
        save(dataset, "bob", case_id, np.zeros_like(labels_of(dataset, case_id)))
    fatal = [finding.message for finding in check(dataset).findings if finding.grade == "fatal"]
    assert fatal == ["all 2 labels of bob are empty. Check the files in labelsRaters/bob."]


def test_cases_that_one_reader_drew_alone_are_counted(dataset):
    first, *_ = (row.case_id for row in dataset.rows)
    (dataset.root / f"labelsRaters/bob/{first}.nii.gz").unlink()
    rows = [row.model_copy(update={"rater": "anna"}) if row.case_id == first else row for row in dataset.rows]
    CaseRow.write(dataset.root, rows)
    found = [finding.message for finding in about_readers(check(dataset.root))]
    assert found == [f"bob did not draw 1 of the cases that others drew: {first}. Fine if true."]


def test_names_that_are_one_on_other_disks_are_fatal(dataset):
    first, *_ = (row.case_id for row in dataset.rows)
    save(dataset, "Bob", first, labels_of(dataset, first))
    found = [finding.message for finding in check(dataset).findings if finding.grade == "fatal"]
    assert len(found) == 1
    assert "found Bob and bob" in found[0]
