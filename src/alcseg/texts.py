"""Text files that people write, such as lists and tables: read whole, or refused in one line."""

import csv
import io
import re
from pathlib import Path

from alcseg.errors import DataError
from alcseg.listing import require_content

__all__ = ["read_cells", "read_lines", "read_text"]

_LARGEST = 1 << 28  # bytes; nothing that is read as text comes near


def read_text(path: Path, expected: str) -> str:
    """Text of a UTF-8 file, with or without a byte order mark.

    Args:
        path: The file.
        expected: What it should be, such as `a list of paths`.

    Raises:
        DataError: If there is no such file, it cannot be opened, is no UTF-8 text or larger than 256 MiB.
    """
    require_content(path)
    try:
        size = path.stat().st_size
        text = path.read_text(encoding="utf-8-sig") if size <= _LARGEST else ""
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(f"{path}: expected {expected}, found no file. Check the path.") from None
    except IsADirectoryError:
        raise DataError(f"{path}: expected {expected}, found a folder. Check the path.") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: expected UTF-8 text, found another encoding or no text ({error.reason} at byte "
            f"{error.start}). Save it as UTF-8."
        ) from None
    if size > _LARGEST or "\0" in text:
        found = "null characters" if size <= _LARGEST else f"{size >> 20} MiB"
        raise DataError(f"{path}: expected {expected}, found {found}. Check which file it is.")
    return text


def read_lines(path: Path, expected: str) -> list[str]:
    """Lines of a list, without blanks around them and without empty ones; see `read_text`.

    Raises:
        DataError: If the file cannot be read.
    """
    lines = (line.strip() for line in read_text(path, expected).splitlines())
    return [line for line in lines if line]


def read_cells(path: Path, expected: str) -> list[list[str]]:
    """Rows of a CSV file, without blanks around the cells and without empty rows; see `read_text`.

    Cells end at commas, semicolons (as spreadsheets write them where the comma is for decimals) or tabs:
    whichever comes first in the first row, unless that says `sep=;`.

    Raises:
        DataError: If the file cannot be read or is no such table.
    """
    text = read_text(path, expected)
    first, _, rest = text.partition("\n")
    if said := re.fullmatch(r'"?sep=(.)"?\r?', first, re.IGNORECASE):
        text, sign = rest, said[1]
    else:
        sign = next((sign for sign in re.sub('"[^"]*"', "", first) if sign in ",;\t"), ",")
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=sign, strict=True))
    except csv.Error as error:  # also of a cell beyond 131,072 characters
        raise DataError(f"{path}: expected {expected}, cannot read it ({error}). Correct it.") from None
    stripped = ([cell.strip() for cell in row] for row in rows)
    return [row for row in stripped if any(row)]
