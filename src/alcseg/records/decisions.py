"""What a reader of labels has begun and decided; `decisions.jsonl` holds the decisions, a line each."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from alcseg.types import LabelMap

__all__ = ["VERDICTS", "Decision", "Reading", "ReadingKey", "Verdict", "standing_of"]

Verdict: TypeAlias = Literal["accept", "keep", "edit", "flag", "skip", "reopen"]
"""The proposed label, or the parts of it that were accepted; the given one; drawn by hand; a problem that
someone else must look at; later; taken back."""
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True)
class ReadingKey:
    """Who reads which case, and for which time.

    Attributes:
        case_id: The case.
        reader: Name of the person.
        number: 1 for the first pass, 2 when the same person reads it again, and so on.
    """

    case_id: str
    reader: str
    number: int = 1


@dataclass(frozen=True)
class Reading:
    """What a reader has begun.

    Attributes:
        key: Whose, of which case.
        version: Rises with every write; 0 where nothing was written yet.
        regions: Number of a region to whether its change is accepted.
        comment: Free text.
        seconds: Time spent so far.
        drawing: Label values `(X, Y, Z)` in the label file's voxel order; None while nothing was changed.
    """

    key: ReadingKey
    version: int = 0
    regions: dict[str, bool] = field(default_factory=dict)
    comment: str = ""
    seconds: float = 0.0
    drawing: LabelMap | None = None


@dataclass(frozen=True)
class Decision:
    """One line of the book; the field names are those of `decisions.jsonl`.

    Attributes:
        id: Number in the order of decisions, from 1.
        time: When, UTC.
        case_id: The case.
        reader: Who.
        number: Of the pass.
        verdict: What was decided.
        comment: In the reader's words.
        regions: Number of a region to whether its change was accepted.
        seconds: From opening the case until the decision.
        seen: Hash of the label that was shown as given.
        written: Hash of the label that was decided on; empty where none was.
    """

    FORMAT: ClassVar[int] = 1

    id: int
    time: str
    case_id: str
    reader: str
    number: int
    verdict: Verdict
    comment: str
    regions: dict[str, bool]
    seconds: float
    seen: str
    written: str

    @property
    def key(self) -> ReadingKey:
        """Who decided on which case."""
        return ReadingKey(self.case_id, self.reader, self.number)

    @property
    def settles(self) -> bool:
        """Whether a label was decided on."""
        return self.verdict in ("accept", "keep", "edit")

    def content(self) -> dict[str, Any]:
        """Plain types."""
        return {"format": self.FORMAT} | vars(self)


def standing_of(decisions: Iterable[Decision]) -> dict[ReadingKey, Decision]:
    """Of decisions in their order the last one of each reading; one that was taken back has none."""
    last = {decision.key: decision for decision in decisions}
    return {key: decision for key, decision in last.items() if decision.verdict != "reopen"}
