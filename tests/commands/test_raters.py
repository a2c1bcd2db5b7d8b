"""How readers draw: a reader who draws too large is named, nobody is compared with himself."""

import json
import math

import nibabel as nib
import numpy as np
import pytest

from alcseg.cli.main import main
from alcseg.commands.import_dataset import import_dataset
from alcseg.commands.raters import raters
from alcseg.data.folder import Dataset
from alcseg.errors import DataError, UsageError
from alcseg.records.raters import RaterCaseRow, RaterPairRow, RaterRow

AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])
SHAPE = (16, 16, 8)
CASES = 6


def cube(low, high, value=1):
    """Voxels `low` to `high` along the first two axes, 2 to 5 along the third."""
    label = np.zeros(SHAPE, np.uint8)
    label[low : high + 1, low : high + 1, 2:6] = value
    return label


DRAWN = {"anna": cube(5, 9), "bob": cube(5, 9), "carl": cube(4, 10)}


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.Nifti1Image(array, AFFINE).to_filename(path)


def make(root, drawn):
    for number in range(CASES):
        save(root / f"images/c{number}.nii.gz", np.random.default_rng(number).normal(size=SHAPE))
        for rater, label in drawn.items():
            save(root / f"drawn/{rater}/c{number}.nii.gz", label)
    return import_dataset(root, root.parent / "data", raters={name: root / "drawn" / name for name in drawn})


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return make(tmp_path_factory.mktemp("raters") / "src", DRAWN)


def test_the_reader_who_draws_too_large_stands_out(dataset, tmp_path, caplog):
    found = raters(dataset, out=tmp_path / "out")
    rows = {row.rater: row for row in found.raters}
    assert {name: row.stands_out for name, row in rows.items()} == {"anna": False, "bob": False, "carl": True}
    # carl against what anna and bob drew: of his 146 surface voxels 24 in each of four slices lie outside by
    # 1 mm, four of them, at corners, by 1.41 mm; of their 82, 16 in each of two slices lie 1 mm inside
    carl = rows["carl"]
    assert carl.bias_mm == pytest.approx((4 * (20 + 4 * 2**0.5) + 32) / (146 + 82))
    assert carl.bias_low == pytest.approx(carl.bias_high) == pytest.approx(carl.bias_mm)
    assert carl.volume_percent == pytest.approx(100 * (49 / 25 - 1))
    assert carl.dice == pytest.approx(2 * 25 / (25 + 49))
    assert (carl.cases, carl.left_out, carl.missed, carl.extra) == (CASES, CASES, 0, 0)
    # anna against bob and carl, between whom the consensus has half of the voxels that only carl drew
    assert rows["anna"].bias_mm == rows["bob"].bias_mm
    assert -0.6 < rows["anna"].bias_mm < -0.1
    assert found.verdict.startswith("carl draws class_1 ")
    assert "mm (" in found.verdict
    assert "too large, with 0.68 Dice to the consensus." in found.verdict
    pairs = {(row.rater, row.other): row for row in found.pairs}
    assert pairs["anna", "bob"].dice == 1
    assert pairs["anna", "bob"].bias_mm == 0
    assert pairs["anna", "carl"].bias_mm == pytest.approx(-carl.bias_mm)
    assert found.drew == {"anna": CASES, "bob": CASES, "carl": CASES}
    assert found.missing == {}
    assert "anna and bob drew the same voxels in 6 of the 6 cases that both drew" in caplog.text
    assert found.to_document()["alike"] == found.remarks


def test_tables_and_page_are_those_that_import_leaves(dataset, tmp_path, capsys):
    found = raters(dataset, out=tmp_path / "out")
    there = dataset.root / "raters"
    for kind in (RaterRow, RaterPairRow, RaterCaseRow):
        assert kind.path(tmp_path / "out").read_bytes() == kind.path(there).read_bytes()
    assert len(RaterCaseRow.read(there)) == 3 * CASES
    page = (there / "report.html").read_text()
    assert "carl draws class_1" in page
    assert "nobody is compared with himself" in page
    assert main(["raters", str(dataset.root), "--out", str(tmp_path / "cli"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == found.verdict
    assert [row["stands_out"] for row in document["raters"]] == [False, False, True]
    assert main(["raters", str(dataset.root), "--out", str(tmp_path / "cli"), "--overwrite"]) == 0
    assert "carl" in capsys.readouterr().out


def test_of_two_readers_each_is_compared_with_what_lies_midway(tmp_path):
    data = make(tmp_path / "src", {"anna": cube(6, 9), "bob": cube(4, 11)})
    found = raters(data, out=tmp_path / "out")
    anna, bob = found.raters
    assert anna.bias_mm < -0.4
    assert bob.bias_mm > 0.4
    assert (anna.left_out, bob.left_out) == (0, 0)
    assert not anna.stands_out
    assert not bob.stands_out
    assert found.verdict.startswith("Of two readers nobody can say")
    assert found.pairs[0].bias_mm == pytest.approx(anna.bias_mm - bob.bias_mm, abs=0.35)


def test_a_class_that_only_one_has_counts_as_missed_or_extra(tmp_path):
    other = DRAWN["anna"].copy()
    other[12:14, 12:14, 2:4] = 2
    data = make(tmp_path / "src", {"anna": DRAWN["anna"], "bob": other, "carl": other})
    found = {(row.rater, row.class_name): row for row in raters(data, out=tmp_path / "out").raters}
    assert found["anna", "class_2"].missed == CASES
    assert found["anna", "class_2"].dice == 0
    assert math.isnan(found["anna", "class_2"].bias_mm)
    assert found["anna", "class_2"].volume_percent == -100
    # one of two others drew it: level, and left out of their consensus
    assert found["bob", "class_2"].extra == CASES


def test_a_consensus_of_the_source_is_the_measure_of_all(tmp_path):
    for number in range(CASES):
        save(tmp_path / f"src/labels/c{number}.nii.gz", DRAWN["carl"])
    found = raters(make(tmp_path / "src", DRAWN), out=tmp_path / "out")
    rows = {row.rater: row for row in found.raters}
    assert found.fusion == "given"
    assert rows["carl"].dice == 1
    assert rows["anna"].bias_mm < 0
    assert rows["anna"].words.startswith("anna draws class_1")
    assert rows["anna"].left_out == 0


def test_what_cannot_be_compared_is_refused(dataset, tmp_path):
    with pytest.raises(UsageError, match="expected an output folder outside of the source"):
        raters(dataset, out=dataset.root / "raters2")
    plain = import_dataset(dataset.root, tmp_path / "plain")
    for path in sorted((plain.root / "labelsRaters").rglob("*.nii.gz")):
        path.unlink()
    with pytest.raises(DataError, match="expected labels of several readers in labelsRaters/, found none"):
        raters(Dataset.open(plain.root), out=tmp_path / "none")
