"""The datasets of a benchmark: made once, shared, refused where they were made in another way."""

import os
from pathlib import Path

import numpy as np
import pytest

from alcseg.benchmarking.datasets import make_datasets, paths_of
from alcseg.benchmarking.plan import read_plan
from alcseg.data.folder import Dataset
from alcseg.errors import ConfigError, DataError, UsageError
from alcseg.files import write_json
from alcseg.records.dataset_recipe import DatasetRecipe
from alcseg.records.summary import EvaluationSummary


def times(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_datasets_are_made_once_and_not_in_another_way(content, write, tmp_path):
    plan = read_plan(write(content))
    make_datasets(plan, None, tmp_path / "out")
    (paths,) = paths_of(plan, tmp_path / "out")
    assert paths.made
    assert EvaluationSummary.read(paths.given_eval).quality == "lq"
    given = Dataset.open(paths.given)
    assert [len(given.rows_where(split="train", quality=quality)) for quality in ("hq", "lq")] == [2, 2]
    (row,) = plan.rows
    assert paths.training(row) == paths.given
    clean = Dataset.open(paths.training(row.model_copy(update={"labels": "clean"})))
    assert len(clean.rows_where(split="train", quality="hq")) == 4
    before = times(tmp_path / "out")
    make_datasets(plan, None, tmp_path / "out")
    assert times(tmp_path / "out") == before

    content["datasets"]["tiny"]["corrupt"]["seed"] = 1
    with pytest.raises(ConfigError, match=r"made with corrupt=.*'seed': 1.*, found .*'seed': 0"):
        make_datasets(read_plan(write(content)), None, tmp_path / "out")
    assert times(tmp_path / "out") == before


def test_corrupted_datasets_share_what_was_imported(content, write, tmp_path):
    corrupt = content["datasets"]["tiny"]["corrupt"]
    content["datasets"]["other"] = content["datasets"]["tiny"] | {"corrupt": corrupt | {"hq_first": 1}}
    plan = read_plan(write(content))
    assert len({paths.imported for paths in paths_of(plan, tmp_path)}) == 1
    make_datasets(plan, None, tmp_path)
    assert len(list((tmp_path / "datasets").glob(".imported-*"))) == 1
    assert len(Dataset.open(tmp_path / "datasets/other").rows_where(quality="hq", split="train")) == 1


def test_a_dataset_whose_making_was_stopped_is_made_again(content, write, tmp_path):
    plan = read_plan(write(content))
    make_datasets(plan, None, tmp_path)
    (paths,) = paths_of(plan, tmp_path)
    os.unlink(DatasetRecipe.path(paths.given))
    os.unlink(paths.given / "cases.csv")
    make_datasets(plan, None, tmp_path)
    assert paths.made
    assert (paths.given / "cases.csv").is_file()


def test_a_dataset_made_before_formats_were_numbered_is_known(content, write, tmp_path):
    """So are its folders, which are named by digits of the recipe."""
    spec = content["datasets"]["tiny"]
    old = {"format": "auto", "import": {}, "phantoms": spec["phantoms"], "halve": False}
    (paths,) = paths_of(read_plan(write(content)), tmp_path)
    write_json(DatasetRecipe.path(paths.given), old | {"corrupt": spec["corrupt"]})
    assert paths.made
    assert paths.imported.name == ".imported-b5329d44"
    assert paths.full.given.name == ".full-026f7750"
    write_json(DatasetRecipe.path(paths.given), old | {"corrupt": spec["corrupt"], "format": "la-h5"})
    with pytest.raises(ConfigError, match="made with format=auto, found la-h5"):
        paths.made  # noqa: B018 - it is the question that is refused


@pytest.mark.parametrize(
    ("plan", "imported", "full", "full_imported"),
    [
        ("la-official", "5d6e715b", "0931ec9e", "5d6e715b"),  # test cases in a folder of their own
        ("table2", "065ff375", "7da86467", "065ff375"),
        ("la-half-cpu", "340efb86", "cb16194b", "63aa0a46"),
    ],
)
def test_folders_of_shipped_plans_keep_their_names(plan, imported, full, full_imported):
    """Or a benchmark that was begun would import and corrupt anew."""
    paths = paths_of(read_plan(plan), Path("out"))[0]
    names = [paths.imported.name, paths.full.given.name, paths.full.imported.name]
    assert names == [f".imported-{imported}", f".full-{full}", f".imported-{full_imported}"]


def test_nothing_to_score_on_is_refused(content, write, tmp_path):
    content["datasets"]["tiny"]["phantoms"]["test"] = 0
    with pytest.raises(DataError, match="expected cases of split test to score the runs on"):
        make_datasets(read_plan(write(content)), None, tmp_path)


def write_h5(folder, names):
    h5py = pytest.importorskip("h5py")
    for number, name in enumerate(names):
        path = folder / name / "mri_norm2.h5"
        path.parent.mkdir(parents=True)
        label = np.zeros((16, 16, 88), np.uint8)  # 88 slices, by which the left atrium is known
        label[5:11, 4:12, 5:10] = 1
        with h5py.File(path, "w") as file:
            file["image"] = np.random.default_rng(number).normal(label, 0.3).astype(np.float32)
            file["label"] = label


def test_the_official_protocol_takes_test_cases_from_their_own_folder(tmp_path):
    plan = read_plan("la-official")
    write_h5(tmp_path / "train", [f"case{number:02d}" for number in range(20)])
    write_h5(tmp_path / "test", ["official1", "official2"])
    for missing, sources in (("--data", (None, None)), ("--test-data", (tmp_path / "train", None))):
        with pytest.raises(UsageError, match=f"expected {missing} PATH with the files of dataset 'la-10'"):
            make_datasets(plan, sources[0], tmp_path / "out", test_data=sources[1])
    with pytest.raises(UsageError, match="expected a folder with the source files"):
        make_datasets(plan, tmp_path / "train", tmp_path / "out", test_data=tmp_path / "nowhere")
    make_datasets(plan, tmp_path / "train", tmp_path / "out", test_data=tmp_path / "test")
    for name, hq in (("la-10", 8), ("la-20", 16)):
        folder = Dataset.open(tmp_path / "out/datasets" / name)
        assert [row.case_id for row in folder.rows_where(split="test")] == ["official1", "official2"]
        assert [row.quality for row in folder.rows_where(split="train")] == ["hq"] * hq + ["lq"] * (20 - hq)
    with pytest.raises(UsageError, match="expected a dataset of the plan with 'test_data: true'"):
        make_datasets(read_plan("table2"), tmp_path / "train", tmp_path / "x", test_data=tmp_path / "test")
