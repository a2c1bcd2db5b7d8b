"""Each fault of a dataset folder gets its grade, and `fix` touches only what is repairable."""

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from alcseg.commands.check import check
from alcseg.data.folder import Dataset
from alcseg.errors import DataError, GeometryError
from alcseg.records.cases import CaseRow
from alcseg.records.dataset import DatasetRecord

AFFINE = np.diag([-1.0, 1.0, 2.0, 1.0])
LABEL = np.zeros((4, 4, 4), np.uint8)
LABEL[1:3] = 1


def save(path, array, affine=AFFINE):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.Nifti1Image(array, affine).to_filename(path)


def label_of(case_id):
    """Like `LABEL`, but of the case alone."""
    label = LABEL.copy()
    label[0, 0, "abvt".index(case_id)] = 1
    return label


@pytest.fixture
def root(tmp_path, rng):
    root = tmp_path / "set"
    rows = []
    for case_id, split in (("a", "train"), ("b", "train"), ("v", "val"), ("t", "test")):
        folder = "Ts" if split == "test" else "Tr"
        save(root / f"images{folder}/{case_id}_0000.nii.gz", rng.normal(size=(4, 4, 4)).astype(np.float32))
        save(root / f"labels{folder}/{case_id}.nii.gz", label_of(case_id))
        rows.append(CaseRow(case_id=case_id, quality="hq", split=split, group=case_id, source=""))
    CaseRow.write(root, rows)
    labels = {"background": 0, "organ": 1}
    DatasetRecord(name="X", channel_names={"0": "CT"}, labels=labels, num_training=3).write(root)
    return root


def change_table(root, **changes):
    rows = [
        CaseRow(**(vars(row) | changes.get(row.case_id, {})))
        for row in Dataset.open(root, require_images=False).rows
    ]
    CaseRow.write(root, rows)


def only(report):
    (finding,) = report.findings
    return finding


def test_a_sound_dataset_has_no_findings(root):
    report = check(root)
    assert report.grade == "ok"
    assert report.findings == ()
    assert report.counts["cases"] == 4
    assert report.counts["train hq"] == 2


def test_fix_copies_the_image_header_into_the_label_only(root):
    save(root / "labelsTr/a.nii.gz", LABEL, np.diag([-1.0, 1.0, 1.5, 1.0]))
    files = {path: path.read_bytes() for path in root.rglob("*.*") if path.is_file()}
    finding = only(check(root))
    assert (finding.grade, finding.case_id) == ("repairable", "a")
    # The far corner lies at (4 - 0.5) * 2 = 7 mm in the image and at 5.25 mm in the label.
    assert "up to 1.75 mm apart, spacing (1, 1, 1.5) instead of (1, 1, 2) mm" in finding.message
    assert {path: path.read_bytes() for path in files} == files
    report = check(root, fix=True)
    assert report.fixed == ("a",)
    assert report.grade == "ok"
    changed = [path for path in files if path.read_bytes() != files[path]]
    assert changed == [root / "labelsTr/a.nii.gz"]
    label = nib.load(changed[0])
    assert np.array_equal(label.affine, AFFINE)
    assert np.array_equal(label.get_fdata(), LABEL)
    assert check(root).findings == ()


@pytest.mark.parametrize(
    ("array", "affine", "message"),
    [
        (LABEL[:3], AFFINE, r"shape \(3, 4, 4\) instead of \(4, 4, 4\)"),
        (LABEL, np.diag([2.0, 1.0, 2.0, 1.0]), "axes RAS instead of LAS"),
        (LABEL * 255, AFFINE, "--label-map 255=1"),
        (LABEL * 0.5, AFFINE, r"found 0\.5 in 32 voxels"),
    ],
)
def test_fatal_labels_stay_untouched_even_with_fix(root, array, affine, message):
    path = root / "labelsTr/a.nii.gz"
    save(path, array, affine)
    before = path.read_bytes()
    report = check(root, fix=True)
    assert report.grade == only(report).grade == "fatal"
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(only(report).message)
    assert path.read_bytes() == before


def test_absent_and_broken_files_are_all_listed(root):
    (root / "imagesTr/a_0000.nii.gz").unlink()
    (root / "labelsTr/b.nii.gz").unlink()
    path = root / "imagesTr/v_0000.nii.gz"
    path.write_bytes(path.read_bytes()[:-30])
    found = {finding.case_id: finding.message for finding in check(root).findings}
    assert "has no image" in found["a"]
    assert "set the quality of 'b' to unlabeled" in found["b"]
    assert "v_0000.nii.gz: expected a whole NIfTI file" in found["v"]


def test_group_over_two_splits_is_fatal(root):
    change_table(root, a={"group": "p"}, t={"group": "p"})
    finding = only(check(root))
    assert finding.grade == "fatal"
    assert "group 'p' is in the splits test, train" in finding.message


def test_case_in_two_splits_is_fatal(root):
    with (root / "cases.csv").open("a") as table:
        table.write("a,hq,test,a,\n")
    finding = only(check(root))
    assert finding.grade == "fatal"
    assert "'a' again (split train and test)" in finding.message


def test_single_empty_labels_are_a_counted_note_and_all_are_fatal(root):
    save(root / "labelsTr/a.nii.gz", LABEL * 0)
    finding = only(check(root))
    assert finding.grade == "ok"
    assert "1 label(s) hold background only: a." in finding.message
    save(root / "labelsTr/b.nii.gz", LABEL * 0)
    finding = only(check(root))
    assert finding.grade == "fatal"
    assert "all 2 training labels are empty" in finding.message


def test_notes(root):
    change_table(root, a={"quality": "lq"}, b={"quality": "lq"}, v={"quality": "lq"})
    messages = " ".join(finding.message for finding in check(root).findings)
    assert "no training case is hq" in messages
    assert "no validation case is hq" in messages
    change_table(root, v={"split": "train"})
    assert "no case has split val" in check(root).findings[1].message
    assert check(root).grade == "ok"


def test_twin_images_and_odd_sizes_are_noted(root, rng):
    (root / "imagesTr/b_0000.nii.gz").write_bytes((root / "imagesTr/a_0000.nii.gz").read_bytes())
    save(root / "imagesTs/t_0000.nii.gz", rng.normal(size=(4, 4, 4)), AFFINE * 10)
    save(root / "labelsTs/t.nii.gz", LABEL, AFFINE * 10)
    found = {finding.case_id: finding for finding in check(root).findings}
    assert {finding.grade for finding in found.values()} == {"ok"}
    assert "its image is voxel for voxel that of 'a'. Keep one" in found["b"].message
    assert "covers 40x40x80 mm, the median case 4x4x8 mm" in found["t"].message


def test_a_scan_stored_anew_in_another_split_is_fatal(root):
    scan = nib.load(root / "imagesTr/a_0000.nii.gz")
    save(root / "imagesTs/t_0000.nii.gz", scan.get_fdata()[::-1], np.diag([1.0, 1.0, 2.0, 1.0]))
    finding = next(finding for finding in check(root).findings if finding.grade == "fatal")
    assert finding.case_id == "t"
    assert "its image is voxel for voxel that of 'a', but they are in the splits train and test" in (
        finding.message
    )


@pytest.mark.parametrize(("case_id", "grade"), [("b", "ok"), ("v", "fatal")])
def test_one_label_map_under_two_images(root, case_id, grade):
    save(root / f"labelsTr/{case_id}.nii.gz", label_of("a"))
    finding = only(check(root))
    assert (finding.grade, finding.case_id) == (grade, case_id)
    assert "its label map is voxel for voxel that of 'a'" in finding.message


def test_a_vessel_of_a_voxel_in_finer_scans_is_noted(root):
    vessel = np.zeros((8, 8, 8), np.uint8)
    vessel[4, 4] = 1
    save(root / "imagesTr/a_0000.nii.gz", np.arange(512.0).reshape(8, 8, 8), AFFINE / 2)
    save(root / "labelsTr/a.nii.gz", vessel, AFFINE / 2)
    change_table(root, v={"split": "train"})
    found = [finding for finding in check(root).findings if finding.kind == "thin"]
    assert [finding.grade for finding in found] == ["ok"]
    assert (
        "'organ' loses more than half of its volume in 1 of 3 labels at the median spacing, 1, 1, 2 mm"
        in (found[0].message)
    )


def test_a_set_of_cases_is_compared(tmp_path, rng):
    root, rows = tmp_path / "set", []
    for number in range(12):
        label = np.zeros((20, 16, 12), np.uint8)
        corner = rng.integers(0, 2, 3)
        label[tuple(slice(at + 3, at + size) for at, size in zip(corner, (9, 10, 8), strict=True))] = 1
        image = rng.normal(0, 0.3, label.shape) + label
        if number == 4:
            label = label[::-1]
        save(root / f"imagesTr/c{number}_0000.nii.gz", image.astype(np.float32))
        save(root / f"labelsTr/c{number}.nii.gz", label)
        quality = "hq" if number < 3 else "lq"
        rows.append(
            CaseRow(case_id=f"c{number}", quality=quality, split="train", group=f"c{number}", source="")
        )
    CaseRow.write(root, rows)
    labels = {"background": 0, "organ": 1, "lesion": 2}
    DatasetRecord(name="X", channel_names={"0": "MR"}, labels=labels, num_training=12).write(root)
    report = check(root)
    kinds = {(finding.case_id, finding.kind) for finding in report.findings if finding.kind}
    assert kinds == {("", "absent"), ("c4", "mirrored")}
    assert report.classes == {"organ": {"hq": 3, "lq": 9}, "lesion": {"hq": 0, "lq": 0}}
    assert report.volumes_ml["c4"].keys() == {"organ", "lesion"}
    assert report.grade == "ok"


def test_no_dataset_is_an_error(tmp_path):
    with pytest.raises(DataError, match="expected a dataset folder with dataset"):
        check(tmp_path)


def test_command_line_exits_4_on_fatal_findings(root, alcseg):
    assert alcseg("check", root).code == 0
    save(root / "labelsTr/a.nii.gz", LABEL[:3])
    result = alcseg("check", root)
    assert result.code == 4
    assert "instead of (4, 4, 4)" in result.out


@pytest.mark.parametrize("kind", [str, Path, Dataset.open])
def test_the_dataset_is_text_or_an_object(root, kind):
    report = check(kind(root))
    assert (report.dataset, report.counts["cases"]) == (root, 4)


def test_what_is_still_to_be_repaired_ends_with_4_and_fixed_with_0(root, alcseg):
    save(root / "labelsTr/a.nii.gz", LABEL, np.diag([-1.0, 1.0, 4.0, 1.0]))
    result = alcseg("check", root)
    assert result.code == 4
    # The far corner lies at (4 - 0.5) * 2 = 7 mm in the image and at 14 mm in the label.
    assert "positions up to 7 mm apart" in " ".join(result.out.split())
    with pytest.raises(
        GeometryError, match=r"up to 7 mm apart, spacing \(1, 1, 4\) instead of \(1, 1, 2\) mm"
    ):
        Dataset.open(root).read("a")
    assert alcseg("check", root, "--fix").code == 0
    assert alcseg("check", root).code == 0


def test_fix_puts_a_label_cropped_to_its_segment_where_it_lies(root):
    affine = AFFINE.copy()
    affine[:3, 3] = AFFINE[:3, 0]  # begins at the voxel (1, 0, 0)
    save(root / "labelsTr/a.nii.gz", LABEL[1:3], affine)
    assert (check(root).grade, check(root, fix=True).fixed) == ("repairable", ("a",))
    assert np.array_equal(Dataset.open(root).read("a").label.array, LABEL)


def test_rounded_labels_and_odd_headers_are_told(root):
    for case_id in "ab":
        nifti = nib.Nifti1Image(LABEL.astype(float), AFFINE)
        nifti.header.set_data_dtype(np.uint8)
        nifti.to_filename(root / f"labelsTr/{case_id}.nii.gz")
    image = nib.load(root / "imagesTr/a_0000.nii.gz")
    qform = AFFINE.copy()
    qform[0, 3] = 5
    image.set_sform(AFFINE, 2)
    image.set_qform(qform, 1)
    nib.Nifti1Image(image.get_fdata(), None, image.header).to_filename(root / "imagesTr/a_0000.nii.gz")
    found = {finding.case_id: finding for finding in check(root).findings}
    assert {finding.grade for finding in found.values()} == {"ok"}
    assert "2 label(s) are stored scaled, such as 0.996 for 1, and were rounded: a, b." in found[""].message
    assert "at (5, 0, 0) mm; the two are up to 5 mm apart" in found["a"].message
    nib.Nifti1Image(LABEL[::-1], None, image.header).to_filename(root / "labelsTr/v.nii.gz")
    notes = [finding.message for finding in check(root).findings if finding.case_id == "v"]
    assert any(note.startswith("of its label: its sform (code 2)") for note in notes)


def test_one_header_that_cannot_be_read_stops_no_other_case(root):
    path = root / "imagesTr/a_0000.nii.gz"
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[70:72] = b"\1\0"  # one bit per voxel
    path.write_bytes(gzip.compress(bytes(content)))
    finding = only(check(root))
    assert (finding.grade, finding.case_id) == ("fatal", "a")
    assert "expected a whole NIfTI file" in finding.message


@pytest.mark.parametrize(("listed", "grade"), [(True, "ok"), (False, "fatal")])
def test_files_of_no_case_and_another_number_than_stated_are_found(root, listed, grade):
    (root / "labelsTr/b.mha").write_bytes(b"1")
    (root / "labelsTr/notes.txt").write_text("mine")
    record = DatasetRecord.read(root)
    record.model_copy(update={"num_training": 4}).write(root)
    if not listed:
        CaseRow.path(root).unlink()
    messages = {finding.message: finding.grade for finding in check(root).findings}
    (unused,) = [message for message in messages if "are of no case" in message]
    (count,) = [message for message in messages if "numTraining says 4 training cases, found 3" in message]
    assert messages[unused] == messages[count] == grade
    assert "1 file(s)" in unused
    assert "b.mha" in unused
