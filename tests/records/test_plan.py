"""The plan of a run, as it lies on the disk."""

import json
from pathlib import Path
from typing import Any

import pytest

from alcseg.errors import DataError
from alcseg.records.plan import Plan

GOOD = Plan(
    spacing=(1.0, None, 3.0),
    patch=(16, 16, 8),
    normalization="zscore",
    clip=None,
    label_values=(0, 4),
    label_names=("background", "organ"),
    channel_names=("MR",),
)


def test_a_plan_comes_back_as_it_was_written(tmp_path: Path) -> None:
    GOOD.write(tmp_path)
    assert Plan.read(tmp_path) == GOOD


def test_one_from_before_thick_axes_were_left_alone_has_no_flat_levels(tmp_path: Path) -> None:
    path = GOOD.write(tmp_path)
    content = json.loads(path.read_text())
    del content["flat_levels"]
    path.write_text(json.dumps(content))
    assert Plan.read(tmp_path).flat_levels == (0, 0, 0)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("channel_names", [], "found none"),
        ("label_names", ["background"], "a name for each"),
        ("label_values", [0, 0], "a name for each"),
        ("patch", [16, 0, 8], "patch"),
        ("flat_levels", [0, 0, 5], "flat_levels"),
        ("spacing", [1, -1, 1], "spacing"),
        ("spacing", [1, 0, 1], "spacing"),
        ("spacing", ["nan", 1, 1], "spacing"),
    ],
)
def test_one_that_no_network_can_work_by_is_refused(key: str, value: Any, said: str, tmp_path: Path) -> None:
    path = GOOD.write(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(DataError, match=rf"plan\.json: expected .*{said}"):
        Plan.read(tmp_path)
