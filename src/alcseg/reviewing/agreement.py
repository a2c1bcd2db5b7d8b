"""How far readers of the same case agree, and which reading counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from alcseg.data.case import affine_spacing
from alcseg.data.folder import Dataset
from alcseg.data.nifti import read_grid
from alcseg.errors import DataError
from alcseg.metrics.overlap import dice
from alcseg.metrics.surface import assd
from alcseg.records.decisions import Decision, ReadingKey
from alcseg.records.review_book import ReviewBook

__all__ = ["CONSENSUS", "Agreement", "Conflict", "final_decisions", "find_conflicts", "settled_labels"]

CONSENSUS = "consensus"
"""Reader under whose name a conflict is settled; its decision counts before all others."""


@dataclass(frozen=True)
class Agreement:
    """Two readings of one case.

    Attributes:
        first: Reader and pass.
        second: The other.
        dice: Mean over foreground classes that either has.
        distance_mm: Mean surface distance likewise; None where one of the two has no voxel of a class.
    """

    first: str
    second: str
    dice: float
    distance_mm: float | None


@dataclass(frozen=True)
class Conflict:
    """A case whose readings differ.

    Attributes:
        case_id: The case.
        decisions: Number of the decision of each reading, by reader and pass.
        verdicts: Likewise what was decided.
        agreements: Of each pair that decided on a label.
    """

    case_id: str
    decisions: dict[str, int]
    verdicts: dict[str, str]
    agreements: tuple[Agreement, ...]


def final_decisions(
    standing: Mapping[ReadingKey, Decision],
) -> tuple[dict[str, Decision], dict[str, list[Decision]]]:
    """The decision that counts for each case, and the cases whose readings differ.

    One reading counts as it is; several do where they came to the same label, or where a consensus was
    chosen. Skipped cases are not decided.
    """
    by_case: dict[str, list[Decision]] = {}
    for key, decision in standing.items():
        if decision.verdict != "skip":
            by_case.setdefault(key.case_id, []).append(decision)
    final, differing = {}, {}
    for case_id, decisions in by_case.items():
        chosen = [decision for decision in decisions if decision.reader == CONSENSUS]
        if chosen:
            final[case_id] = chosen[-1]
        elif len({decision.written for decision in decisions}) == 1:
            final[case_id] = decisions[0]
        else:
            differing[case_id] = decisions
    return final, differing


def settled_labels(final: Mapping[str, Decision], book: Path) -> dict[str, Decision]:
    """Those of the final decisions that a label was decided on, by case and in the order of their names.

    Args:
        final: See `final_decisions`.
        book: Where they stand, for the message.

    Raises:
        DataError: If there is none.
    """
    settled = {case_id: decision for case_id, decision in sorted(final.items()) if decision.settles}
    if not settled:
        raise DataError(f"{book}: expected decided cases, found none. Review first: `alcseg review DATASET`.")
    return settled


def find_conflicts(book: ReviewBook, dataset: Dataset) -> tuple[Conflict, ...]:
    """All cases whose readings differ and that are not settled, with how far they agree."""
    _, differing = final_decisions(book.standing())
    found = []
    for case_id, decisions in differing.items():
        found.append(
            Conflict(
                case_id,
                {_name(decision): decision.id for decision in decisions},
                {_name(decision): decision.verdict for decision in decisions},
                tuple(
                    _agree(one, other, book, dataset)
                    for one, other in combinations([one for one in decisions if one.settles], 2)
                ),
            )
        )
    return tuple(found)


def _name(decision: Decision) -> str:
    return decision.reader if decision.number == 1 else f"{decision.reader} ({decision.number})"


def _agree(one: Decision, other: Decision, book: ReviewBook, dataset: Dataset) -> Agreement:
    labels = book.label(one), book.label(other)
    spacing = affine_spacing(read_grid(dataset.image_paths(one.case_id)[0])[1])
    overlaps, distances = [], []
    for value in dataset.label_values[1:]:
        first, second = (np.equal(label, value) for label in labels)
        if first.any() or second.any():
            overlaps.append(dice(first, second))
            distances.append(assd(first, second, spacing) if first.any() and second.any() else np.inf)
    mean = float(np.mean(distances)) if distances else 0.0
    return Agreement(
        _name(one),
        _name(other),
        float(np.mean(overlaps)) if overlaps else 1.0,
        mean if np.isfinite(mean) else None,
    )
