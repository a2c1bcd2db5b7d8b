"""Who trains, validates and tests, and whose labels count as good; drawn once, from a seed."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from alcseg.data.listed_names import cases_of_lines
from alcseg.errors import DataError, UsageError
from alcseg.records.cases import Split
from alcseg.texts import read_lines
from alcseg.words import shorten

__all__ = ["draw_hq", "draw_splits", "hold_out", "members_of_groups", "read_hq_list"]


def draw_splits(
    groups: Mapping[str, str],
    *,
    val_fraction: float = 0.0,
    test_fraction: float = 0.0,
    seed: int = 0,
    in_order: bool = False,
) -> dict[str, Split]:
    """Give each case to `train`, `val` or `test`; a group is never divided.

    Args:
        groups: Group (such as the patient) of each case.
        val_fraction: Share of all cases for validation; at least one case if above 0.
        test_fraction: Share of all cases for the test; at least one case if above 0.
        seed: Of the draw. The order of `groups` does not matter.
        in_order: Draw nothing: the last groups test, those before them validate, the first train.

    Returns:
        Split of each case, in the order of `groups`. A share may be passed by part of a group.

    Raises:
        UsageError: If the fractions are not in 0..1 or leave nothing to train on.
        DataError: If there are too few groups to fill the splits.
    """
    if not (0 <= val_fraction < 1 and 0 <= test_fraction < 1 and val_fraction + test_fraction < 1):
        raise UsageError(
            f"expected --val-fraction and --test-fraction in 0..1 with a sum below 1, "
            f"found {val_fraction:g} and {test_fraction:g}. Choose smaller ones."
        )
    members = members_of_groups(list(groups) if in_order else sorted(groups), groups)
    if in_order:
        order = list(reversed(members))
    else:
        names = sorted(members)
        order = [names[index] for index in np.random.default_rng(seed).permutation(len(names))]
    split: dict[str, Split] = dict.fromkeys(groups, "train")
    shares: dict[Split, float] = {"test": test_fraction, "val": val_fraction}
    for name, fraction in shares.items():
        wanted = max(1, round(fraction * len(groups))) if fraction > 0 else 0
        taken = 0
        while order and taken < wanted:
            cases = members[order.pop(0)]
            split.update(dict.fromkeys(cases, name))
            taken += len(cases)
    if (val_fraction or test_fraction) and not order:
        raise DataError(
            f"expected enough groups for train, val and test, found {len(members)} with {len(groups)} cases. "
            "Use smaller fractions or more groups."
        )
    return split


def draw_hq(
    case_ids: Sequence[str],
    *,
    fraction: float | None = None,
    first: int | None = None,
    names: Collection[str] | None = None,
    groups: Mapping[str, str] | None = None,
    seed: int = 0,
) -> frozenset[str]:
    """Choose the cases whose labels are taken as high quality, by exactly one of three ways.

    Args:
        case_ids: Candidates, in the order of the dataset.
        fraction: Share drawn at random, rounded, at least one case; more where a group would be divided.
        first: The first so many candidates, the convention of the LA benchmark.
        names: These very cases.
        groups: Group (such as the patient) of each candidate, which a random draw does not divide.
        seed: Of the random draw; the order of the candidates does not matter to it.

    Raises:
        UsageError: If not exactly one way is given, or the number is out of range.
        DataError: If a name is not among the candidates.
    """
    if sum(way is not None for way in (fraction, first, names)) != 1:
        raise UsageError("expected exactly one of --hq-fraction, --hq-first and --hq-list.")
    if not case_ids:
        raise DataError(
            "expected cases to choose high-quality labels from, found none. Check the split column."
        )
    if names is not None:
        unknown = sorted(set(names) - set(case_ids))
        if unknown:
            raise DataError(
                f"expected the cases of the HQ list among the {len(case_ids)} candidates, found none called "
                f"{shorten(unknown)}. Check the list."
            )
        return frozenset(names)
    if first is not None:
        if not 0 < first <= len(case_ids):
            raise UsageError(
                f"expected --hq-first in 1..{len(case_ids)} (the number of cases), found {first}."
            )
        return frozenset(case_ids[:first])
    if fraction is None or not 0 < fraction <= 1:
        raise UsageError(f"expected --hq-fraction above 0 and at most 1, found {fraction}.")
    members = list(members_of_groups(sorted(case_ids), groups or {}).values())
    count = max(1, round(fraction * len(case_ids)))
    drawn: list[str] = []
    for index in np.random.default_rng(seed).permutation(len(members)):
        if len(drawn) >= count:
            break
        drawn += members[index]
    return frozenset(drawn)


def hold_out(
    case_ids: Sequence[str], count: int, groups: Mapping[str, str], *, doubtful: Collection[str] = ()
) -> frozenset[str]:
    """Candidates to hold out of a training: the first so many, and all others of their groups.

    Groups with a doubtful label come last, since what is doubtful in a held-out group can neither train nor
    validate. One group is always left.

    Args:
        case_ids: Candidates, in the order of the dataset.
        count: How many at least, as far as there are groups.
        groups: Group (such as the patient) of each case.
        doubtful: Other cases that would train.
    """
    mixed = {groups.get(case_id, case_id) for case_id in doubtful}
    members = members_of_groups(case_ids, groups)
    order = sorted(members, key=lambda group: group in mixed)  # stable: the order of the dataset
    held_out: list[str] = []
    for group in order[:-1]:
        if len(held_out) >= count:
            break
        held_out += members[group]
    return frozenset(held_out)


def members_of_groups(case_ids: Sequence[str], groups: Mapping[str, str]) -> dict[str, list[str]]:
    """Cases of each group, in order; a case without a group is one of its own."""
    members: dict[str, list[str]] = {}
    for case_id in case_ids:
        members.setdefault(groups.get(case_id, case_id), []).append(case_id)
    return members


def read_hq_list(path: Path, candidates: Collection[str]) -> frozenset[str]:
    """Cases named in a text file, one a line, also by a path of a file; empty lines count for nothing.

    Args:
        path: The file.
        candidates: Cases that may be named: those with a label.

    Raises:
        DataError: If the file cannot be read, names none, or names what is no candidate, or may be several.
    """
    lines = read_lines(path, "a text file with one case a line, for --hq-list")
    found = cases_of_lines(lines, candidates)
    unknown = sorted(line for line, cases in found.items() if len(cases) != 1)
    if unknown or not found:
        raise DataError(
            f"{path}: expected names of labeled cases, one a line, found {shorten(unknown) or 'no line'}. "
            "Correct the list."
        )
    return frozenset(case_id for cases in found.values() for case_id in cases)
