"""`metrics.csv`: loss terms, validation Dice and time over the steps of a training.

Its columns depend on the method: `step, loss, lr`, the loss terms, `val_dice, val_dice_teacher, time_s`, then
what else the method logs. Lines are appended while the training runs.
"""

import csv
import io
from collections.abc import Mapping
from math import nan
from pathlib import Path
from typing import ClassVar

from alcseg.errors import DataError
from alcseg.files import write_text
from alcseg.records.base import Record, read_table

__all__ = ["Step", "StepTable"]

_FIRST, _LAST = ("step", "loss", "lr"), ("val_dice", "val_dice_teacher", "time_s")


class Step(Record):
    """One line; what was not measured is nan, or absent from `terms` and `readings`."""

    step: int
    """Optimizer steps taken."""
    loss: float = nan
    """Weighted sum of the terms."""
    lr: float = nan
    """Learning rate."""
    terms: dict[str, float] = {}
    """Unweighted loss terms by name."""
    val_dice: float = nan
    """Dice of the network that predicts on the validation cases."""
    val_dice_teacher: float = nan
    """That of the teacher."""
    time_s: float = nan
    """Wall time since the beginning, over all calls."""
    readings: dict[str, float] = {}
    """What else the method logs."""


class StepTable(Record):
    """A whole `metrics.csv`.

    The loss terms stand between `lr` and `val_dice`, the readings behind `time_s`.
    """

    NAME: ClassVar[str] = "metrics.csv"
    MADE_BY: ClassVar[str] = "`alcseg train`"

    terms: tuple[str, ...]
    """Names of the loss terms, in the order of the columns."""
    readings: tuple[str, ...] = ()
    """Names of what else is logged."""
    steps: tuple[Step, ...] = ()
    """The lines."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Headings of the file."""
        return (*_FIRST, *self.terms, *_LAST, *self.readings)

    @classmethod
    def read_file(cls, path: Path) -> "StepTable":
        """Read a table; a last line that was cut off by a kill does not count.

        Raises:
            DataError: If there is no such file, or it is none of `alcseg train`.
        """
        columns, lines = read_table(path, cls.NAME, cls.MADE_BY)
        if "step" not in columns or "time_s" not in columns or "val_dice" not in columns:
            raise DataError(f"{path}: expected the columns step, val_dice and time_s, found {columns}.")
        terms = tuple(name for name in columns[: columns.index("val_dice")] if name not in _FIRST)
        readings = tuple(columns[columns.index("time_s") + 1 :])
        table, steps = cls(terms=terms, readings=readings), []
        for number, cells in enumerate(lines, start=2):
            if any(cell is None for cell in cells.values()):
                continue
            try:
                values = {name: float(cell) for name, cell in cells.items() if cell}
                steps.append(table.step(int(values["step"]), values, values.get("time_s", nan)))
            except (KeyError, OverflowError, TypeError, ValueError) as error:
                raise DataError(
                    f"{path}, line {number}: expected numbers, got {error}. Restore the file."
                ) from None
        return table.model_copy(update={"steps": tuple(steps)})

    def write_file(self, path: Path) -> None:
        """Write the whole table."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(self.columns)
        writer.writerows(self._cells(step) for step in self.steps)
        write_text(path, text.getvalue())

    def append(self, path: Path, step: Step) -> None:
        """Add one line to the file; the columns are this table's."""
        with path.open("a", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerow(self._cells(step))

    def step(self, number: int, values: Mapping[str, float], time_s: float) -> Step:
        """A line from values by column; what is not among them was not measured."""
        own = {
            name: values[name] for name in ("loss", "lr", "val_dice", "val_dice_teacher") if name in values
        }
        return Step(
            step=number,
            time_s=time_s,
            terms={name: values[name] for name in self.terms if name in values},
            readings={name: values[name] for name in self.readings if name in values},
            **own,
        )

    def rows(self) -> list[dict[str, float]]:
        """The lines as values by column; what was not measured is nan."""
        return [{name: found.get(name, nan) for name in self.columns} for found in map(_values, self.steps)]

    def _cells(self, step: Step) -> list[str]:
        values = _values(step)
        fixed = {"step": str(step.step), "time_s": f"{step.time_s:.1f}"}
        return [fixed.get(name) or _number(values.get(name, nan)) for name in self.columns]

    @property
    def last(self) -> Step | None:
        """The last line; None where there is none."""
        return self.steps[-1] if self.steps else None


def _values(step: Step) -> dict[str, float]:
    """Everything in a line, by column."""
    own: dict[str, float] = step.model_dump(exclude={"terms", "readings"})
    return own | step.terms | step.readings


def _number(value: float) -> str:
    return "" if value != value else f"{value:.6g}"
