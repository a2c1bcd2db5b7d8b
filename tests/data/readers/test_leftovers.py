"""Files that no case uses are refused where a case lacks them, and named elsewhere."""

import pytest

from alcseg.data.readers.base import SourceCase
from alcseg.data.readers.leftovers import settle_leftovers
from alcseg.errors import DataError


@pytest.fixture
def cases(tmp_path):
    """One labeled case, one without label, and one of the test, in `images`."""
    for name in ("images/a.nii.gz", "labels/a.nii.gz", "images/b.nii.gz", "images/t.nii.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    images = {name: (tmp_path / f"images/{name}.nii.gz",) for name in "abt"}
    return (
        SourceCase("a", images["a"], tmp_path / "labels/a.nii.gz"),
        SourceCase("b", images["b"]),
        SourceCase("t", images["t"], split="test"),
    )


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("labels/b.mha", True),
        ("labels/more/any", True),
        ("drawn/b.nii.gz", True),
        ("b_seg.nrrd", True),
        ("drawn/a.nii.gz", False),
        ("predictions/t.nii.gz", False),
        ("labels/notes.txt", False),
        ("atlas.mha", False),
    ],
)
def test_what_a_case_may_lack_is_refused_and_the_rest_named(cases, tmp_path, caplog, name, refused):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    folders = [tmp_path / "images", tmp_path / "labels"]
    if refused:
        with pytest.raises(DataError, match=rf"expected each file .* to be of a case, .* found \S*{name}"):
            settle_leftovers(tmp_path, cases, folders=folders)
    else:
        settle_leftovers(tmp_path, cases, folders=folders)
        assert f"files that belong to no case are left out: {tmp_path / name}" in caplog.text


def test_what_has_nothing_to_do_with_images_is_left_alone(cases, tmp_path, caplog):
    (tmp_path / "readme.txt").touch()
    settle_leftovers(tmp_path, cases, folders=[tmp_path / "images", tmp_path / "labels"])
    assert not caplog.records
