"""Records as a pandas data frame; pandas is imported when one is asked for, and nowhere else."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from alcseg.errors import PackageError

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["to_frame"]


def to_frame(rows: Iterable[BaseModel | Mapping[str, Any]]) -> "DataFrame":
    """A line per row; the columns are the keys, or those of the file that a record stands for.

    Raises:
        PackageError: If pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise PackageError("to_frame: expected pandas, found none. Run: pip install pandas") from None
    return pd.DataFrame(
        [row.model_dump(by_alias=True) if isinstance(row, BaseModel) else dict(row) for row in rows]
    )
