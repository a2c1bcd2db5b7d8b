"""Regions of nnU-Net's labels as plain classes."""

from pathlib import Path

import pytest

from alcseg.errors import DataError
from alcseg.records.dataset import DatasetRecord

TUMOR = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": 3}


def record(labels):
    return DatasetRecord.parse({"labels": labels, "regions_class_order": [1, 2, 3]}, Path("dataset.json"))


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (TUMOR, {"background": 0, "whole_1": 1, "core_2": 2, "enhancing": 3}),
        (
            {"background": 0, "whole": [1, 2, 4], "edema": [2]},
            {"background": 0, "whole_1": 1, "edema": 2, "whole_4": 4},
        ),
        ({"background": 0, "whole": [1, 2], "posterior": 2}, {"background": 0, "whole_1": 1, "posterior": 2}),
    ],
)
def test_each_value_of_a_region_is_a_class(labels, classes):
    assert record(labels).labels == classes


def test_regions_are_kept_and_written_labels_are_plain(tmp_path):
    record(TUMOR).write(tmp_path)
    again = DatasetRecord.read(tmp_path)
    assert again.labels == record(TUMOR).labels
    assert again.extra == {"regions": {"whole": [1, 2, 3], "core": [2, 3], "enhancing": [3]}}


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"background": 0, "a": [0, 1]}, "whole numbers above 0 for the region 'a', found 0, 1"),
        ({"background": 0, "a": []}, "above 0 for the region 'a'"),
        ({"background": 0, "a": [1, "2"]}, "above 0 for the region 'a'"),
        ({"background": 0, "a": [1, 2], "a_1": [2, 3]}, "name of its own for each label value, found 'a_1'"),
        ({"background": 0, "a": [1, 2], "ignore": 2}, r"for 'ignore'.* above all classes \(2\), found 2"),
    ],
)
def test_other_regions_are_refused(labels, said):
    with pytest.raises(DataError, match=said):
        record(labels)
