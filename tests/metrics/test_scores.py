import math
import sys

import numpy as np
import pytest

from alcseg.errors import ConfigError, LabelError, ResourceError, ShapeError
from alcseg.metrics import METRICS, MaskPair, Metric, evaluate, evaluate_pair

SPACING = (1.0, 1.0, 4.0)


def maps() -> tuple[np.ndarray, np.ndarray]:
    """Class 3 is equal in both, 7 missed, 9 spurious."""
    pred, truth = np.zeros((2, 4, 4, 2), np.int16)
    truth[:2, 0, 0], pred[:2, 0, 0] = 3, 3
    truth[3, 3] = 7
    pred[0, 3] = 9
    return pred, truth


def test_the_same_numbers_as_of_a_pair_of_volumes() -> None:
    pred, truth = maps()
    found = evaluate(pred, truth, SPACING)
    assert list(found.classes) == [3, 7, 9]  # the values of either
    for entry in evaluate_pair(pred, truth, [3, 7, 9], SPACING):
        assert found.classes[entry.value] == entry
        assert found[entry.value] == entry.scores == found.to_dict()[entry.value]
    assert found.units == {name: metric.unit for name, metric in METRICS.items()}


def test_what_programs_have_is_taken_as_it_is() -> None:
    pred, truth = maps()
    plain = evaluate(pred, truth, SPACING, metrics=["dice"]).to_dict()
    assert evaluate(pred.astype(float), truth.tolist(), list(SPACING), metrics=["dice"]).to_dict() == plain
    masks = evaluate(pred == 3, truth == 3, SPACING, metrics=["dice"])
    assert masks.to_dict() == {1: plain[3]}


def test_named_classes_and_metrics_of_ones_own() -> None:
    def voxels(pair: MaskPair) -> float:
        return float(pair.pred.sum())

    size = Metric(
        compute=voxels,
        title="size",
        unit="count",
        better="nothing",
        best=None,
        worst=None,
        penalty="computed",
    )
    found = evaluate(*maps(), SPACING, classes={"vein": 9, "bone": 11}, metrics={"size": size})
    assert found["vein"] == {"size": 2}
    assert math.isnan(found["bone"]["size"])


def test_the_tolerance_is_handed_on() -> None:
    pred, truth = np.zeros((2, 6, 4, 4), np.uint8)
    truth[1, 1, 1] = pred[3, 1, 1] = 1
    assert evaluate(pred, truth, (1, 1, 1), metrics=["nsd"])[1]["nsd"] == 0
    assert evaluate(pred, truth, (1, 1, 1), metrics=["nsd"], tolerance_mm=2.0)[1]["nsd"] == 1


def test_a_table_for_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    found = evaluate(*maps(), SPACING, metrics=["dice", "hd95"])
    frame = found.to_frame()
    assert list(frame.columns) == ["class", "metric", "value", "unit", "status"]
    assert frame.iloc[3].tolist() == [7, "hd95", math.hypot(4, 4, 8), "mm", "missed"]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ResourceError, match="pip install pandas"):
        found.to_frame()


def test_the_door() -> None:
    pred, truth = maps()
    with pytest.raises(LabelError, match="pred: expected a label map"):
        evaluate(pred / 2, truth, SPACING)
    with pytest.raises(LabelError, match="truth: expected a label map"):
        evaluate(pred, truth / 2, SPACING)
    with pytest.raises(ShapeError, match="one positive spacing"):
        evaluate(pred, truth, (1.0, 1.0))
    with pytest.raises(ShapeError, match="grid of the truth"):
        evaluate(pred[:3], truth, SPACING)
    with pytest.raises(LabelError, match="other than 0"):
        evaluate(pred * 0, truth * 0, SPACING)
    with pytest.raises(ConfigError, match=r"metric: expected one of asd, .* Did you mean 'dice'\?"):
        evaluate(pred, truth, SPACING, metrics=["dise"])
