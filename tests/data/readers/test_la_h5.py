from pathlib import Path

import numpy as np
import pytest

from alcseg.commands.import_dataset import import_dataset
from alcseg.data.readers.inputs import find_inputs
from alcseg.data.readers.la_h5 import LAH5Reader
from alcseg.errors import DataError, ResourceError

h5py = pytest.importorskip("h5py")

IMAGE = np.arange(60.0, dtype=np.float32).reshape(3, 4, 5)
LABEL = (IMAGE > 30).astype(np.uint8)
ATRIUM = {"image": np.resize(IMAGE, (3, 4, 88)), "label": np.resize(LABEL, (3, 4, 88))}


def write(path: Path, **arrays: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for key, array in (arrays or {"image": IMAGE, "label": LABEL}).items():
            file[key] = array


def test_the_left_atrium_has_a_known_spacing_and_the_order_of_its_lists(tmp_path: Path) -> None:
    source = tmp_path / "src"
    for case in ("A", "B", "C"):
        write(source / "2018LA_Seg_Training Set" / case / "mri_norm2.h5", **ATRIUM)
    (source / "train.list").write_text("C\nA\n")
    (source / "test.list").write_text("B\n")
    folder = import_dataset(source, tmp_path / "out")
    assert [(row.case_id, row.split) for row in folder.rows] == [
        ("C", "train"),
        ("A", "train"),
        ("B", "test"),
    ]
    assert folder.labels == {"background": 0, "left_atrium": 1}
    case = folder.read("C")
    assert np.array_equal(case.images[0].array, ATRIUM["image"])
    assert case.images[0].spacing == (0.625, 0.625, 0.625)
    assert case.label is not None
    assert case.label.array.dtype == np.uint8
    given = import_dataset(source, tmp_path / "mm", spacing=(1, 2, 3))
    assert given.read("A").images[0].spacing == (1, 2, 3)


def test_endings_may_be_in_capitals(tmp_path: Path) -> None:
    write(tmp_path / "src/A/MRI_NORM2.H5", **ATRIUM)
    write(tmp_path / "src/B/mri_norm2.h5", **ATRIUM)
    assert [row.case_id for row in import_dataset(tmp_path / "src", tmp_path / "out").rows] == ["A", "B"]


@pytest.mark.parametrize("name", ["data/BraTS19_1.h5", "A/mri_norm2.h5"])
def test_a_spacing_is_asked_for_where_name_or_size_are_others(name: str, tmp_path: Path) -> None:
    write(tmp_path / "src" / name)
    words = rf"{name}: expected a voxel size, .* with 88 slices\)\. Import it with --spacing X Y Z"
    with pytest.raises(DataError, match=words):
        import_dataset(tmp_path / "src", tmp_path / "out")
    (case,) = find_inputs([tmp_path / "src"], channels=1)
    with pytest.raises(DataError, match=words):
        case.read()
    folder = import_dataset(tmp_path / "src", tmp_path / "out", spacing=(1, 1, 2))
    assert (folder.name, folder.labels) == ("src", {"background": 0, "class_1": 1})
    assert folder.read(folder.rows[0].case_id).images[0].spacing == (1, 1, 2)


def test_one_file_of_another_kind_is_enough(tmp_path: Path) -> None:
    write(tmp_path / "A/mri_norm2.h5", **ATRIUM)
    write(tmp_path / "B/mri_norm2.h5")
    with pytest.raises(DataError, match=r"B/mri_norm2\.h5: expected a voxel size"):
        import_dataset(tmp_path, tmp_path.with_name("out"))


def test_classes_of_other_organs_are_named_after_values(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "src/a.h5", image=IMAGE, label=LABEL * 3)
    write(tmp_path / "src/b.h5", image=IMAGE, label=LABEL.astype(np.float32))
    folder = import_dataset(tmp_path / "src", tmp_path / "out", spacing=(1, 1, 1), label_map={3: 2})
    assert folder.labels == {"background": 0, "class_1": 1, "class_2": 2}
    assert "no class in common with the others (1 in 1 label(s); 2 in 1 label(s))" in caplog.text
    write(tmp_path / "src/b.h5", image=IMAGE, label=LABEL * 0)
    write(tmp_path / "src/a.h5", image=IMAGE, label=LABEL * 0)
    with pytest.raises(DataError, match="found only empty ones"):
        import_dataset(tmp_path / "src", tmp_path / "x", spacing=(1, 1, 1))


def test_no_label_is_asked_for_to_predict(tmp_path: Path) -> None:
    write(tmp_path / "A/mri_norm2.h5", image=ATRIUM["image"])
    (case,) = find_inputs([tmp_path], channels=1)
    assert case.read().label is None
    (tmp_path / "A/mri_norm2.h5").write_bytes(b"no")  # one bad file does not keep others from being found
    (tmp_path / "train.list").write_text("B\n")  # and lists say nothing of what to predict
    assert [case.case_id for case in LAH5Reader().cases(tmp_path, 1)] == ["A"]


def test_h5py_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "src/A/mri_norm2.h5", **ATRIUM)
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(ResourceError, match=r'pip install "alcseg\[h5\]"'):
        import_dataset(tmp_path / "src", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["src"]
