"""What is missing in labels: voxels that nobody labeled, and classes that nobody drew."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from alcseg.checking.finding import Finding
from alcseg.words import shorten

__all__ = ["Gaps", "incomplete_labels"]


@dataclass(frozen=True)
class Gaps:
    """What is missing in the label of one case.

    Attributes:
        ignored_share: Of its voxels, those that nobody labeled.
        undrawn: Names of the classes that nobody drew.
    """

    ignored_share: float
    undrawn: tuple[str, ...]

    def __bool__(self) -> bool:
        return self.ignored_share > 0 or bool(self.undrawn)


def incomplete_labels(found: Mapping[str, Gaps], names: Sequence[str]) -> Iterator[Finding]:
    """Notes on what is missing, by case and by class.

    Args:
        found: Of all labels that could be read, by case.
        names: Of the foreground classes.
    """
    ignored = {case_id: gaps.ignored_share for case_id, gaps in found.items() if gaps.ignored_share > 0}
    if ignored:
        mean = sum(ignored.values()) / len(ignored)
        cases = shorten(f"{case_id} {share:.0%}" for case_id, share in ignored.items())
        message = (
            f"{len(ignored)} of {len(found)} labels have voxels that nobody labeled, {mean:.0%} of theirs on "
            f"average ({cases}). They enter no loss, metric or correction."
        )
        yield Finding("ok", "", message, "ignored", mean)
    for name in names:
        without = [case_id for case_id, gaps in found.items() if name in gaps.undrawn]
        if not without:
            continue
        message = (
            f"class '{name}' was not drawn in {len(without)} of {len(found)} labels ({shorten(without)}). It "
            "is neither background nor missing there."
        )
        yield Finding("ok", "", message, "undrawn", len(without) / len(found))
        if len(without) == len(found):
            message = f"class '{name}' was drawn in no label, so it cannot be learned. Draw it in some."
            yield Finding("ok", "", message, "undrawn", 1.0)
    if gaps := [case_id for case_id, each in found.items() if each]:
        message = f"{len(gaps)} of {len(found)} labels are not complete and are not compared with the others."
        yield Finding("ok", "", message, "incomplete", len(gaps) / len(found))
