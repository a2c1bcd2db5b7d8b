from pathlib import Path

import pytest

from alcseg.data.readers.inputs import find_inputs
from alcseg.errors import DataError, UsageError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a_0000.nii.gz", "a_0001.nii.gz", "b_0000.nii.gz", "b_0001.nii.gz"):
        (tmp_path / name).touch()
    return tmp_path


def ids(inputs: list[Path | str], channels: int | tuple[str, ...] = 1) -> dict[str, list[str]]:
    return {
        case.case_id: [path.name for path in case.images] for case in find_inputs(inputs, channels=channels)
    }


def test_channels_of_a_folder_are_grouped(folder: Path) -> None:
    expected = {"a": ["a_0000.nii.gz", "a_0001.nii.gz"], "b": ["b_0000.nii.gz", "b_0001.nii.gz"]}
    assert ids([folder], channels=2) == expected
    assert ids([str(folder / "*.nii.gz")], channels=2) == expected
    assert ids([folder / "a_0000.nii.gz"], channels=2) == {"a": expected["a"]}


def test_endings_may_be_in_capitals(tmp_path: Path) -> None:
    for name in ("a_0000.NII.GZ", "a_0001.nii.GZ"):
        (tmp_path / name).touch()
    expected = {"a": ["a_0000.NII.GZ", "a_0001.nii.GZ"]}
    assert ids([tmp_path], channels=2) == expected
    assert ids([tmp_path / "a_0000.NII.GZ", tmp_path / "a_0001.nii.GZ"], channels=2) == expected


def test_numbered_scans_of_one_channel_keep_their_names(tmp_path: Path) -> None:
    names = ("scan_0000.nii.gz", "scan_0007.nii.gz", "scan_0008.nii")
    for name in names:
        (tmp_path / name).touch()
    expected = {name.split(".")[0]: [name] for name in names}
    assert ids([tmp_path]) == expected
    assert ids([tmp_path / name for name in names]) == expected  # as a shell hands on scan_*
    (tmp_path / "list.txt").write_text("\n".join(names))
    assert ids([tmp_path / "list.txt"]) == expected
    assert ids([tmp_path / "scan_0000.nii.gz"]) == {"scan": ["scan_0000.nii.gz"]}


def test_lists_are_read_from_where_they_lie(folder: Path) -> None:
    (folder / "list.txt").write_text("# two\na_0000.nii.gz\n\nb_0000.nii.gz\n")
    assert ids([folder / "list.txt"]) == {"a": ["a_0000.nii.gz"], "b": ["b_0000.nii.gz"]}
    (folder / "list.csv").write_text("case_id,t1,t2\nx,a_0000.nii.gz,a_0001.nii.gz\n")
    assert ids([folder / "list.csv"], channels=("T1", "T2")) == {"x": ["a_0000.nii.gz", "a_0001.nii.gz"]}
    (folder / "list.tsv").write_text("image\tcase_id\na_0000.nii.gz\tx\n")
    assert ids([folder / "list.tsv"]) == {"x": ["a_0000.nii.gz"]}
    (folder / "bare.csv").write_text("a_0000.nii.gz\nb_0000.nii.gz\n")
    assert ids([folder / "bare.csv"]) == {"a": ["a_0000.nii.gz"], "b": ["b_0000.nii.gz"]}


def test_of_a_dataset_the_test_images_are_taken(tmp_path: Path) -> None:
    for name in ("imagesTr/a_0000.nii.gz", "imagesTs/t_0000.nii.gz", "dataset.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert ids([tmp_path]) == {"t": ["t_0000.nii.gz"]}
    (tmp_path / "imagesTs" / "t_0000.nii.gz").unlink()
    (tmp_path / "imagesTs").rmdir()
    with pytest.raises(DataError, match="expected a dataset with imagesTs, found none"):
        find_inputs([tmp_path], channels=1)


def test_a_text_that_is_no_list_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("[" * 100_000)  # as a pattern it would take minutes
    with pytest.raises(DataError, match="found nothing"):
        find_inputs([tmp_path / "list.txt"], channels=1)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nope\*: expected a file, a folder or a pattern, found nothing"):
        find_inputs([tmp_path / "nope*"], channels=1)
    with pytest.raises(DataError, match=r"expected NIfTI files .* or a DICOM series, found neither"):
        find_inputs([tmp_path], channels=1)
    with pytest.raises(UsageError, match="expected at least one file or folder"):
        find_inputs([], channels=1)
    (tmp_path / "a.png").touch()
    with pytest.raises(DataError, match=r"a\.png: expected an image"):
        find_inputs([tmp_path / "a.png"], channels=1)
    (tmp_path / "list.csv").write_text("case_id,image\na,gone.nii.gz\n")
    with pytest.raises(DataError, match=r"expected paths of images, found '.*gone\.nii\.gz'"):
        find_inputs([tmp_path / "list.csv"], channels=1)
    (tmp_path / "list.txt").write_text("\n")
    with pytest.raises(DataError, match="expected one path a line, found none"):
        find_inputs([tmp_path / "list.txt"], channels=1)


def test_a_list_in_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("b.txt\n")
    (tmp_path / "b.txt").write_text("a.txt\n")
    with pytest.raises(DataError, match=r"a\.txt: expected one path a line, found this list itself"):
        find_inputs([tmp_path / "a.txt"], channels=1)


def test_labels_beside_images_are_no_inputs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a.nii.gz", "a_label.nii.gz", "b.nii.gz", "c_mask.nii.gz"):
        (tmp_path / name).touch()
    assert ids([tmp_path]) == {"a": ["a.nii.gz"], "b": ["b.nii.gz"]}
    assert "left out" in caplog.text
    assert "c_mask.nii.gz" in caplog.text
    assert ids([tmp_path / "*_mask.nii.gz"]) == {"c_mask": ["c_mask.nii.gz"]}


@pytest.mark.parametrize("name", ["../x", "..\\x", "/x", "=x", "x\ty", "CON", "x."])
def test_a_name_from_a_list_stays_in_the_output_folder(name: str, folder: Path) -> None:
    (folder / "list.csv").write_text(f"case_id,image\n{name},a_0000.nii.gz\n")
    with pytest.raises(
        DataError, match=r"a_0000\.nii\.gz: expected a case name that can be a file name on any system, found"
    ):
        find_inputs([folder / "list.csv"], channels=1)


def test_two_endings_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "a.nii"):
        (tmp_path / name).touch()
    for inputs in ([tmp_path], [tmp_path / "*.nii*"], [tmp_path / "a.nii", tmp_path / "a.nii.gz"]):
        with pytest.raises(DataError, match=r"each case name once, found 'a' as .*/a\.nii and .*/a\.nii\.gz"):
            find_inputs(inputs, channels=1)


def test_two_inputs_of_one_name_are_refused(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other" / "a_0000.nii.gz").touch()
    with pytest.raises(UsageError, match="which would both give 'a'"):
        find_inputs([folder / "a_0000.nii.gz", folder / "other"], channels=1)
    assert ids([folder / "a_0000.nii.gz", folder / "a_0000.nii.gz"]) == {"a": ["a_0000.nii.gz"]}
