"""Importing tiny look-alikes of each layout, and every way it is refused."""

import json

import nibabel as nib
import numpy as np
import pytest

from alcseg.commands.import_dataset import import_dataset
from alcseg.data.phantoms import write_phantoms
from alcseg.data.readers import READERS, find_reader
from alcseg.errors import DataError, GeometryError, LabelError, UsageError
from alcseg.records.cases import CaseRow
from alcseg.testing.readers import contents

IMAGE = np.arange(60.0, dtype=np.float32).reshape(3, 4, 5)
LABEL = np.zeros((3, 4, 5), np.uint8)
LABEL[1, 1:3] = 1
AFFINE = np.diag([-0.7, 0.7, 2.0, 1.0])


def save(path, array, affine=AFFINE):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.Nifti1Image(array, affine).to_filename(path)


@pytest.fixture
def msd(tmp_path):
    """Ten labeled cases and one test image, as the decathlon lays them out."""
    root = tmp_path / "Task09_Tiny"
    names = [f"tiny_{index:03d}" for index in range(10)]
    for index, name in enumerate(names):
        save(root / f"imagesTr/{name}.nii.gz", IMAGE + index)
        save(root / f"labelsTr/{name}.nii.gz", LABEL)
    save(root / "imagesTs/tiny_100.nii.gz", IMAGE)
    save(root / "imagesTr/._tiny_000.nii.gz", IMAGE)  # what macOS leaves in archives
    meta = {
        "name": "Tiny",
        "licence": "CC",
        "modality": {"0": "CT"},
        "labels": {"0": "background", "1": "organ"},
        "training": [{"image": f"./imagesTr/{n}.nii.gz", "label": f"./labelsTr/{n}.nii.gz"} for n in names],
        "test": ["./imagesTs/tiny_100.nii.gz"],
    }
    (root / "dataset.json").write_text(json.dumps(meta))
    return root


def change_label(root, array, affine=AFFINE):
    save(root / "labelsTr/tiny_003.nii.gz", array, affine)


def test_decathlon_becomes_a_dataset_folder(msd, tmp_path):
    before = contents(msd)
    folder = import_dataset(msd, tmp_path / "out", val_fraction=0.1, test_fraction=0.2, seed=0)
    assert [len(folder.rows_where(split=split)) for split in ("train", "val", "test")] == [7, 1, 3]
    assert folder.row("tiny_100").quality == "unlabeled"
    assert folder.record.num_training == 8 == len(list((tmp_path / "out/imagesTr").iterdir()))
    assert folder.file_ending == ".nii.gz"
    assert folder.record.extra["licence"] == "CC"
    for row in folder.rows:
        images = "imagesTs" if row.split == "test" else "imagesTr"
        copied = tmp_path / "out" / images / f"{row.case_id}_0000.nii.gz"
        assert copied.read_bytes() == (msd / row.source).read_bytes()
        case = folder.read(row.case_id)
        if case.label is not None:
            assert np.array_equal(case.label.array, LABEL)
            assert np.array_equal(case.label.affine, case.images[0].affine)
    again = import_dataset(msd, tmp_path / "two", val_fraction=0.1, test_fraction=0.2, seed=0)
    assert again.rows == folder.rows
    assert contents(tmp_path / "out") == contents(tmp_path / "two")
    assert contents(msd) == before


def test_own_folder_is_imported_with_its_splits(msd, tmp_path):
    first = import_dataset(msd, tmp_path / "out", val_fraction=0.1, test_fraction=0.2, seed=0)
    kept = import_dataset(tmp_path / "out", tmp_path / "kept")
    assert [(r.case_id, r.quality, r.split) for r in kept.rows] == [
        (r.case_id, r.quality, r.split) for r in first.rows
    ]
    redrawn = import_dataset(tmp_path / "out", tmp_path / "redrawn", test_fraction=0.5, seed=1)
    assert len(redrawn.rows_where(split="val")) == 1  # stays; half of the other nine, rounded, are drawn
    assert len(redrawn.rows_where(split="test", quality="hq")) == 4
    assert redrawn.row("tiny_100").split == "test"


def test_nnunet_test_set_and_channels_are_kept(tmp_path):
    source = tmp_path / "Dataset001_X"
    for folder, case in (("Tr", "a"), ("Tr", "b"), ("Ts", "c")):
        save(source / f"images{folder}/{case}_0000.nii.gz", IMAGE)
        save(source / f"images{folder}/{case}_0001.nii.gz", IMAGE * 2)
        save(source / f"labels{folder}/{case}.nii.gz", LABEL)
    save(source / "imagesTs/d_0000.nii.gz", IMAGE)
    save(source / "imagesTs/d_0001.nii.gz", IMAGE)
    meta = {"channel_names": {"0": "T1", "1": "T2"}, "labels": {"background": 0, "x": 1}, "numTraining": 2}
    meta["file_ending"] = ".nii.gz"
    (source / "dataset.json").write_text(json.dumps(meta))
    folder = import_dataset(source, tmp_path / "out", val_fraction=0.4)
    assert [(r.case_id, r.quality) for r in folder.rows_where(split="test")] == [
        ("c", "hq"),
        ("d", "unlabeled"),
    ]
    assert len(folder.rows_where(split="val")) == len(folder.rows_where(split="train")) == 1
    assert len(folder.read("c").images) == 2


@pytest.mark.parametrize("layout", ["folders", "flat", "per_case"])
def test_plain_files_in_three_arrangements(tmp_path, layout):
    source = tmp_path / "src"
    names = {
        "folders": ("images/{}.nii", "labels/{}_seg.nii"),
        "flat": ("{}.nii", "{}_label.nii"),
        "per_case": ("{}/image.nii", "{}/mask.nii"),
    }[layout]
    for case in ("a", "b"):
        save(source / names[0].format(case), IMAGE)
        save(source / names[1].format(case), LABEL * 7.0)
    (source / "cases.csv").write_text("case_id,quality,group\na,lq,p1\n")
    with pytest.raises(
        DataError, match=r"cases\.csv: expected a line for each case with a label, .* for b\."
    ):
        import_dataset(source, tmp_path / "out")
    (source / "cases.csv").write_text("case_id;quality;group\na;lq;p1\nb;;\n")
    folder = import_dataset(source, tmp_path / "out")
    assert folder.labels == {"background": 0, "class_7": 7}
    assert folder.file_ending == ".nii"
    assert [(r.case_id, r.quality, r.group) for r in folder.rows] == [("a", "lq", "p1"), ("b", "hq", "b")]
    assert folder.read("a").label.array.max() == 7


def test_mixed_endings_are_compressed_without_a_change(tmp_path):
    save(tmp_path / "src/images/a.nii", IMAGE)
    save(tmp_path / "src/images/b.nii.gz", IMAGE)
    save(tmp_path / "src/labels/a.nii", LABEL)
    folder = import_dataset(tmp_path / "src", tmp_path / "out")
    assert folder.file_ending == ".nii.gz"
    assert np.array_equal(folder.read("a").images[0].array, IMAGE)
    assert folder.row("b").quality == "unlabeled"
    assert folder.image_paths("b")[0].parent.name == "imagesUn"


@pytest.mark.parametrize(
    "names",
    [
        ("images/{}.NII.GZ", "labels/{}.Nii.gz"),
        ("{}.NII", "{}_label.NII"),
        ("{}/IMAGE.NII.GZ", "{}/Label.NII"),
    ],
)
def test_endings_may_be_in_capitals(tmp_path, names):
    for case in "ab":
        for name, array in zip(names, (IMAGE, LABEL), strict=True):
            path = tmp_path / "src" / name.format(case)
            save(path.with_name(path.name.lower()), array)
            path.with_name(path.name.lower()).rename(path)
    folder = import_dataset(tmp_path / "src", tmp_path / "out")
    assert [row.case_id for row in folder.rows] == ["a", "b"]
    assert folder.file_ending in (".nii", ".nii.gz")
    assert np.array_equal(folder.read("b").images[0].array, IMAGE)
    assert np.array_equal(folder.read("b").label.array, LABEL)


def test_axes_that_are_not_perpendicular_are_told(tmp_path, caplog):
    sheared = np.eye(4)
    sheared[0, 1] = 0.3
    for name in ("images/a.nii", "labels/a.nii"):
        path = tmp_path / "src" / name
        path.parent.mkdir(parents=True)
        nib.Nifti1Image(IMAGE if "images" in name else LABEL, sheared).to_filename(path)
    import_dataset(tmp_path / "src", tmp_path / "out")
    assert "the axes of 1 scans are not perpendicular (a)" in caplog.text


def write_h5(path):
    """A case as large as those of the left atrium in one direction, by which they are known."""
    h5py = pytest.importorskip("h5py")
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["image"], file["label"] = (np.resize(array, (4, 4, 88)) for array in (IMAGE, LABEL))


def test_two_real_h5_cases(real_data, tmp_path):
    source = real_data("la")
    pytest.importorskip("h5py")
    names = (source / "train.list").read_text().split()[:2]
    (tmp_path / "src").mkdir()
    for name in names:
        (tmp_path / "src" / name).symlink_to(source / "2018LA_Seg_Training Set" / name)
    (tmp_path / "src" / "train.list").write_text("\n".join(reversed(names)))
    folder = import_dataset(tmp_path / "src", tmp_path / "out")
    assert [row.case_id for row in folder.rows] == names[::-1]
    case = folder.read(names[0])
    assert set(np.unique(case.label.array)) == {0, 1}
    assert case.images[0].spacing == (0.625, 0.625, 0.625)


@pytest.mark.slow
def test_real_decathlon_set(real_data, tmp_path):
    source = real_data("Task04_Hippocampus")
    folder = import_dataset(source, tmp_path / "out", test_fraction=0.2, val_fraction=0.1, seed=0)
    assert {split: len(folder.rows_where(split=split)) for split in ("train", "val", "test")} == {
        "train": 141,
        "val": 20,
        "test": 40,
    }
    assert folder.labels == {"background": 0, "Anterior": 1, "Posterior": 2}
    for row in folder.rows[::20]:
        case = folder.read(row.case_id)
        original = nib.load(source / "labelsTr" / f"{row.case_id}.nii.gz")
        assert np.array_equal(case.label.array, np.asanyarray(original.dataobj))
        assert np.array_equal(case.label.affine, original.affine)


def test_hq_list_makes_the_others_lq(msd, tmp_path):
    (tmp_path / "hq.txt").write_text("tiny_001\n\ntiny_004\n")
    folder = import_dataset(msd, tmp_path / "out", hq_list=tmp_path / "hq.txt")
    assert [row.case_id for row in folder.rows_where(quality="hq")] == ["tiny_001", "tiny_004"]
    assert len(folder.rows_where(quality="lq")) == 8
    (tmp_path / "hq.txt").write_text("tiny_100\nother\n")
    with pytest.raises(
        DataError, match=r"hq\.txt: expected names of labeled cases, one a line, found other, tiny_100"
    ):
        import_dataset(msd, tmp_path / "out2", hq_list=tmp_path / "hq.txt")


def test_label_map_rewrites_values(msd, tmp_path):
    change_label(msd, LABEL * 255)
    with pytest.raises(LabelError, match=r"tiny_003.*found 255 in 10 voxels.*--label-map 255=1"):
        import_dataset(msd, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    folder = import_dataset(msd, tmp_path / "out", label_map={255: 1})
    assert np.array_equal(folder.read("tiny_003").label.array, LABEL)


def test_one_class_under_two_values_is_told(tmp_path, caplog):
    for number, value in enumerate((1, 255, 1)):
        save(tmp_path / f"src/images/{number}.nii.gz", IMAGE + number)
        save(tmp_path / f"src/labels/{number}.nii.gz", LABEL * value)
    assert len(import_dataset(tmp_path / "src", tmp_path / "two").labels) == 3
    assert "no class in common with the others (1 in 2 label(s); 255 in 1 label(s))" in caplog.text
    caplog.clear()
    assert len(import_dataset(tmp_path / "src", tmp_path / "one", label_map={255: 1}).labels) == 2
    assert "in common" not in caplog.text


def test_labels_that_nobody_told_apart_are_trusted_aloud(msd, tmp_path, caplog):
    (tmp_path / "hq.txt").write_text("tiny_001\n")
    with caplog.at_level("INFO", "alcseg"):
        import_dataset(msd, tmp_path / "told", hq_list=tmp_path / "hq.txt")
        assert "trusted" not in caplog.text
        import_dataset(msd, tmp_path / "out")
    assert "all labels count as trusted (hq)" in caplog.text
    assert "`alcseg audit`" in caplog.text


@pytest.mark.parametrize("unlabeled", [False, True])
def test_so_are_those_of_an_nnunet_dataset(tmp_path, caplog, unlabeled):
    source = write_phantoms(tmp_path / "src", train=3, val=0, test=1, shape=(16, 16, 16), seed=0)
    (source / "cases.csv").unlink()
    if unlabeled:
        (source / "labelsTr" / "phantom_001.nii.gz").unlink()
        (source / "imagesUn").mkdir()
        image = source / "imagesTr" / "phantom_001_0000.nii.gz"
        image.rename(source / "imagesUn" / image.name)
    with caplog.at_level("INFO", "alcseg"):
        import_dataset(source, tmp_path / "out")
        assert "all labels count as trusted (hq)" in caplog.text
        caplog.clear()
        import_dataset(tmp_path / "out", tmp_path / "again")  # whose cases.csv says so
    assert "all labels count as trusted" not in caplog.text


def test_a_label_with_turned_axes_lies_where_its_header_says(msd, tmp_path, caplog):
    turned = nib.Nifti1Image(LABEL, AFFINE).as_reoriented(np.array([[1, -1], [2, 1], [0, -1]]))
    change_label(msd, np.asarray(turned.dataobj), turned.affine)
    folder = import_dataset(msd, tmp_path / "out")
    assert "1 labels have their axes in another order or direction than their image" in caplog.text
    found = folder.read("tiny_003").label
    assert np.array_equal(found.array, LABEL)
    np.testing.assert_allclose(found.affine, AFFINE, rtol=1e-6)


def test_other_grids_repairable_or_fatal(msd, tmp_path, caplog):
    shifted = AFFINE.copy()
    shifted[2, 3] = 4
    change_label(msd, LABEL, shifted)
    import_dataset(msd, tmp_path / "out")
    assert "1 labels have another header than their image (tiny_003)" in caplog.text
    change_label(msd, LABEL[:2])
    with pytest.raises(GeometryError, match=r"case 'tiny_003'.*shape \(2, 4, 5\) instead of \(3, 4, 5\)"):
        import_dataset(msd, tmp_path / "out2")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (IMAGE * np.nan, "found 60 NaN or infinite voxels of 60"),
        (IMAGE * 0, "found the value 0 everywhere"),
        (np.stack([IMAGE, IMAGE], axis=3), "expected one 3D volume, found 4D"),
    ],
)
def test_faulty_images_leave_nothing_behind(msd, tmp_path, broken, message):
    save(msd / "imagesTr/tiny_005.nii.gz", broken)
    with pytest.raises(DataError, match=rf"tiny_005\.nii\.gz: .*{message}"):
        import_dataset(msd, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == [msd.name]


def test_truncated_file_is_named(msd, tmp_path):
    path = msd / "imagesTr/tiny_005.nii.gz"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"tiny_005\.nii\.gz: expected a whole NIfTI file"):
        import_dataset(msd, tmp_path / "out")


def test_usage_is_checked_first(msd, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").touch()
    with pytest.raises(UsageError, match="expected an empty or new output folder"):
        import_dataset(msd, tmp_path / "full")
    with pytest.raises(UsageError, match="output folder outside of the source"):
        import_dataset(msd, msd / "out")
    with pytest.raises(UsageError, match="output folder outside of the source"):
        import_dataset(msd, msd.parent, overwrite=True)
    assert (msd / "dataset.json").is_file()
    with pytest.raises(UsageError, match="expected no --spacing"):
        import_dataset(msd, tmp_path / "out", spacing=(1, 1, 1))
    with pytest.raises(UsageError, match=r"got 'mhd'\. Did you mean 'msd'"):
        import_dataset(msd, tmp_path / "out", format="mhd")
    with pytest.raises(DataError, match="found nothing there"):
        import_dataset(tmp_path / "absent", tmp_path / "out")
    with pytest.raises(DataError, match="recognized none"):
        import_dataset(tmp_path / "full", tmp_path / "out")
    (tmp_path / "src").mkdir()
    for name, reader in READERS.items():
        assert not reader.detect(tmp_path / "src"), name
    assert type(find_reader(msd)) is READERS["msd"]


def test_images_of_another_kind_as_label(tmp_path, rng):
    save(tmp_path / "src/images/a.nii.gz", IMAGE)
    save(tmp_path / "src/labels/a.nii.gz", np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    with pytest.raises(LabelError, match=r"found 60 values .* This looks like an image"):
        import_dataset(tmp_path / "src", tmp_path / "out")
    save(tmp_path / "src/labels/a.nii.gz", LABEL)
    save(tmp_path / "src/labels/b.nii.gz", LABEL)
    with pytest.raises(DataError, match=r"found none for \S*b\.nii\.gz"):
        import_dataset(tmp_path / "src", tmp_path / "out")


def test_low_quality_cases_neither_validate_nor_test(msd, tmp_path):
    (tmp_path / "hq.txt").write_text("".join(f"tiny_00{index}\n" for index in range(5)))
    folder = import_dataset(
        msd, tmp_path / "out", hq_list=tmp_path / "hq.txt", val_fraction=0.2, test_fraction=0.4
    )
    assert len(folder.rows_where(split="val", quality="hq")) == len(folder.rows_where(split="val")) == 1
    assert len(folder.rows_where(split="test", quality="hq")) == 2
    assert not folder.rows_where(split="test", quality="lq")
    assert len(folder.rows_where(split="train", quality="lq")) == 5


def test_case_names_and_values_that_cannot_be_files(msd, tmp_path):
    folder = import_dataset(msd, tmp_path / "out")
    table = folder.root / "cases.csv"
    for name in ("../x", "a/b", "a\\b", ".."):
        table.write_text(f"case_id\n{name}\n")
        with pytest.raises(DataError, match=r"line 2: expected a case name that can be a file name"):
            import_dataset(folder.root, tmp_path / "again")
    table.unlink()
    meta = json.loads((folder.root / "dataset.json").read_text())
    (folder.root / "dataset.json").write_text(json.dumps(meta | {"channel_names": ["CT"]}))
    with pytest.raises(DataError, match=r"expected channel names as a table .* found \['CT'\]"):
        import_dataset(folder.root, tmp_path / "again")
    (folder.root / "dataset.json").write_text(json.dumps(meta | {"labels": {"background": 0, "x": -1}}))
    with pytest.raises(DataError, match=r"expected label values of 0 and above, found -1 \(x\)"):
        import_dataset(folder.root, tmp_path / "again")
    change_label(msd, LABEL.astype(np.int16) * -1)
    with pytest.raises(LabelError, match=r"tiny_003.* 0 and above, found -1\. Import with --label-map=-1=0"):
        import_dataset(msd, tmp_path / "again")


def test_test_cases_may_lie_in_a_folder_of_their_own(tmp_path):
    for name in ("A", "B"):
        write_h5(tmp_path / "src" / name / "mri_norm2.h5")
    (tmp_path / "src/test.list").write_text("B\n")
    write_h5(tmp_path / "more/C/mri_norm2.h5")
    folder = import_dataset(tmp_path / "src", tmp_path / "out", test_source=tmp_path / "more")
    assert [(row.case_id, row.split) for row in folder.rows] == [
        ("B", "train"),
        ("A", "train"),
        ("C", "test"),
    ]
    with pytest.raises(UsageError, match="either a folder of test cases or --test-fraction"):
        import_dataset(tmp_path / "src", tmp_path / "x", test_source=tmp_path / "more", test_fraction=0.5)
    with pytest.raises(DataError, match="expected each case name once"):
        import_dataset(tmp_path / "src", tmp_path / "x", test_source=tmp_path / "src")


def test_scans_of_one_patient_stay_in_one_split(real_data, tmp_path, caplog):
    """ACDC holds two phases of each heart, told apart by the end of their names alone."""
    source = real_data("ACDC")
    import_dataset(source, tmp_path / "alone", val_fraction=0.2)
    assert "--group-regex '^(.+)_'" in caplog.text
    assert _divided_patients(tmp_path / "alone")  # what the warning is about
    caplog.clear()
    import_dataset(source, tmp_path / "grouped", val_fraction=0.2, group_regex="^(.+)_")
    assert not caplog.text
    assert not _divided_patients(tmp_path / "grouped")


def test_unlabeled_scans_of_a_patient_follow_the_labeled_ones(tmp_path, rng):
    source = tmp_path / "source"
    for number in range(5):
        for scan in ("first", "second"):
            name = f"p{number}_{scan}"
            save(source / "images" / f"{name}.nii.gz", rng.normal(size=(4, 4, 4)).astype(np.float32))
            if scan == "first":
                save(source / "labels" / f"{name}.nii.gz", (rng.random((4, 4, 4)) > 0.5).astype(np.uint8))
    folder = import_dataset(
        source, tmp_path / "out", val_fraction=0.2, test_fraction=0.2, group_regex="p[0-9]"
    )
    assert not _divided_patients(tmp_path / "out")
    assert len(folder.rows_where(split="val", quality="unlabeled")) == 1
    assert len(folder.rows_where(split="test", quality="unlabeled")) == 1


def _divided_patients(folder):
    splits = {}
    for row in CaseRow.read(folder):
        splits.setdefault(row.case_id.split("_")[0], set()).add(row.split)
    return {patient for patient, found in splits.items() if len(found) > 1}


def test_what_a_label_lacks_is_settled_and_said_once(msd, tmp_path, caplog):
    moved = AFFINE.copy()
    moved[:3, 3] = (AFFINE @ [1, 1, 0, 1])[:3]
    change_label(msd, LABEL[1:2, 1:3], moved)  # cropped to its segment
    scaled = nib.Nifti1Image(LABEL.astype(float), AFFINE)
    scaled.header.set_data_dtype(np.int16)
    for name in ("tiny_004", "tiny_005"):
        scaled.to_filename(msd / f"labelsTr/{name}.nii.gz")
    folder = import_dataset(msd, tmp_path / "out")
    for name in ("tiny_003", "tiny_004", "tiny_005"):
        assert np.array_equal(folder.read(name).label.array, LABEL)
    assert "1 labels cover a part of their image and were filled up with background (tiny_003)" in caplog.text
    assert "2 labels are stored scaled" in caplog.text
    assert "(tiny_004, tiny_005)" in caplog.text


def test_a_spacing_is_above_0(tmp_path):
    write_h5(tmp_path / "src/a/mri_norm2.h5")
    with pytest.raises(UsageError, match="--spacing: expected three voxel sizes above 0 mm"):
        import_dataset(tmp_path / "src", tmp_path / "out", spacing=(-1.0, 1.0, 1.0))


def test_an_atlas_is_a_label(tmp_path, rng):
    atlas = np.kron(np.arange(64).reshape(4, 4, 4) * 31, np.ones((4, 4, 4), int)).astype(np.int16)
    save(tmp_path / "src/images/a.nii.gz", rng.normal(size=atlas.shape).astype(np.float32))
    save(tmp_path / "src/labels/a.nii.gz", atlas)
    assert len(import_dataset(tmp_path / "src", tmp_path / "out").labels) == 64
