import logging
from pathlib import Path

import pytest

from alcseg.data.readers.input_table import read_input_table
from alcseg.errors import DataError

TWO = ("T1", "FLAIR")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for case in ("x", "y"):
        for name in (*TWO, "T2"):
            (tmp_path / f"{case}_{name}.nii").touch()
    return tmp_path


def read(folder: Path, text: str, channels: tuple[str, ...] = TWO) -> dict[str, list[str]]:
    (folder / "list.csv").write_text(text, encoding="utf-8")
    found = read_input_table(folder / "list.csv", channels)
    return {case.case_id: [path.name for path in case.images] for case in found}


RIGHT = {"x": ["x_T1.nii", "x_FLAIR.nii"]}


@pytest.mark.parametrize(
    "text",
    [
        "case_id,T1,FLAIR\nx,x_T1.nii,x_FLAIR.nii\n",
        "case_id,FLAIR,T1\nx,x_FLAIR.nii,x_T1.nii\n",
        "flair,Case_ID,t1\nx_FLAIR.nii,x,x_T1.nii\n",
        "case_id;FLAIR;T1\nx;x_FLAIR.nii;x_T1.nii\n",
        "case_id\tFLAIR\tT1\nx\tx_FLAIR.nii\tx_T1.nii\n",
        "sep=;\r\ncase_id;FLAIR;T1\r\nx;x_FLAIR.nii;x_T1.nii\r\n",
        "\ufeffcase_id;FLAIR;T1;;\nx;x_FLAIR.nii;x_T1.nii;;\n;;;;\n",
        "case_id,1,0\nx,x_FLAIR.nii,x_T1.nii\n",
        "case_id,age,FLAIR,T1\nx,61,x_FLAIR.nii,x_T1.nii\n",
        "case_id;age;FLAIR;T1\nx;61,5;x_FLAIR.nii;x_T1.nii\n",
    ],
)
def test_columns_are_found_by_the_names_of_channels(text: str, folder: Path) -> None:
    assert read(folder, text) == RIGHT


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("case_id,T1,T2\nx,x_T1.nii,x_T2.nii\n", "T1, T2"),
        ("case_id,T1\nx,x_T1.nii\n", "T1"),
        ("case_id,T1,FLAIR,T2\nx,x_T1.nii,x_FLAIR.nii,x_T2.nii\n", "T1, FLAIR, T2"),
        ("case_id,T1,T1,FLAIR\nx,x_T1.nii,x_T2.nii,x_FLAIR.nii\n", "T1, T1, FLAIR"),
        ("case_id,image,image2\nx,x_T1.nii,x_FLAIR.nii\n", "image, image2"),
    ],
)
def test_other_names_are_refused_with_both_sets(text: str, found: str, folder: Path) -> None:
    with pytest.raises(DataError, match=rf"channel of the run, T1, FLAIR, found the columns {found}\."):
        read(folder, text)


@pytest.mark.parametrize("heading", ["image", "Path", "MRI", "0"])
def test_the_column_of_a_single_channel_may_have_a_general_name(heading: str, folder: Path) -> None:
    text = f"{heading};age\nx_T1.nii;61,5\ny_T1.nii;48,0\n"
    assert read(folder, text, ("MRI",)) == {"x_T1": ["x_T1.nii"], "y_T1": ["y_T1.nii"]}
    with pytest.raises(DataError, match="channel of the run, CT, found the columns MRI"):
        read(folder, "MRI\nx_T1.nii\n", ("CT",))


def test_columns_left_out_are_named(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "alcseg")
    read(folder, "case_id,T1,age,FLAIR\nx,x_T1.nii,61,x_FLAIR.nii\n")
    assert "columns without images are left out: age" in caplog.text


def test_headings_that_are_folders_too_are_headings(folder: Path) -> None:
    (folder / "T1").mkdir()
    (folder / "FLAIR").mkdir()
    assert read(folder, "FLAIR,T1,case_id\nx_FLAIR.nii,x_T1.nii,x\n") == RIGHT


def test_without_a_header_the_order_of_the_run_counts(folder: Path) -> None:
    assert read(folder, "x_T1.nii,x_FLAIR.nii\n") == {"x_T1": ["x_T1.nii", "x_FLAIR.nii"]}
    for number in range(2):
        (folder / f"z_{number:04d}.nii").touch()
    assert read(folder, "z_0000.nii,z_0001.nii\n") == {"z": ["z_0000.nii", "z_0001.nii"]}
    with pytest.raises(DataError, match=r"in the order of the run, found z_0001\.nii, z_0000\.nii"):
        read(folder, "z_0001.nii,z_0000.nii\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gone.nii,x_FLAIR.nii\ny_T1.nii,y_FLAIR.nii\n", r"found '.*gone\.nii' in the row gone\.nii"),
        ("gone.nii,gone2.nii\ny_T1.nii,y_FLAIR.nii\n", r"found '.*gone\.nii, .*gone2\.nii'"),
        ("T1,FLAIR\nx_T1.nii,\n", "found 'no FLAIR' in the row"),
        ("T1,FLAIR\nx_T1.nii\n", "found 'no FLAIR' in the row"),
        ("T1,FLAIR\nx_T1.nii,x_FLAIR.nii,x_T2.nii\n", "expected 2 cells a row, found 3"),
        ("T1,FLAIR\n", "found none. Fill the list"),
        ("", "found none. Fill the list"),
        ('T1,FLAIR\n"x_T1.nii,x_FLAIR.nii\ny_T1.nii,y_FLAIR.nii\n', "cannot read it"),
        ("T1,FLAIR\n" + "x" * 131_073 + ",b\n", "cannot read it .*field larger than"),
    ],
)
def test_a_row_that_says_no_case_is_refused_not_left_out(text: str, words: str, folder: Path) -> None:
    with pytest.raises(DataError, match=words):
        read(folder, text)
