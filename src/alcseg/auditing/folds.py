"""Parts of a set, each judged by a network that was trained on the others; a group is never divided."""

from collections.abc import Mapping

import numpy as np

from alcseg.errors import DataError

__all__ = ["draw_folds"]


def draw_folds(groups: Mapping[str, str], count: int, *, seed: int = 0) -> dict[str, int]:
    """Fold of each case; groups are dealt out by turns, largest first, in a drawn order among equals.

    Args:
        groups: Group of each case, such as the patient.
        count: Number of folds, at least 2.
        seed: Of the draw; the order of `groups` does not matter.

    Raises:
        DataError: If there are fewer groups than folds.
    """
    members: dict[str, list[str]] = {}
    for case_id in sorted(groups):
        members.setdefault(groups[case_id], []).append(case_id)
    if len(members) < count:
        raise DataError(
            f"expected at least {count} groups for {count} folds, found {len(members)} with {len(groups)} "
            "cases. Use fewer folds, or correct the column group of cases.csv."
        )
    names = sorted(members)
    drawn = [names[index] for index in np.random.default_rng(seed).permutation(len(names))]
    sizes = [0] * count
    folds: dict[str, int] = {}
    for name in sorted(drawn, key=lambda name: -len(members[name])):  # stable: keeps the drawn order
        smallest = sizes.index(min(sizes))
        sizes[smallest] += len(members[name])
        folds |= dict.fromkeys(members[name], smallest)
    return folds
