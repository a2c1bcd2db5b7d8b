from alcseg.records.foretold import Foretold
from alcseg.reporting.fig_calibration import calibration_figure


def test_curves_stand_in_a_square_that_holds_them():
    points = [Foretold(expected=at, true=at + 0.1, low=at, high=at + 0.3, n=8) for at in (0.1, 0.4)]
    figure = calibration_figure({"as given": points, "as written": points[:1]})
    (axes,) = figure.axes
    assert axes.get_xlim() == axes.get_ylim() == (0.0, 0.75)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["as given", "as written"]
    (alone,) = calibration_figure({"labels": points}).axes
    assert alone.get_legend() is None
