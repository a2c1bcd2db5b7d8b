"""The files of a benchmark: old ones are read, and their keys stay what they were."""

import json
from math import isnan, nan

import pytest

from alcseg.errors import DataError
from alcseg.records.benchmark_plan import BenchmarkPlan
from alcseg.records.benchmark_run import BenchmarkRecord
from alcseg.records.method_costs import MethodCosts
from alcseg.records.pseudo_labels import PseudoLabelRow
from alcseg.training_methods import METHODS

RECORD = {
    "dataset": "few", "row": "alc_k1", "method": "alc", "labels": "given", "preset": "la",
    "settings": {"data.patch": [16, 16, 16], "method.alpha": 5.0}, "seed": 3, "protocol": "paper",
    "window": "lineage", "split": "val", "title": "ALC, K = 1", "hq_cases": 2, "lq_cases": 4, "test_cases": 3,
    "status": "done", "error": None, "commit": "b1f9c7bf8cf8", "hardware": "AMD EPYC", "device": "cpu",
    "threads": 1, "started": "2026-11-27T16:19:07+00:00", "finished": "2026-11-27T16:19:24+00:00",
    "train_s": 12.9, "predict_s": 0.114, "peak_memory_mib": 644.2, "peak_gpu_memory_mib": None, "steps": 160,
    "parameters": 592223, "validation_dice": 0.309524,
}  # fmt: skip
"""As it was written before formats were numbered."""


def test_a_record_of_a_run_has_the_keys_it_had(tmp_path):
    (tmp_path / "record.json").write_text(json.dumps(RECORD))
    record = BenchmarkRecord.read(tmp_path)
    assert (record.row, record.seed, record.settings) == ("alc_k1", 3, RECORD["settings"])
    assert record.done
    assert json.loads(record.write(tmp_path).read_text()) == RECORD | {"format": 1, "init": None}


def test_a_failed_run_says_no_more_than_why(tmp_path):
    failed = {"dataset": "few", "row": "alc", "seed": 0, "status": "failed", "error": "DataError: no case"}
    (tmp_path / "record.json").write_text(json.dumps(failed))
    record = BenchmarkRecord.read(tmp_path)
    assert (record.done, record.error, record.train_s) == (False, "DataError: no case", None)


def test_quality_of_pseudo_labels_has_the_columns_it_had(tmp_path):
    old = (
        "step,patch,case_id,selected,uncertainty,dice_given,dice_generated,dice_mean,dice_refined\n"
        "80,1,case_5,1,0.0113723,0.225971,,0,0.333333\n"
    )
    (tmp_path / "pseudo_labels.csv").write_text(old)
    (row,) = PseudoLabelRow.read(tmp_path)
    assert (row.step, row.patch, row.case_id, row.selected) == (80, 1, "case_5", 1)
    assert (row.given, row.mean, row.refined) == (0.225971, 0, 0.333333)
    assert isnan(row.generated)
    row = row.model_copy(update={"refined": 1 / 3, "generated": nan})
    assert PseudoLabelRow.write(tmp_path, [row]).read_text() == old


def test_costs_are_shipped_for_every_method_and_hl_sup_is_one():
    costs = MethodCosts.shipped()
    assert set(costs.cost) == set(METHODS)
    assert costs.cost["hl_sup"] == 1
    assert costs.measured.batch == "2 HQ + 4 LQ patches"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rows": ["alc", "alc"]}, "found 'alc' twice"),
        ({"sed": [1]}, "unknown key 'sed'. Did you mean 'seeds'"),
        ({"rows": [{"row": "alc", "titel": "x"}]}, "rows.0: unknown key 'titel'. Did you mean 'title'"),
    ],
)
def test_a_damaged_plan_of_a_benchmark_is_explained(tmp_path, change, words):
    content = {"title": "Toy", "datasets": {"a": {}}, "rows": ["alc"]}
    BenchmarkPlan.path(tmp_path).write_text(json.dumps(content | change))
    with pytest.raises(DataError, match=words):
        BenchmarkPlan.read(tmp_path)
