"""Names of cases, checked where they come in, and the files that are named after them.

A case id becomes the name of files, on whatever system a dataset is copied to, and a cell of tables that
people open in a spreadsheet. So it holds no folder, no sign that a system refuses, and no formula.
"""

import unicodedata
from collections.abc import Iterable, Mapping

from alcseg.errors import DataError, UsageError
from alcseg.words import shorten

__all__ = ["as_one_name", "check_case_id", "check_text", "output_names", "require_apart_outputs"]

_LONGEST = 200  # bytes; systems take 255, of which endings and the name of a half-written file need some
_NO_FILE_NAME = '<>:"|?*'
_FORMULA = "=+-@"
_DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{port}{number}" for port in ("com", "lpt") for number in "123456789¹²³"
}


def check_case_id(case_id: str, where: object) -> str:
    """The same case id, if files and cells of tables can bear it on any system.

    Args:
        case_id: The name.
        where: The file, or what else states it, for the message.

    Raises:
        DataError: If it is empty or too long, holds part of a path, control characters or signs that Windows
            refuses, begins with a dot or blank or ends in one, or is a device of Windows or, to a
            spreadsheet, a formula.
    """
    if fault := _fault_as_file(case_id) or _fault_as_cell(case_id):
        raise DataError(
            f"{where}: expected a case name that can be a file name on any system, found {case_id!r:.300}, "
            f"{fault}. Rename the case."
        )
    return case_id


def check_text(text: str, what: str, where: object) -> str:
    """The same text, such as the name of a class, if it may stand in a cell of a table.

    Raises:
        DataError: If it is empty, holds control characters or would be a formula.
    """
    if fault := _fault_as_cell(text):
        raise DataError(f"{where}: expected a plain {what}, found {text!r:.300}, {fault}. Rename it.")
    return text


def output_names(case_id: str, kinds: Iterable[str], ending: str = ".nii.gz") -> dict[str, str]:
    """File names of the outputs of a case by kind: `label` bears the name alone, others an addition."""
    return {kind: f"{case_id}{ending}" if kind == "label" else f"{case_id}_{kind}{ending}" for kind in kinds}


def require_apart_outputs(outputs: Mapping[str, Iterable[str]]) -> None:
    """Refuse cases of which one would replace the output of another, as `scan` and `scan_prob` may.

    Args:
        outputs: Names of the files of each case. Upper and lower case count as the same, as on many disks.

    Raises:
        UsageError: Naming the cases.
    """
    taken: dict[str, str] = {}
    for case_id, names in outputs.items():
        for name in names:
            other = taken.setdefault(as_one_name(name), case_id)
            if other != case_id:
                raise UsageError(
                    f"expected each output file of one case alone, but {shorten([other, case_id])} both give "
                    f"'{name}' (upper and lower case count as one). Rename one, or write them apart."
                )


def as_one_name(name: str) -> str:
    """The same for names that many disks take for one: upper and lower case, and either form of an accent."""
    return unicodedata.normalize("NFC", name).casefold()


def _fault_as_file(name: str) -> str | None:
    if not name:
        return "which is empty"
    if any(sign in name for sign in "/\\"):
        return "which holds part of a path"
    if found := [sign for sign in _NO_FILE_NAME if sign in name]:
        return f"which holds {' '.join(found)}"
    if name[0] in ". " or name[-1] in ". ":
        return "which begins or ends with a dot or a blank"
    if name.split(".")[0].rstrip().casefold() in _DEVICES:
        return "which is a device on Windows"
    if len(name.encode(errors="replace")) > _LONGEST:
        return f"which is longer than {_LONGEST} bytes"
    return None


def _fault_as_cell(text: str) -> str | None:
    if not text.strip():
        return "which is empty"
    if not text.isprintable():
        return "which holds a control or invisible character"
    if unicodedata.normalize("NFKC", text.lstrip()[0]) in _FORMULA:
        return "which a spreadsheet takes for a formula"
    return None
