"""What file names are taken to say."""

from pathlib import Path

import pytest

from alcseg.data.readers.names import is_image_file, is_named_like_label, may_be_of


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("a_label.nii.gz", True),
        ("a-Mask.seg.nrrd", True),
        ("labels/a.mha", True),
        ("GT/a.nii", True),
        ("a/seg.mgz", True),
        ("a/a.nii.gz", False),
        ("labelled.nii.gz", False),
    ],
)
def test_labels_are_told_by_their_name_or_folder(path, label):
    assert is_named_like_label(Path(path)) == label


@pytest.mark.parametrize(
    ("path", "case_id", "expected"),
    [
        ("x/a.seg.nrrd", "a", True),
        ("x/A_mask.mha", "a", True),
        ("labels/a_by_me.mha", "a", True),
        ("x/a_by_me.mha", "a", False),
        ("case1/seg.mha", "case1", True),
        ("case1/t1.mha", "case1", False),
        ("labels/a10.mha", "a1", False),
    ],
)
def test_a_file_bears_the_name_of_its_case(path, case_id, expected):
    assert may_be_of(Path(path), case_id) == expected


@pytest.mark.parametrize(
    ("path", "image"), [("a.NII.GZ", True), ("a.mha", True), ("1.dcm", False), ("a.h5", False)]
)
def test_other_formats_of_images_are_known(path, image):
    assert is_image_file(Path(path)) == image
