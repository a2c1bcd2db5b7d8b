"""Who may be named as the reader of a case."""

from alcseg.errors import UsageError
from alcseg.reviewing.agreement import CONSENSUS

__all__ = ["require_reader"]

_LONGEST = 60  # Signs.


def require_reader(name: str, turn: int) -> str:
    """The name without spaces around it.

    Raises:
        UsageError: If it cannot be a reader's, or the pass is none.
    """
    name = name.strip()
    if not name or len(name) > _LONGEST or not name.isprintable():
        raise UsageError(f"--reviewer: expected a reader's name of 1 to {_LONGEST} signs, got {name[:80]!r}.")
    if name == CONSENSUS:
        raise UsageError(
            f"--reviewer: expected a reader's name, got {name!r}, under which conflicts are settled."
        )
    if not 1 <= turn <= 99:
        raise UsageError(f"--pass: expected 1 to 99, got {turn}.")
    return name
