"""Quality of pseudo-labels in the course of a training, as the benchmark recorded it."""

import csv
from dataclasses import dataclass
from pathlib import Path

from alcseg.errors import DataError, brief

__all__ = ["PseudoLabel", "read_pseudo_labels"]


@dataclass(frozen=True)
class PseudoLabel:
    """Quality of the labels of one LQ patch at one step, Dice against the clean label.

    Attributes:
        step: After which the teacher was asked.
        case_id: That the patch is of.
        selected: Whether it was among the K least uncertain of its batch.
        given: Of the label that it came with; nan where neither label holds any foreground, also below.
        generated: Of one unperturbed pass of the teacher.
        refined: Of the fusion of its perturbed passes.
    """

    step: int
    case_id: str
    selected: bool
    given: float
    generated: float
    refined: float


def read_pseudo_labels(path: Path) -> tuple[PseudoLabel, ...]:
    """Read a `pseudo_labels.csv`; empty where there is no such file.

    Raises:
        DataError: If it is malformed.
    """
    if not path.is_file():
        return ()
    with path.open(newline="", encoding="utf-8") as stream:
        try:
            return tuple(
                PseudoLabel(
                    int(row["step"]),
                    row["case_id"],
                    bool(int(row["selected"])),
                    *(float(row[f"dice_{kind}"] or "nan") for kind in ("given", "generated", "refined")),
                )
                for row in csv.DictReader(stream)
            )
        except (KeyError, TypeError, ValueError, csv.Error) as error:
            raise DataError(
                f"{path}: expected step, case_id, selected, dice_given, dice_generated and dice_refined, "
                f"got {brief(error)}. Remove the file and call `alcseg benchmark` again."
            ) from None
