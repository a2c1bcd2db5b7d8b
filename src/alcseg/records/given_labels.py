"""`given.csv`: which labels of a corrected or reviewed dataset are kept as they came, in `labelsGiven/`."""

from alcseg.records.base import Row

__all__ = ["GivenLabelRow"]


class GivenLabelRow(Row):
    """A case whose label as it came is kept; without the list nobody would miss a file that is gone."""

    NAME = "given.csv"
    MADE_BY = "`alcseg correct` or `alcseg review --apply`"

    case_id: str
    """The case."""
