"""Figures: the right slice the right way round, curves from rows, plots of pairs."""

import numpy as np
import pytest

from alcseg.errors import DataError, ShapeError
from alcseg.records.steps import Step, StepTable
from alcseg.reporting.figures import case_panels, paired_plot, png_bytes, training_curves


def _label(shape=(12, 10, 8)):
    label = np.zeros(shape, dtype=np.uint8)
    label[2:5, 3:7, 5:7] = 1
    label[5:7, 3:7, 5:7] = 2
    return label


def test_case_panels_show_the_slice_with_most_foreground():
    label = _label()
    image = np.zeros(label.shape)
    image[:, :, 5] = 1.0  # the axial slice with most foreground (slices 5 and 6 tie; the first is taken)
    figure = case_panels(image, (1.0, 1.0, 1.5), contours={"clean": label}, uncertainty=image)
    shown = np.asarray(figure.axes[0].images[0].get_array())
    assert shown.shape == (10, 12)
    assert (shown == 1.0).all()


def test_case_panels_put_the_patients_right_on_the_readers_left():
    image = np.zeros((12, 10, 8))
    image[-1, :, :] = 1.0  # RAS: the last voxel along x is the rightmost of the patient
    figure = case_panels(image, (1.0, 1.0, 1.0), contours={"clean": _label()})
    axial, coronal = (np.asarray(figure.axes[index].images[0].get_array()) for index in (0, 2))
    assert (axial[:, 0] == 1.0).all()
    assert (coronal[:, 0] == 1.0).all()
    assert [text.get_text() for text in figure.axes[0].texts] == ["R", "L", "P", "A"]


def test_case_panels_keep_the_true_aspect():
    figure = case_panels(np.zeros((12, 10, 8)), (1.0, 1.0, 1.5), contours={"clean": _label()})
    assert figure.axes[2].images[0].get_extent() == pytest.approx(
        (0, 12.0, 0, 12.0)
    )  # coronal: 12 x 1 mm by 8 x 1.5 mm


def test_case_panels_draw_without_any_foreground():
    empty = np.zeros((6, 6, 6), dtype=np.uint8)
    figure = case_panels(
        empty.astype(float), (1.0, 1.0, 1.0), contours={"given": empty}, uncertainty=empty.astype(float)
    )
    assert png_bytes(figure, dpi=40).startswith(b"\x89PNG")


def test_case_panels_refuse_another_grid():
    with pytest.raises(ShapeError, match="given of shape"):
        case_panels(
            np.zeros((6, 6, 6)), (1.0, 1.0, 1.0), contours={"given": np.zeros((6, 6, 5), dtype=np.uint8)}
        )


def test_training_curves_show_what_was_measured():
    steps = (
        Step(step=1, loss=1.0, terms={"hq": 0.9}),
        Step(step=2, loss=0.5, terms={"hq": 0.4}, val_dice=0.3),
    )
    figure = training_curves({"H-Sup": StepTable(terms=("hq", "lq"), readings=("share",), steps=steps)})
    losses, dice = figure.axes
    assert [line.get_label() for line in losses.lines] == ["total", "hq"]
    assert [line.get_label() for line in dice.lines] == ["student"]  # no teacher was measured
    assert losses.lines[1].get_xydata().tolist() == [[1.0, 0.9], [2.0, 0.4]]
    assert dice.lines[0].get_xydata().tolist() == [[2.0, 0.3]]


def test_training_curves_name_the_run_without_metrics():
    with pytest.raises(DataError, match="at least one run"):
        training_curves({})
    with pytest.raises(DataError, match="'ALC'"):
        training_curves({"ALC": StepTable(terms=("hq",))})


def test_paired_plot_sorts_by_the_value_before():
    figure = paired_plot({"a": 0.6, "b": 0.3, "c": 0.1}, {"a": 0.7, "b": 0.8})
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["b", "a"]


def test_the_same_figure_gives_the_same_bytes():
    pictures = [png_bytes(paired_plot({"a": 0.6}, {"a": 0.7}), dpi=40) for _ in range(2)]
    assert pictures[0] == pictures[1]
