"""Names at the ends of lines."""

import pytest
from matplotlib.figure import Figure

from alcseg.reporting.drawing import label_ends


def places(ends: dict[str, float]) -> dict[str, float]:
    """Heights at which names are written on axes from 0 to 1, each a tenth high or more."""
    figure = Figure(figsize=(4, 1.2))
    axes = figure.subplots()
    axes.set_ylim(0, 1)
    label_ends(axes, {name: (1.0, y, "black") for name, y in ends.items()})
    return {text.get_text(): text.xy[1] for text in axes.texts}


def test_a_name_stands_at_the_end_of_its_line() -> None:
    assert places({"low": 0.2, "high": 0.9}) == {"low": 0.2, "high": 0.9}


def test_names_at_the_top_stay_within_and_move_none_that_has_room() -> None:
    found = places({"a": 0.99, "b": 0.97, "far": 0.1})
    assert found["far"] == 0.1
    assert found["a"] == 1.0
    apart = found["a"] - found["b"]
    assert apart > 0.1
    assert places({"a": 0.5, "b": 0.5})["b"] == pytest.approx(0.5 + apart)
