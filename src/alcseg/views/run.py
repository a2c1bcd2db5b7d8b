"""A run: its training curves, and how far it is."""

from matplotlib.figure import Figure

from alcseg.reporting.figures import training_curves
from alcseg.run import Run
from alcseg.views.card import card, shown, table

__all__ = ["figure", "html"]


def figure(run: Run) -> Figure:
    """Loss terms and validation Dice over the steps, a column per stage.

    Raises:
        DataError: If no step was taken yet.
    """
    return shown(training_curves(run.curves))


def html(run: Run) -> str:
    """Method, state and last scores, and the picture."""
    return card(
        f"Run {run.path.resolve().name} in {run.path}",
        lambda: table(
            [
                {
                    "method": run.method,
                    "state": "finished" if run.finished else "not finished",
                    "dataset": run.record.dataset,
                    "seed": run.record.seed,
                }
            ]
        ),
        lambda: table(
            {
                "stage": name,
                "steps": last.step,
                "loss": last.loss,
                "validation Dice": last.val_dice,
                "time (s)": last.time_s,
            }
            for name, curve in run.curves.items()
            if (last := curve.last) is not None
        ),
        picture=lambda: figure(run),
    )
