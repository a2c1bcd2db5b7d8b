"""Folders of NIfTI files as people have them: every file is of a case, or named."""

import nibabel as nib
import numpy as np
import pytest

from alcseg.commands.import_dataset import import_dataset
from alcseg.data.readers.inputs import find_inputs
from alcseg.errors import DataError

IMAGE = np.arange(60.0, dtype=np.float32).reshape(3, 4, 5)
LABEL = (IMAGE > 30).astype(np.uint8)
LABEL_WORDS = ("label", "mask", "seg")


def nifti(root, *names):
    """Write images and, where a name says so, labels; images differ by their place among the names."""
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        is_label = any(word in name for word in LABEL_WORDS)
        nib.Nifti1Image(LABEL if is_label else IMAGE + 100 * number, np.eye(4)).to_filename(path)


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"\1\2")


@pytest.mark.parametrize(
    ("read", "other"),
    [
        (["images/a.nii.gz", "images/b.nii.gz", "labels/a.nii.gz"], "labels/b.mnc"),
        (["images/a.nii.gz", "images/b.nii.gz", "labels/a.nii.gz"], "labels/manual_b.img"),
        (["images/a.nii.gz", "images/b.nii.gz", "labels/a.nii.gz"], "labels/second/b.gipl"),
        (["images/a.nii.gz", "images/b.nii.gz"], "labels/b"),
        (["images/a.nii.gz", "labels/a.nii.gz"], "images/b.mnc"),
        (["images/a.nii.gz", "labels/a.nii.gz"], "images/more/b.nii.gz"),
        (["images/a.nii.gz", "labels/a.nii.gz"], "masks/a.nii.gz"),
        (["images/a.nii.gz", "labels/a.nii.gz"], "scans/b.nii.gz"),
        (["a.nii.gz", "b.nii.gz", "a_label.nii.gz"], "b_label.mnc"),
        (["a.nii.gz", "b.nii.gz", "a_label.nii.gz"], "B2_label.mnc"),
        (["a.nii.gz", "a_label.nii.gz"], "b.gipl"),
        (["a.nii.gz", "b.nii.gz"], "labels/b.mnc"),
        (["a.nii.gz", "b.nii.gz"], "labels/c.nii.gz"),
        (["a.nii.gz", "b.nii.gz"], "drawn/b.nii.gz"),
        (["images/a.nii.gz", "images/b.nii.gz"], "drawn/b_seg.nii.gz"),
        (["images/a.nii.gz", "images/b.nii.gz"], "groundtruth/b.mnc"),
        (["a/image.nii.gz", "b/image.nii.gz"], "b/label.img"),
        (["a/image.nii.gz", "a/label.nii.gz"], "b/image.mnc"),
        (["a/image.nii.gz", "a/label.nii.gz"], "labels/b.nii.gz"),
        (["a/image.nii.gz", "a/label.nii.gz"], "b/label.nii.gz"),
        (["a/t1.nii.gz", "a/seg.nii.gz", "b/t1.nii.gz"], "b/seg.mnc"),
        (["a/a_t1.nii.gz", "a/a_seg.nii.gz", "b/b_t1.nii.gz"], "b/W39_1998.nii.gz"),
    ],
)
def test_an_image_or_label_that_no_case_uses_is_an_error(tmp_path, read, other):
    nifti(tmp_path / "src", *read)
    import_dataset(tmp_path / "src", tmp_path / "without")
    touch(tmp_path / "src", other)
    with pytest.raises(DataError, match=rf"expected .* found .*{other}"):
        import_dataset(tmp_path / "src", tmp_path / "out")


@pytest.mark.parametrize(
    ("read", "other"),
    [
        (["images/a.nii.gz", "labels/a.nii.gz"], "labels/protocol.json"),
        (["images/a.nii.gz", "labels/a.nii.gz"], "images/Thumbs.db"),
        (["images/a.nii.gz", "labels/a.nii.gz"], "labels/convert.py"),
        (["images/a.nii.gz", "labels/a.nii.gz"], "atlas/mean.nii.gz"),
        (["images/a.nii.gz", "labels/a.nii.gz"], "scans/p1/raw.dat"),
        (["a.nii.gz", "a_label.nii.gz"], "old/b.nii.gz"),
        (["a/image.nii.gz", "a/label.nii.gz"], "a/ct.mnc"),
    ],
)
def test_what_else_is_left_out_is_named(tmp_path, read, other, caplog):
    nifti(tmp_path / "src", *read)
    touch(tmp_path / "src", other)
    assert len(import_dataset(tmp_path / "src", tmp_path / "out")) == 1
    assert ("src/" + other in caplog.text) == (not other.endswith(".dat"))


def test_labels_may_lie_in_a_folder_beside_the_images(tmp_path):
    nifti(tmp_path / "src", "a.nii.gz", "b.nii.gz", "Labels/a_seg.nii.gz")
    rows = import_dataset(tmp_path / "src", tmp_path / "out").rows
    assert [(row.case_id, row.quality) for row in rows] == [("a", "hq"), ("b", "unlabeled")]


def test_test_images_of_nnunet_folders_test(tmp_path):
    names = ("imagesTr/a_0000", "labelsTr/a", "imagesTs/t_0000", "imagesTs/u_0000", "labelsTs/t")
    nifti(tmp_path / "src", *(f"{name}.nii.gz" for name in names))
    rows = import_dataset(tmp_path / "src", tmp_path / "out").rows
    assert [(row.case_id, row.split, row.quality) for row in rows] == [
        ("a", "train", "hq"),
        ("t", "test", "hq"),
        ("u", "test", "unlabeled"),
    ]


BRATS = {
    "2020": ("BraTS20_{:03d}", ["_flair", "_t1", "_t1ce", "_t2"], "_seg"),
    "2023": ("BraTS-GLI-{:05d}", ["-t1c", "-t1n", "-t2f", "-t2w"], "-seg"),
    "graded": ("HGG/Brats18_{}", ["_flair", "_t1", "_t1ce", "_t2"], "_seg"),
    "plain": ("case{}", ["/t1", "/t2"], "/label"),
    "alone": ("case{}", [""], "_label"),
}


@pytest.mark.parametrize("form", BRATS)
def test_a_folder_a_case_with_a_file_a_modality(tmp_path, form):
    folder, endings, label = BRATS[form]
    for number in (1, 2):
        place = tmp_path / "src" / folder.format(number)
        files = [ending[1:] if ending[:1] == "/" else place.name + ending for ending in (*endings, label)]
        nifti(place, *(f"{name}.nii.gz" for name in files))
    imported = import_dataset(tmp_path / "src", tmp_path / "out")
    names = [ending[1:] for ending in endings] if endings != [""] else ["image"]
    assert list(imported.channel_names.values()) == names
    assert [row.quality for row in imported.rows] == ["hq", "hq"]
    found = find_inputs([tmp_path / "src"], channels=names[::-1])
    assert [case.case_id for case in found] == [row.case_id for row in imported.rows]
    for case in found:
        for given, kept in zip(case.read().images[::-1], imported.read(case.case_id).images, strict=True):
            assert np.array_equal(given.array, kept.array)


def test_one_label_in_a_folder_of_modalities_may_have_another_name(tmp_path):
    nifti(
        tmp_path / "src", "a/a_t1.nii.gz", "a/a_seg.nii.gz", "b/b_t1.nii.gz", "b/W39_1998.09.19_segm.nii.gz"
    )
    assert [row.quality for row in import_dataset(tmp_path / "src", tmp_path / "out").rows] == ["hq", "hq"]


def test_modalities_that_differ_are_refused(tmp_path):
    nifti(
        tmp_path / "src", *(f"{case}/{case}_{name}.nii.gz" for case in "ab" for name in ("t1", "t2", "seg"))
    )
    nifti(tmp_path / "src", *(f"c/c_{name}.nii.gz" for name in ("flair", "t1", "seg")))
    with pytest.raises(
        DataError, match="same files in the folder of each case, t1, t2, found flair, t1 in c"
    ):
        import_dataset(tmp_path / "src", tmp_path / "out")


def test_folders_of_one_modality_each_are_no_cases(tmp_path):
    nifti(tmp_path / "src", *(f"{name}/{name}_{case}.nii.gz" for case in "ab" for name in ("T1", "T2")))
    with pytest.raises(DataError, match="found none of these"):
        import_dataset(tmp_path / "src", tmp_path / "out")


def test_an_axis_of_one_is_left_out_of_what_is_written(tmp_path):
    nifti(tmp_path / "src", "labels/a.nii.gz")
    (tmp_path / "src/images").mkdir()
    nib.Nifti1Image(IMAGE[..., None], np.eye(4)).to_filename(tmp_path / "src/images/a.nii.gz")
    folder = import_dataset(tmp_path / "src", tmp_path / "out")
    assert nib.load(folder.image_paths("a")[0]).shape == (3, 4, 5)
    assert np.array_equal(folder["a"].image, IMAGE)


def test_images_that_are_not_predicted_are_named(tmp_path, caplog):
    nifti(tmp_path / "src", "images/a.nii.gz", "labels/a.nii.gz")
    touch(tmp_path / "src", "images/b.mnc")
    assert [case.case_id for case in find_inputs([tmp_path / "src"], channels=1)] == ["a"]
    assert "left out: " + str(tmp_path / "src/images/b.mnc") in caplog.text
