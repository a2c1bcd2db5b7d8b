"""Labels of single readers in dataset folders, and in the copies that verbs make of these."""

import nibabel as nib
import numpy as np
import pytest

from alcseg.commands._corrected_dataset import CorrectedDataset
from alcseg.commands.corrupt import corrupt
from alcseg.data.folder import Dataset
from alcseg.data.phantoms import write_phantoms
from alcseg.data.rater_labels import check_rater, joined, rater_labels, require_apart_names
from alcseg.errors import DataError
from alcseg.records.cases import CaseRow
from alcseg.testing.readers import contents


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Three training cases; the first two were drawn by two readers."""
    root = tmp_path_factory.mktemp("raters") / "data"
    write_phantoms(root, train=3, val=0, test=1, shape=(16, 16, 12), spacing=(2, 2, 2), seed=1)
    folder = Dataset.open(root)
    names = [row.case_id for row in folder.rows]
    for rater in ("anna", "bob"):
        for case_id in names[:2]:
            path = folder.label_path(case_id)
            target = root / "labelsRaters" / rater / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    rows = [row.model_copy(update={"rater": "anna+bob"}) for row in folder.rows[:2]]
    CaseRow.write(root, [*rows, *(row.model_copy(update={"rater": "bob"}) for row in folder.rows[2:])])
    return Dataset.open(root)


def test_names_of_readers():
    assert joined(["bob", "anna"]) == "anna+bob"
    assert check_rater("Rater 1", "here") == "Rater 1"
    with pytest.raises(DataError, match=r"here: expected the name of a reader without '\+'"):
        check_rater("a+b", "here")
    require_apart_names(["Anna", "anne"], "here")
    for pair in (["Anna", "anna"], ["Zo\u00eb", "zoe\u0308"]):
        with pytest.raises(DataError, match="here: expected names of readers that differ in more than"):
            require_apart_names(pair, "here")


def test_files_of_other_cases_are_nobodys(dataset, tmp_path):
    first, second, *_ = [row.case_id for row in dataset.rows]
    found = rater_labels(dataset)
    assert {case_id: list(files) for case_id, files in found.items()} == {
        first: ["anna", "bob"],
        second: ["anna", "bob"],
    }
    one = Dataset(dataset.root, dataset.record, dataset.rows[:1])
    assert list(rater_labels(one)) == [first]
    assert rater_labels(Dataset(tmp_path, dataset.record, dataset.rows)) == {}


def test_noise_takes_the_readers_of_a_label_away_with_it(dataset, tmp_path):
    corrupt(dataset, tmp_path / "noisy", hq_first=1, model="ball", size=(1, 2))
    noisy = Dataset.open(tmp_path / "noisy")
    assert [row.rater for row in noisy.rows] == ["anna+bob", "", "", "bob"]
    first = dataset.rows[0].case_id
    kept = {name for name in contents(noisy.root) if name.startswith("labelsRaters/")}
    assert kept == {f"labelsRaters/{rater}/{first}.nii.gz" for rater in ("anna", "bob")}


def test_a_corrected_dataset_keeps_them_in_its_own_values(dataset, tmp_path):
    new = CorrectedDataset(tmp_path, dataset, {value: 3 * value for value in dataset.label_values})
    new.take_given_labels()
    copied = rater_labels(Dataset(tmp_path, dataset.record, dataset.rows))
    given = rater_labels(dataset)
    assert {case_id: list(files) for case_id, files in copied.items()} == {
        case_id: list(files) for case_id, files in given.items()
    }
    for case_id, files in copied.items():
        for rater, path in files.items():
            old = nib.load(given[case_id][rater]).get_fdata()
            assert np.array_equal(nib.load(path).get_fdata(), 3 * old)
