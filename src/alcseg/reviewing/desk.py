"""What a review can do, without a browser: the queue with its states, cases, drafts and decisions."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

import numpy as np

from alcseg.errors import DataError, UsageError
from alcseg.records.decisions import Decision, Reading, ReadingKey, Verdict, standing_of
from alcseg.records.review_book import ReviewBook
from alcseg.reviewing.agreement import CONSENSUS, Conflict, final_decisions, find_conflicts
from alcseg.reviewing.interpolate import interpolate_slices
from alcseg.reviewing.sheet import CaseSheet, Indices
from alcseg.reviewing.subject import Subject

__all__ = ["Desk", "Note"]

_KEPT_SHEETS = 3  # At least: the case that is open, the one before and the one after.
_KEPT_BYTES = 1 << 30  # More are kept up to this size, for several readers and for going back.
_LONGEST = 2000  # Signs of a comment.
_BREAK_S = 600.0  # What takes longer was a pause: it is not counted into the time that is left.


@dataclass(frozen=True)
class Note:
    """What a page sends beside a drawing.

    Attributes:
        version: Of the reading it was made from.
        regions: Number of a region to whether its change is accepted.
        comment: Free text.
        seconds: Since the case was opened, pauses of the browser left out.
    """

    version: int
    regions: dict[str, bool] = field(default_factory=dict)
    comment: str = ""
    seconds: float = 0.0

    @classmethod
    def parse(cls, content: Any) -> "Note":
        """Check what came.

        Raises:
            UsageError: If it is anything else.
        """
        match content:
            case {
                "version": int(version),
                "regions": dict(regions),
                "comment": str(comment),
                "seconds": seconds,
            } if (
                isinstance(seconds, int | float)
                and 0 <= seconds < 1e6
                and 0 <= version < 2**53
                and len(comment) <= _LONGEST
                and _is_text(comment)
                and len(regions) <= 255
                and all(isinstance(key, str) and key.isdecimal() and len(key) <= 3 for key in regions)
                and all(isinstance(value, bool) for value in regions.values())
            ):
                return cls(version, dict(regions), comment, float(seconds))
        raise UsageError("expected version, regions, comment and seconds of a reading, got something else.")


def _is_text(comment: str) -> bool:
    """Whether it can be written: JSON may hold half a surrogate pair."""
    try:
        comment.encode()
    except UnicodeEncodeError:
        return False
    return True


class Desk:
    """A subject with its book; safe for threads.

    Attributes:
        subject: What is reviewed.
        book: What was decided.
    """

    def __init__(self, subject: Subject, book: ReviewBook) -> None:
        self.subject = subject
        self.book = book
        self._sheets: OrderedDict[int, Future[CaseSheet]] = OrderedDict()
        self._lock = threading.Lock()
        self._reader = ThreadPoolExecutor(1, "alcseg-review")

    def close(self) -> None:
        """Stop reading; the book stays open."""
        self._reader.shutdown(cancel_futures=True)

    def queue(self, reader: str, number: int) -> dict[str, Any]:
        """The queue as a reader sees it, and how far the reader is."""
        decisions = self.book.decisions()
        standing = standing_of(decisions)
        drafts = self.book.drafts(reader, number)
        readers: dict[str, set[str]] = {}
        for key in standing:
            readers.setdefault(key.case_id, set()).add(key.reader)
        items = []
        for index, item in enumerate(self.subject.queue):
            own = standing.get(ReadingKey(item.case_id, reader, number))
            others = sorted(readers.get(item.case_id, set()) - {reader})
            state = own.verdict if own else "begun" if item.case_id in drafts else "open"
            items.append({"number": index, **vars(item), "state": state, "read_by": others})
        settled = sum(item["state"] not in ("open", "begun", "skip") for item in items)
        return {
            "review": self.subject.title,
            "dataset": self.subject.dataset.name,
            "classes": list(self.subject.dataset.label_names),
            "reader": reader,
            "pass": number,
            "cases": items,
            "decided": settled,
            "seconds_left": _seconds_left(decisions, len(items) - settled, reader),
            "conflicts": len(final_decisions(standing)[1]),
        }

    def case_id(self, number: int) -> str:
        """Name of a case by its place in the queue.

        Raises:
            DataError: If there is no such place.
        """
        if not 0 <= number < len(self.subject.queue):
            raise DataError(
                f"expected a case of 0 to {len(self.subject.queue) - 1}, got {number}. Load the page anew."
            )
        return self.subject.queue[number].case_id

    def sheet(self, number: int) -> CaseSheet:
        """A case, read once however many ask for it; the last few are kept."""
        case_id = self.case_id(number)
        with self._lock:
            known = self._sheets.get(number)
            if known is None or (known.done() and known.exception() is not None):
                known = self._sheets[number] = self._reader.submit(CaseSheet.of, self.subject, case_id)
            self._sheets.move_to_end(number)
        sheet = known.result()
        with self._lock:
            while len(self._sheets) > _KEPT_SHEETS and self._bytes() > _KEPT_BYTES:
                self._sheets.popitem(last=False)
        return sheet

    def _bytes(self) -> int:
        """What is kept of cases that were read."""
        return sum(
            one.result().size for one in self._sheets.values() if one.done() and one.exception() is None
        )

    def case(self, number: int, reader: str, turn: int) -> dict[str, Any]:
        """All that a page needs to know of a case beside its volumes."""
        sheet = self.sheet(number)
        key = ReadingKey(sheet.case_id, reader, turn)
        reading = self.book.reading(key)
        decision = self.book.standing(sheet.case_id).get(key)
        names = {value: name for name, value in self.subject.dataset.labels.items()}
        return {
            "number": number,
            "case_id": sheet.case_id,
            "shape": sheet.shape,
            "spacing": sheet.spacing,
            "grid": sheet.grid_hash,
            "window": sheet.window,
            "classes": [names[value] for value in sheet.values],
            "has_proposal": sheet.proposed is not None,
            "has_uncertainty": sheet.uncertainty is not None,
            "has_drawing": reading.drawing is not None,
            "regions": [vars(region) for region in sheet.regions],
            "words": self.subject.queue[number].words,
            "error": self.subject.queue[number].error,
            "version": reading.version,
            "accepted": reading.regions,
            "comment": reading.comment,
            "seconds": reading.seconds,
            "verdict": None if decision is None else decision.verdict,
        }

    def drawing(self, number: int, reader: str, turn: int) -> Indices | None:
        """Class indices of the draft, or of what was decided; None: those of `CaseSheet.start`."""
        sheet = self.sheet(number)
        key = ReadingKey(sheet.case_id, reader, turn)
        draft = self.book.reading(key).drawing
        if draft is not None:
            return sheet.to_page(draft)
        decision = self.book.standing(sheet.case_id).get(key)
        if decision is not None and decision.settles:
            return sheet.to_page(self.book.label(decision))
        return None

    def save(self, number: int, reader: str, turn: int, note: Note, drawn: Indices | None) -> Reading:
        """Keep a draft.

        Raises:
            StaleError: If the reading was changed elsewhere.
        """
        return self.book.save(self._reading(number, reader, turn, note, drawn))

    def _reading(self, number: int, reader: str, turn: int, note: Note, drawn: Indices | None) -> Reading:
        sheet = self.sheet(number)
        key = ReadingKey(sheet.case_id, reader, turn)
        before = self.book.reading(key)
        drawing = before.drawing if drawn is None else sheet.to_file(drawn)
        return Reading(key, note.version, note.regions, note.comment, note.seconds, drawing)

    def decide(
        self, number: int, reader: str, turn: int, verdict: Verdict, note: Note, drawn: Indices | None
    ) -> Decision:
        """Decide on a case. What is written down is what was seen: `accept` of a drawing is an `edit`.

        Raises:
            StaleError: If the reading was changed elsewhere.
        """
        sheet = self.sheet(number)
        reading = self._reading(number, reader, turn, note, drawn)
        given, proposed = sheet.to_file(sheet.given), sheet.proposed
        known: Verdict = verdict
        label = None
        if known in ("accept", "edit"):
            label = reading.drawing if reading.drawing is not None else sheet.to_file(sheet.start)
            known = self._honest(label, given, None if proposed is None else sheet.to_file(proposed))
        elif known == "keep":
            label = given
        return self.book.decide(reading, known, seen=sheet.seen, label=label)

    @staticmethod
    def _honest(label: Any, given: Any, proposed: Any) -> Verdict:
        """What a label is: the given one, the proposal or parts of it, or drawn by hand."""
        if np.array_equal(label, given):
            return "keep"
        if proposed is not None and bool(((label == given) | (label == proposed)).all()):
            return "accept"
        return "edit"

    def interpolate(self, number: int, drawn: Indices, value: int, axis: int) -> Indices:
        """A drawing with a class filled in between its drawn slices.

        Raises:
            UsageError: If there is no such class or axis.
        """
        sheet = self.sheet(number)
        if not (0 < value < len(sheet.values) and 0 <= axis <= 2):
            raise UsageError(f"expected a class and an axis of the case, got {value} and {axis}.")
        filled: Indices = interpolate_slices(drawn, value, axis).astype(np.uint8)
        return filled

    def conflicts(self) -> tuple[Conflict, ...]:
        """Cases that were read more than once with different outcomes."""
        return find_conflicts(self.book, self.subject.dataset)

    def adopt(self, decision_id: int, reader: str) -> Decision:
        """Settle a conflict: what another reading decided becomes the consensus.

        Raises:
            DataError: If there is no such decision.
        """
        for decision in self.book.decisions():
            if decision.id == decision_id and decision.settles:
                key = ReadingKey(decision.case_id, CONSENSUS, 1)
                reading = replace(
                    self.book.reading(key), comment=f"reading of {decision.reader}, chosen by {reader}"
                )
                return self.book.decide(
                    reading, decision.verdict, seen=decision.seen, label=self.book.label(decision)
                )
        raise DataError(
            f"expected a decision with a label, found none of number {decision_id}. Load the page anew."
        )


def _seconds_left(decisions: Iterable[Decision], cases: int, reader: str) -> float | None:
    """From the median time of what the reader has decided; None before the first decision."""
    spent = [
        decision.seconds
        for decision in decisions
        if decision.reader == reader and 0 < decision.seconds < _BREAK_S and decision.verdict != "reopen"
    ]
    return cases * median(spent) if spent else None
