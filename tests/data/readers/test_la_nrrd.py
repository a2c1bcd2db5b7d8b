"""The left atrium challenge's own files, a tiny look-alike."""

import numpy as np
import pytest

from alcseg.commands.import_dataset import import_dataset
from alcseg.data.readers import ReaderOptions, find_reader
from alcseg.errors import DataError, GeometryError, ResourceError

nrrd = pytest.importorskip("nrrd")

IMAGE = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
LABEL = np.zeros((3, 4, 5), np.uint8)
LABEL[1, 1:3, 4] = 255


def write(folder, *, label=True, **header):
    folder.mkdir(parents=True, exist_ok=True)
    fields = {
        "space": "left-posterior-superior",
        "space directions": np.diag([0.625, 0.5, 1.25]),
        "space origin": np.array([10.0, 20.0, 30.0]),
        "encoding": "gzip",
    } | header
    nrrd.write(str(folder / "lgemri.nrrd"), IMAGE, fields, index_order="F")
    if label:
        nrrd.write(str(folder / "laendo.nrrd"), LABEL, fields, index_order="F")


@pytest.fixture
def source(tmp_path):
    for case in ("A", "B", "C"):
        write(tmp_path / "src/Training Set" / case)
    write(tmp_path / "src/Testing Set/D", label=False)
    return tmp_path / "src"


def test_voxels_lie_where_the_header_says(source, tmp_path):
    folder = import_dataset(source, tmp_path / "out")
    case = folder.read("A")
    assert np.array_equal(case.images[0].array, IMAGE)
    assert np.array_equal(case.label.array, LABEL // 255)
    assert case.images[0].spacing == pytest.approx((0.625, 0.5, 1.25))
    # LPS (10 + 0.625, 20 + 2 * 0.5, 30 + 4 * 1.25) is RAS (-10.625, -21, 35).
    assert np.allclose(case.label.affine @ [1, 2, 4, 1], [-10.625, -21, 35, 1])
    assert [(row.case_id, row.quality, row.split) for row in folder.rows] == [
        ("A", "hq", "train"),
        ("B", "hq", "train"),
        ("C", "hq", "train"),
        ("D", "unlabeled", "test"),
    ]


def test_endings_may_be_in_capitals(source, tmp_path):
    for name in ("lgemri.nrrd", "laendo.nrrd"):
        path = source / "Training Set/A" / name
        path.rename(path.with_name(name.upper()))
    folder = import_dataset(source, tmp_path / "out")
    assert np.array_equal(folder.read("A").label.array, LABEL // 255)
    assert folder.row("D").quality == "unlabeled"


def test_units_of_the_space_are_read(source, tmp_path):
    write(source / "Training Set/A", **{"space units": ["um", "um", "um"]})
    case = import_dataset(source, tmp_path / "out").read("A")
    assert case.images[0].spacing == pytest.approx((0.000625, 0.0005, 0.00125))
    for units in (["mm", "mm", "um"], ["inch"] * 3):
        write(source / "Training Set/A", **{"space units": units})
        with pytest.raises(GeometryError, match=r"lgemri\.nrrd: expected space units of mm, um, .* found"):
            import_dataset(source, tmp_path / "x")


def test_turned_axes_and_other_spaces_are_followed(source, tmp_path):
    turned = np.array([[0, 2.0, 0], [0, 0, 3.0], [-1.0, 0, 0]])  # array axes run along P, S and R
    write(source / "Training Set/A", **{"space": "RAS", "space directions": turned})
    case = import_dataset(source, tmp_path / "out").read("A")
    assert np.allclose(case.images[0].affine @ [1, 1, 1, 1], [10 - 1, 20 + 2, 30 + 3, 1])


def test_lists_order_and_split(source):
    (source / "train.list").write_text("C\nA\n")
    (source / "test.list").write_text("B\n")
    found = find_reader(source).scan(source, ReaderOptions())
    assert [(case.case_id, case.split) for case in found.cases] == [
        ("C", None),
        ("A", None),
        ("B", "test"),
        ("D", "test"),
    ]


def test_faults_are_named(source, tmp_path, monkeypatch):
    write(source / "Training Set/A", space="scanner-xyz")
    with pytest.raises(
        GeometryError, match=r"lgemri\.nrrd: expected three space directions.* in scanner-xyz"
    ):
        import_dataset(source, tmp_path / "out")
    write(source / "Training Set/A")
    whole = (source / "Training Set/A/lgemri.nrrd").read_bytes()
    changed = bytearray(whole)
    changed[-20] ^= 255  # within the packed voxels
    for content in (b"", b"NRRD0004\ntype: uchar\n", whole.replace(b"type: ", b"type: u"), bytes(changed)):
        (source / "Training Set/A/lgemri.nrrd").write_bytes(content)
        with pytest.raises(DataError, match="expected a whole NRRD file"):
            import_dataset(source, tmp_path / "out")
    monkeypatch.setitem(__import__("sys").modules, "nrrd", None)
    with pytest.raises(ResourceError, match=r'pip install "alcseg\[nrrd\]"'):
        import_dataset(source, tmp_path / "out")


def test_a_label_in_another_format_is_an_error(source, tmp_path):
    (source / "Testing Set/D/laendo.mha").touch()
    with pytest.raises(
        DataError, match=r"expected labels as laendo\.nrrd, found \S*Testing Set/D/laendo\.mha"
    ):
        import_dataset(source, tmp_path / "out")
