"""`cases.csv`: the cases of a dataset, a line each, as ALCSeg or a person wrote them."""

from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from alcseg.case_ids import check_case_id
from alcseg.errors import DataError
from alcseg.records.base import Row

__all__ = ["LABEL_COLUMN", "QUALITIES", "SPLITS", "CaseRow", "Quality", "Split"]

Quality = Literal["hq", "lq", "unlabeled"]
Split = Literal["train", "val", "test"]
QUALITIES: tuple[Quality, ...] = get_args(Quality)
SPLITS: tuple[Split, ...] = get_args(Split)

LABEL_COLUMN = "label_"
"""Before the name of a reader: a column of somebody's own table with the files that the reader drew."""


class CaseRow(Row):
    """One case; people edit this table, and only `case_id` must be there."""

    NAME = "cases.csv"
    MADE_BY = "`alcseg import`"

    case_id: str
    """Name of the case, as files are named after it."""
    quality: Quality = "hq"
    """Of its label: `hq` for trusted, `lq` for doubtful; `unlabeled` where there is none."""
    split: Split = "train"
    """`train`, `val` or `test`."""
    group: str = Field("", validate_default=True)
    """Cases of one group, such as a patient, stay in one split; the case itself if nothing is said."""
    source: str = ""
    """Where the case came from."""
    rater: str = ""
    """Who drew the label; names with a `+` between them where it is the consensus of several."""
    classes_drawn: str = ""
    """Names of the classes that whoever labeled the case drew, between `;` or `|`; all where empty. A class
    that was not drawn may be anywhere in what is labeled background.
    """

    @field_validator("case_id")
    @classmethod
    def _names_files(cls, case_id: str) -> str:
        return check_case_id(case_id, "case_id")

    @field_validator("group")
    @classmethod
    def _alone_in_its_group(cls, group: str, row: ValidationInfo) -> str:
        return group or str(row.data.get("case_id", ""))

    @property
    def drawn(self) -> tuple[str, ...] | None:
        """Names of the classes that were drawn; None for all."""
        parts = self.classes_drawn.replace("|", ";").split(";")
        return tuple(part.strip() for part in parts if part.strip()) or None

    @classmethod
    def read_file(cls, path: Path) -> tuple[Self, ...]:
        """Read the table; an empty cell counts as if its column were absent.

        Raises:
            DataError: If the column `case_id` is absent, a case comes twice, or a value is not allowed.
        """
        headings, lines = cls.lines(path)
        if "case_id" not in headings:
            raise DataError(
                f"{path}: expected a header line with the column case_id, found {headings}. Add it."
            )
        unknown = [
            name for name in headings if name not in cls.columns() and not name.startswith(LABEL_COLUMN)
        ]
        absent = [name for name in ("quality", "split") if name not in headings]
        if unknown and absent:  # rather a slip of the pen than a table without that column
            raise DataError(
                f"{path}: expected the column '{absent[0]}', found an unknown column '{unknown[0]}'. "
                f"Rename it, or take it out if every case is {cls.model_fields[absent[0]].default}."
            )
        rows: dict[str, Self] = {}
        for number, cells in enumerate(lines, start=2):
            row = cls._read_line(cells, f"{path}, line {number}")
            if row.case_id in rows:
                raise DataError(
                    f"{path}, line {number}: expected each case once, found '{row.case_id}' again "
                    f"(split {rows[row.case_id].split} and {row.split}). Remove one of the lines."
                )
            rows[row.case_id] = row
        if not rows:
            raise DataError(f"{path}: expected at least one case, found none. Add lines or remove the file.")
        return tuple(rows.values())

    @classmethod
    def _read_line(cls, cells: dict[str, Any], where: str) -> Self:
        given = {name: (cells.get(name) or "").strip() for name in cls.columns()}
        check_case_id(given["case_id"], where)
        try:
            return cls.model_validate({name: cell for name, cell in given.items() if cell})
        except ValidationError:
            found = ", ".join(f"'{given[name]:.40}'" for name in ("case_id", "quality", "split"))
            raise DataError(
                f"{where}: expected a case_id, a quality of {'|'.join(QUALITIES)} and a split of "
                f"{'|'.join(SPLITS)}, found {found}. Correct the line."
            ) from None
