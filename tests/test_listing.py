import os
from pathlib import Path

import pytest

from alcseg.errors import DataError
from alcseg.listing import folders_below, has_file, has_folder, list_files, list_folders, require_content


def tree(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def names(found: list[Path], root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in found]


def test_visible_files_are_listed_by_name(tmp_path: Path) -> None:
    tree(tmp_path, "b.h5", "a.h5", "c.txt", ".hidden.h5", "sub/d.h5", "sub/deep/e.h5", ".trash/f.h5")
    assert names(list_files(tmp_path, "*.h5"), tmp_path) == ["a.h5", "b.h5"]
    assert names(list_files(tmp_path, "*.h5", below=1), tmp_path) == ["a.h5", "b.h5", "sub/d.h5"]
    assert names(list_files(tmp_path, below=2), tmp_path) == [
        "a.h5",
        "b.h5",
        "c.txt",
        "sub/d.h5",
        "sub/deep/e.h5",
    ]
    assert names(list_folders(tmp_path, below=1), tmp_path) == ["sub", "sub/deep"]
    assert names(list(folders_below(tmp_path)), tmp_path) == [".", "sub", "sub/deep"]
    assert list_files(tmp_path / "gone") == list_folders(tmp_path / "gone") == []


def test_endings_may_be_in_capitals(tmp_path: Path) -> None:
    tree(tmp_path, "b.H5", "a.h5", "c.NII.GZ")
    assert names(list_files(tmp_path, "*.h5"), tmp_path) == ["a.h5", "b.H5"]
    assert names(list_files(tmp_path, "*.nii.gz"), tmp_path) == ["c.NII.GZ"]


def test_links_that_lead_somewhere_are_followed(tmp_path: Path) -> None:
    tree(tmp_path / "store", "a.nii", "case/b.nii")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.nii").symlink_to(tmp_path / "store/a.nii")
    (tmp_path / "in/case").symlink_to(tmp_path / "store/case")
    assert names(list_files(tmp_path / "in", below=1), tmp_path) == ["in/a.nii", "in/case/b.nii"]
    assert names(list(folders_below(tmp_path / "in")), tmp_path) == ["in", "in/case"]


def test_a_link_that_leads_nowhere_is_not_taken_for_absent(tmp_path: Path) -> None:
    (tmp_path / "a.nii").symlink_to("/moved/a.nii")
    for ask in (list_files, list_folders, lambda folder: has_file(folder / "a.nii")):
        with pytest.raises(
            DataError, match=r"a\.nii: expected what can be opened, found a link to /moved/a\.nii"
        ):
            ask(tmp_path)
    assert list_files(tmp_path, "*.h5") == []  # which it is none of, whatever it is
    (tmp_path / "labels").symlink_to("/moved/labels")
    for ask in (has_file, has_folder):
        with pytest.raises(DataError, match=r"labels: .* a link to /moved/labels"):
            ask(tmp_path / "labels/b.nii")
    assert not has_file(tmp_path / "b.nii")
    assert not has_file(tmp_path / "null\0")
    assert not has_file(tmp_path / ("long" * 1000))


@pytest.mark.parametrize("kind", ["link", "text"])
def test_data_that_was_not_fetched_is_named(kind: str, tmp_path: Path) -> None:
    annexed = "../.git/annex/objects/W1/x3/SHA256E-s12--ab.nii/SHA256E-s12--ab.nii"
    if kind == "link":
        (tmp_path / "a.nii").symlink_to(annexed)
    else:
        (tmp_path / "a.nii").write_text(annexed)
    with pytest.raises(DataError, match=r"a\.nii: .* git-annex: fetch it with `git annex get`"):
        list_files(tmp_path)


def test_a_text_of_git_lfs_is_no_volume(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n")
    with pytest.raises(DataError, match=r"a\.nii: .* git-lfs: fetch it with `git lfs pull`"):
        require_content(tmp_path / "a.nii")
    (tmp_path / "notes.txt").write_text("see https://git-lfs.github.com/spec/v1")
    require_content(tmp_path / "notes.txt")


@pytest.mark.parametrize(("name", "fetch"), [("a.nii.dvc", "dvc pull"), (".a.nii.icloud", "download it")])
def test_a_file_in_place_of_another_is_named(name: str, fetch: str, tmp_path: Path) -> None:
    tree(tmp_path, name, "b.nii")
    with pytest.raises(DataError, match=rf"/a\.nii: expected a file, found only {name} of .*{fetch}"):
        list_files(tmp_path, "*.nii")
    tree(tmp_path, "a.nii")  # DVC keeps its file beside the data that was fetched
    assert names(list_files(tmp_path, "*.nii"), tmp_path) == ["a.nii", "b.nii"]


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.nii")
    with pytest.raises(DataError, match="found a pipe"):
        list_files(tmp_path)


def test_a_link_back_is_no_endless_tree(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/again").symlink_to(tmp_path)
    with pytest.raises(DataError, match=r"again: expected a folder, found a link back to"):
        list(folders_below(tmp_path))


def test_a_folder_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    for name in ("scan.nii.gz", "cases.csv", "Dataset.JSON"):
        (tmp_path / name).mkdir()
        with pytest.raises(DataError, match=f"{name}: expected a file, found a folder"):
            has_file(tmp_path / name)
        with pytest.raises(DataError, match=f"{name}: expected a file, found a folder"):
            list_files(tmp_path)
        (tmp_path / name).rmdir()
    (tmp_path / "patient.1").mkdir()
    assert not has_file(tmp_path / "patient.1")
    assert not list_files(tmp_path)
