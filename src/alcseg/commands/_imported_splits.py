"""Quality, group and split of the cases that are imported: what the source says, and what is drawn."""

import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from alcseg.data.groups import groups_by_name, hint
from alcseg.data.readers import SourceCase
from alcseg.data.splits import read_hq_list
from alcseg.records.cases import Quality, Split

__all__ = ["groups_of", "groups_to_draw", "qualities_of", "with_their_group"]

_log = logging.getLogger(__name__)


def groups_of(cases: Sequence[SourceCase], pattern: str | None) -> dict[str, str]:
    """Group of each case: what its name tells by the pattern; without one that of the source, and a hint."""
    if pattern is not None:
        return groups_by_name([case.case_id for case in cases], pattern)
    groups = {case.case_id: case.group or case.case_id for case in cases}
    if said := hint(groups):
        _log.warning(said)
    return groups


def qualities_of(cases: Sequence[SourceCase], hq_list: Path | None) -> dict[str, Quality]:
    """Quality of each label: what the list says, else the source, else `hq`."""
    labeled = [case.case_id for case in cases if case.labeled]
    hq = None if hq_list is None else read_hq_list(hq_list, labeled)
    return {case.case_id: _quality(case, hq) for case in cases}


def _quality(case: SourceCase, hq: Collection[str] | None) -> Quality:
    if not case.labeled:
        return "unlabeled"
    if hq is None:
        return case.quality or "hq"
    return "hq" if case.case_id in hq else "lq"


def groups_to_draw(
    cases: Sequence[SourceCase],
    quality: Mapping[str, str],
    groups: Mapping[str, str],
    *,
    val: bool,
    test: bool,
) -> tuple[dict[str, Split], dict[str, str]]:
    """Splits that are settled, and the group of each case whose split is to be drawn."""
    redrawn: dict[str, bool] = {"train": True, "val": val, "test": test}
    doubtful = {groups[case.case_id] for case in cases if quality[case.case_id] == "lq"}
    kept: dict[str, Split] = {}
    drawn: dict[str, str] = {}
    for case in cases:
        group, split = groups[case.case_id], case.split or "train"
        if not case.labeled or not redrawn[split]:
            kept[case.case_id] = split
        elif group in doubtful:  # a score against a label of low quality says nothing
            kept[case.case_id] = "train"
        else:
            drawn[case.case_id] = group
    return kept, drawn


def with_their_group(
    cases: Sequence[SourceCase], splits: Mapping[str, Split], groups: Mapping[str, str]
) -> dict[str, Split]:
    """The splits, but unlabeled training scans go where the labeled ones of their group went."""
    of_group = {groups[case.case_id]: splits[case.case_id] for case in cases if case.labeled}
    found = dict(splits)
    for case in cases:
        if not case.labeled and splits[case.case_id] == "train":
            found[case.case_id] = of_group.get(groups[case.case_id], "train")
    return found
