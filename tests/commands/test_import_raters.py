"""Importing labels that several people drew of the same scans, in each arrangement, and what is refused."""

import json

import nibabel as nib
import numpy as np
import pytest

from alcseg.commands.import_dataset import import_dataset
from alcseg.data.rater_labels import rater_labels
from alcseg.errors import DataError, GeometryError, LabelError, UsageError

AFFINE = np.diag([-1.0, 1.0, 2.0, 1.0])
IMAGE = np.random.default_rng(0).normal(size=(10, 9, 8)).astype(np.float32)


def box(low, high, value=1):
    label = np.zeros(IMAGE.shape, np.uint8)
    label[low:high, 3:6, 2:6] = value
    return label


DRAWN = {"raterA": box(3, 6), "raterB": box(3, 7), "raterC": box(2, 7)}
FUSED = box(3, 7)


def save(path, array, affine=AFFINE):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.Nifti1Image(array, affine).to_filename(path)


def make(root, image, label, cases=("a", "b")):
    for number, case in enumerate(cases):
        save(root / image.format(case=case), IMAGE + number)
        for rater, drawn in DRAWN.items():
            save(root / label.format(case=case, rater=rater), drawn)
    return root


def raters_of(folder):
    return [(row.case_id, row.rater) for row in folder.rows]


def described(root):
    content = {"channel_names": {"0": "MR"}, "labels": {"background": 0, "x": 1}, "file_ending": ".nii.gz"}
    (root / "dataset.json").write_text(json.dumps(content | {"numTraining": 2}))


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("images/{case}.nii.gz", "labels_{rater}/{case}.nii.gz"),
        ("images/{case}.nii.gz", "labels/{rater}/{case}_seg.nii.gz"),
        ("images/{case}.nii.gz", "labels/{case}_desc-{rater}.nii.gz"),
        ("{case}_T1w.nii.gz", "{case}_desc-{rater}_dseg.nii.gz"),
        ("{case}/{case}_t1.nii.gz", "{case}/{case}_desc-{rater}_mask.nii.gz"),
        ("imagesTr/{case}_0000.nii.gz", "labelsTr_{rater}/{case}.nii.gz"),
        ("imagesTr/{case}_0000.nii.gz", "labelsTr/{rater}/{case}.nii.gz"),
    ],
)
def test_every_arrangement_of_readers_is_kept_and_fused(tmp_path, image, label):
    source = make(tmp_path / "src", image, label)
    if "Tr" in image:
        described(source)
    folder = import_dataset(source, tmp_path / "out")
    case_ids = ["a_T1w", "b_T1w"] if "T1w" in image else ["a", "b"]
    assert [(row.case_id, row.quality, row.rater) for row in folder.rows] == [
        (case_id, "hq", "raterA+raterB+raterC") for case_id in case_ids
    ]
    assert folder.record.extra["fusion"] == "majority"
    kept = rater_labels(folder)
    for case_id in case_ids:
        assert np.array_equal(folder.read_label(case_id).array, FUSED)
        assert {rater: nib.load(path).get_fdata().sum() for rater, path in kept[case_id].items()} == {
            rater: drawn.sum() for rater, drawn in DRAWN.items()
        }
    again = import_dataset(folder, tmp_path / "again")
    assert raters_of(again) == raters_of(folder)
    assert rater_labels(again).keys() == kept.keys()
    assert again.record.extra["fusion"] == "majority"


def test_columns_of_a_table_and_cases_that_one_reader_drew(tmp_path):
    source = make(tmp_path / "src", "images/{case}.nii.gz", "drawn/{rater}/{case}.nii.gz")
    (source / "cases.csv").write_text(
        "case_id,quality,split,label_anna,label_bob\n"
        "a,lq,train,drawn/raterA/a.nii.gz,drawn/raterC/a.nii.gz\n"
        "b,lq,train,,drawn/raterB/b.nii.gz\n"
    )
    folder = import_dataset(source, tmp_path / "out", fuse="majority")
    assert [row.rater for row in folder.rows] == ["anna+bob", "bob"]
    # x = 2 and x = 6 were drawn by bob alone, a voxel off anna's surface: half makes the mean volume
    assert folder.read_label("a").array.sum() == (DRAWN["raterA"].sum() + DRAWN["raterC"].sum()) / 2
    assert np.array_equal(folder.read_label("b").array, DRAWN["raterB"])
    assert list(rater_labels(folder)) == ["a"]


def test_the_label_of_the_source_stays_unless_a_fusion_is_asked_for(tmp_path):
    source = make(tmp_path / "src", "images/{case}.nii.gz", "labels_{rater}/{case}.nii.gz")
    for case in "ab":
        save(source / f"labels/{case}.nii.gz", box(1, 9))
    folder = import_dataset(source, tmp_path / "given")
    assert folder.record.extra["fusion"] == "given"
    assert np.array_equal(folder.read_label("a").array, box(1, 9))
    assert len(rater_labels(folder)["a"]) == 3
    folder = import_dataset(source, tmp_path / "fused", fuse="majority")
    assert np.array_equal(folder.read_label("a").array, FUSED)
    (source / "labels/b.nii.gz").unlink()
    with pytest.raises(DataError, match=r"for each case, or for none, found none for b \(1 of 2 cases\)"):
        import_dataset(source, tmp_path / "some")


def test_named_folders_and_values_in_other_words(tmp_path):
    source = make(tmp_path / "src", "images/{case}.nii.gz", "../{rater}s work/{case}_mask.nii.gz")
    swapped = {1: 2, 2: 1}
    save(tmp_path / "raterAs work/a_mask.nii.gz", box(3, 6) * 2)
    folders = {"anna": tmp_path / "raterAs work", "bob": tmp_path / "raterBs work"}
    folder = import_dataset(source, tmp_path / "out", raters=folders, label_map=swapped | {3: 3})
    assert [row.rater for row in folder.rows] == ["anna+bob"] * 2
    assert set(np.unique(folder.read_label("b").array)) == {0, 2}  # renamed once


def test_one_reader_per_case_is_a_column(tmp_path):
    source = tmp_path / "src"
    for case, rater in (("a", "raterA"), ("b", "raterB"), ("c", "raterA")):
        save(source / f"images/{case}.nii.gz", IMAGE)
        save(source / f"labels/{rater}/{case}.nii.gz", DRAWN[rater])
    folder = import_dataset(source, tmp_path / "out")
    assert [row.rater for row in folder.rows] == ["raterA", "raterB", "raterA"]
    assert not (folder.root / "labelsRaters").exists()
    assert "fusion" not in folder.record.extra
    with pytest.raises(UsageError, match="found those of raterA, raterB, each case by one of them"):
        import_dataset(source, tmp_path / "fused", fuse="staple")
    assert raters_of(import_dataset(folder, tmp_path / "again")) == raters_of(folder)


def test_nonsense_is_refused(tmp_path, caplog):
    source = make(tmp_path / "src", "images/{case}.nii.gz", "labels_{rater}/{case}.nii.gz", "abc")
    with pytest.raises(UsageError, match="at least two readers, got that of anna"):
        import_dataset(source, tmp_path / "out", raters={"anna": source / "labels_raterA"})
    with pytest.raises(DataError, match=r"'no': expected .*|no: expected label files of bob"):
        import_dataset(source, tmp_path / "out", raters={"anna": source / "labels_raterA", "bob": "no"})
    with pytest.raises(DataError, match=r"without '\+', found 'a\+b'"):
        import_dataset(source, tmp_path / "out", raters={"a+b": source / "labels_raterA", "c": source})
    for drawn in "abc":
        save(source / f"labels_raterC/{drawn}.nii.gz", DRAWN["raterC"] * 4)
    with pytest.raises(
        LabelError, match=r"labels of rater[AC]: expected the values of rater[AC], [14], found"
    ):
        import_dataset(source, tmp_path / "out")
    for drawn in "abc":
        save(source / f"labels_raterC/{drawn}.nii.gz", np.where(box(8, 9), 4, DRAWN["raterC"]))
    import_dataset(source, tmp_path / "two")
    assert "raterA never drew class_4, which others drew in 3 of the same cases" in caplog.text
    save(source / "labels_raterB/a.nii.gz", DRAWN["raterB"], AFFINE @ np.diag([1, 1, 1.5, 1]))
    with pytest.raises(GeometryError, match=r"case 'a': expected .*labels_raterB/a\.nii\.gz on the grid of"):
        import_dataset(source, tmp_path / "out")
    save(source / "labels_raterB/d.nii.gz", DRAWN["raterB"])
    with pytest.raises(DataError, match=r"d\.nii\.gz: expected the label of a reader named after its image"):
        import_dataset(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_one_file_or_folder_for_two_readers_or_cases_is_refused(tmp_path):
    source = make(tmp_path / "src", "images/{case}.nii.gz", "drawn/{rater}/{case}.nii.gz")
    (tmp_path / "link").symlink_to(source / "drawn/raterA", target_is_directory=True)
    for other in (source / "drawn/raterA", tmp_path / "link"):
        with pytest.raises(DataError, match=r"found it for a by anna and for a by bob\. Correct the path"):
            import_dataset(source, tmp_path / "out", raters={"anna": source / "drawn/raterA", "bob": other})
    (source / "cases.csv").write_text(
        "case_id,quality,split,label_anna,label_bob\n"
        "a,hq,train,drawn/raterA/a.nii.gz,drawn/raterB/a.nii.gz\n"
        "b,hq,train,drawn/raterA/b.nii.gz,drawn/raterB/a.nii.gz\n"
    )
    with pytest.raises(DataError, match="found it for a by bob and for b by bob"):
        import_dataset(source, tmp_path / "out")


def test_names_that_differ_in_case_alone_are_refused_on_any_disk(tmp_path):
    source = make(tmp_path / "src", "images/{case}.nii.gz", "labels_{rater}/{case}.nii.gz")
    folders = {"Anna": source / "labels_raterA", "anna": source / "labels_raterB"}
    with pytest.raises(DataError, match="more than upper and lower case, found Anna and anna"):
        import_dataset(source, tmp_path / "out", raters=folders)
    table = (
        "case_id,quality,split,label_Bob,label_bob\na,hq,train,{0}A/a.nii.gz,{0}B/a.nii.gz\nb,hq,train,,\n"
    )
    (source / "cases.csv").write_text(table.format("labels_rater"))
    with pytest.raises(DataError, match="more than upper and lower case, found Bob and bob"):
        import_dataset(source, tmp_path / "out")


def test_the_folder_of_labels_may_be_that_of_a_reader(tmp_path):
    source = make(tmp_path / "src", "images/{case}.nii.gz", "labels_{rater}/{case}.nii.gz")
    (source / "labels_raterA").rename(source / "labels")
    folders = {"anna": source / "labels", "carl": source / "labels_raterC"}
    (source / "labels_raterB").rename(tmp_path / "elsewhere")
    folder = import_dataset(source, tmp_path / "out", raters=folders)
    assert folder.record.extra["fusion"] == "majority"  # anna's labels are not the measure of carl's
    mean = (DRAWN["raterA"].sum() + DRAWN["raterC"].sum()) / 2
    assert folder.read_label("a").array.sum() == pytest.approx(mean, abs=1)


def test_copies_and_cases_that_a_reader_left_out_are_told(tmp_path, caplog):
    source = make(tmp_path / "src", "images/{case}.nii.gz", "labels_{rater}/{case}.nii.gz", "abc")
    save(source / "labels_raterB/b.nii.gz", DRAWN["raterA"])
    (source / "labels_raterC/a.nii.gz").unlink()
    for case, low in zip("abc", (2, 3, 4), strict=True):
        save(source / f"labels_raterA/{case}.nii.gz", DRAWN["raterA"] | box(low, 8))
    save(source / "labels_raterB/b.nii.gz", DRAWN["raterA"] | box(3, 8))
    import_dataset(source, tmp_path / "out")
    said = caplog.text
    assert "raterA and raterB drew the same voxels in 1 of the 3 cases that both drew (b)" in said
    assert "labels of raterB are the same voxels for different cases (a and c)" in said
    assert "raterC did not draw 1 of the cases that others drew (a)" in said
    page = (tmp_path / "out/raters/report.html").read_text()
    assert "RaterC did not draw 1 of the cases" in page
