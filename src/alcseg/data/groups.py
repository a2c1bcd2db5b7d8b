"""Which cases belong together, such as the scans of one patient, told from their names."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from alcseg.errors import DataError, UsageError
from alcseg.words import shorten

__all__ = ["groups_by_name", "hint", "propose_pattern"]

_LARGEST = 10  # scans of one patient; more that share a name are of one site or study


def groups_by_name(case_ids: Sequence[str], pattern: str) -> dict[str, str]:
    """Group of each case: what the parentheses of a regular expression match, else the whole match.

    Args:
        case_ids: Names of the cases.
        pattern: Searched for in each name, such as `patient[0-9]+`.

    Raises:
        UsageError: If the pattern is no regular expression.
        DataError: If it matches nothing in a name.
    """
    try:
        wanted = re.compile(pattern)
    except re.error as error:
        raise UsageError(
            f"--group-regex: expected a regular expression such as 'patient[0-9]+', got '{pattern}': {error}."
        ) from None
    found = {case_id: wanted.search(case_id) for case_id in case_ids}
    groups = {
        case_id: (match.group(1) if wanted.groups else match.group()) or ""
        for case_id, match in found.items()
        if match
    }
    lacking = [case_id for case_id in case_ids if not groups.get(case_id)]
    if lacking:
        raise DataError(
            f"--group-regex: expected '{pattern}' to match in every case name, found nothing in "
            f"{len(lacking)} of {len(case_ids)}: {shorten(lacking)}."
        )
    return groups


def propose_pattern(case_ids: Sequence[str]) -> str | None:
    """A pattern for `groups_by_name`, if all that stands before the last `_` or `-` seems to name a patient.

    It does where it holds a number, and at least half of the cases share it with a few others.
    """
    for mark in "_-":
        pattern = f"^(.+){mark}"
        names = [match.group(1) if (match := re.match(pattern, case_id)) else "" for case_id in case_ids]
        sizes = Counter(names)
        sharing = sum(size for size in sizes.values() if size > 1)
        if (
            all(re.search("[0-9]", name) for name in names)
            and len(sizes) > 1
            and 2 * sharing >= len(case_ids)
            and max(sizes.values()) <= _LARGEST
        ):
            return pattern
    return None


def hint(groups: Mapping[str, str]) -> str | None:
    """What to say where every case is a group of its own and the names tell otherwise.

    Args:
        groups: Group of each case.
    """
    names = list(groups)
    alone = all(group == case_id for case_id, group in groups.items())
    if not alone or (pattern := propose_pattern(names)) is None:
        return None
    return (
        f"several cases seem to be of one patient, to judge by names such as {shorten(names, 2)}. "
        f"Import with --group-regex '{pattern}' to keep those of a patient together"
    )
