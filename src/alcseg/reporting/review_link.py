"""Links from a page on disk into the review that runs on this computer."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from shlex import quote
from urllib.parse import urlencode

__all__ = ["PORT", "ReviewLink"]

PORT = 8800
"""Where `alcseg review` listens unless told otherwise or the port is taken, so that pages can link there."""


@dataclass(frozen=True)
class ReviewLink:
    """The review of a dataset or an audit, running or not.

    Attributes:
        target: Its folder, as it was named.
    """

    target: "str | PathLike[str]"

    @property
    def command(self) -> str:
        """What starts it."""
        return f"alcseg review {quote(str(self.target))}"

    def to(self, case_id: str, region: int = 1) -> str:
        """Address of a case; `of` lets the page tell if another review answers at the port."""
        query = {"case": case_id, "region": region, "of": self.title}
        return f"http://127.0.0.1:{PORT}/?{urlencode(query)}"

    @property
    def title(self) -> str:
        """Name of the folder, by which the page knows what it shows."""
        return Path(self.target).absolute().name
