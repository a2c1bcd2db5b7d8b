"""`audit.jsonl`: what was done to each label, when and by which run, a line per case and round."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from alcseg.errors import DataError
from alcseg.files import write_text
from alcseg.listing import has_file
from alcseg.records.base import Document, Record
from alcseg.texts import read_text

__all__ = ["Action", "AuditLine", "AuditTrail", "Proposal", "VolumeChange"]

Proposal: TypeAlias = Literal["given", "patched", "moved", "posterior", "refined"]
"""What could be written: the label as it came; replaced where it is plainly wrong; its boundaries moved;
moved and weighed with the prediction; replaced by the fused passes."""

Action: TypeAlias = Proposal | Literal["undecided", "pseudo_labeled", "kept"]
"""The proposal that was written, or `pseudo_labeled`: there was no label; `kept`: the case could not be
looked at; `undecided`, by older versions: it has nothing to do with the prediction and stayed."""


class VolumeChange(Record):
    """Of one class."""

    added_mm3: float
    """Volume that the written label holds and the given one does not."""
    removed_mm3: float
    """The reverse."""


class AuditLine(Document):
    """One case in one round of `alcseg correct`."""

    NAME = "audit.jsonl"
    MADE_BY = "`alcseg correct`"
    FORMAT = 2  # 1 knew no patched labels, and corrected none that cases.csv calls hq

    time: str
    """When the line was written, UTC."""
    run: str
    """The run folder, as it was given."""
    method: str
    """That the run was trained with."""
    case_id: str
    """The case."""
    quality: Literal["hq", "lq", "unlabeled"]
    """Of its label; where a run was trained with `--hq-from`, as the audit found it."""
    action: Action
    """What was done."""
    voxels_changed: int = 0
    """In which the written label differs from the given one, or from background if there was none."""
    classes: dict[str, VolumeChange] = {}
    """By class name."""
    drawn_mm: dict[str, float | None] = {}
    """By class name, as in `offsets.csv`; None where it is not known."""
    reason: str
    """Why, in words."""


@dataclass(frozen=True)
class AuditTrail:
    """All lines, the oldest round first.

    Attributes:
        lines: One per case and round.
        text: The file. Older lines stay in it to the letter, with whatever else they say.
    """

    lines: tuple[AuditLine, ...] = ()
    text: str = ""

    @classmethod
    def read(cls, folder: Path) -> "AuditTrail":
        """The trail of a dataset folder; one that was never corrected has none.

        Raises:
            DataError: If a line is damaged or of a newer format.
        """
        path = AuditLine.path(folder)
        if not has_file(path):
            return cls()
        text = read_text(path, "a line of JSON per case")
        numbered = enumerate(text.split("\n"), start=1)
        return cls(tuple(_parse(line, path, number) for number, line in numbered if line.strip()), text)

    def followed_by(self, lines: Iterable[AuditLine]) -> "AuditTrail":
        """With the lines of another round."""
        new = tuple(lines)
        end = "" if self.text.endswith("\n") or not self.text else "\n"
        text = "".join(json.dumps(line.content(), allow_nan=False) + "\n" for line in new)
        return AuditTrail(self.lines + new, self.text + end + text)

    def write(self, folder: Path) -> None:
        """Write the file into a folder, whole or not at all."""
        write_text(AuditLine.path(folder), self.text)


def _parse(line: str, path: Path, number: int) -> AuditLine:
    where = Path(f"{path}, line {number}")
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not valid JSON ({error}). Restore the file.") from None
    if not isinstance(content, dict):
        raise DataError(f"{where}: expected a JSON object, got {line:.60}. Restore the file.")
    return AuditLine.parse(content, where)
