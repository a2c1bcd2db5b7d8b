"""`fingerprint.csv`: which images and labels an audit is about."""

from alcseg.records.base import Row

__all__ = ["FingerprintRow"]


class FingerprintRow(Row):
    """Files of one case when they were last judged; SHA-256 of their bytes, 16 hexadecimal digits."""

    NAME = "fingerprint.csv"
    MADE_BY = "`alcseg audit`"

    case_id: str
    """The case."""
    images: str
    """Of its image files."""
    label: str
    """Of its label file; empty where there was none."""
