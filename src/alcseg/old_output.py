"""An old output stands aside while a new one grows in its place, and comes back if that comes to nothing.

For what is written where it stays, since it goes on when called again; see `outputs` for what is made beside.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from alcseg.exchange import listing, short, take_over
from alcseg.files import make_folder, naming
from alcseg.locks import alone
from alcseg.outputs import real_path, refuse_working_place
from alcseg.unfinished import leftovers, own, remove, remove_leftovers, unfinished_prefix

__all__ = ["OldOutput"]

logger = logging.getLogger(__name__)


class OldOutput:
    """What a folder holds when a call begins. What a killed call had set aside is settled first.

    Args:
        path: The folder; a link to it stays.
        worth: Whether the new output, which is then in the folder, is worth more than the old one.
        replaced: Whether it will be set aside; else what it holds is not looked through.
        foreign: Whether a file, by its relative path, belongs to neither and stays where it is.

    Raises:
        UsageError: If it will be set aside, and the home or the working folder lies in it.
    """

    def __init__(
        self,
        path: Path,
        *,
        worth: Callable[[], bool],
        replaced: bool,
        foreign: Callable[[Path], bool] = lambda name: False,
    ) -> None:
        self._path, self._worth, self._foreign = path, worth, foreign
        self._place = real_path(path)
        remove_leftovers(self._place.parent, again=True)
        for aside in leftovers(self._place.parent, "replaced"):
            if aside.name.endswith(self._ending):
                with alone(path):
                    self._settle(aside)
        if replaced:
            refuse_working_place(self._place)
        self._held = listing(self._place) if replaced else {}

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Set it aside within the block; at its end it goes, or comes back where the new one is worth less.

        Files that have appeared in the folder since the call began stay in it.

        Raises:
            ResourceError: If it cannot be renamed.
        """
        if not os.path.lexists(self._place):
            yield
            return
        aside = self._place.parent / f"{unfinished_prefix('replaced')}{self._ending}"
        with own(aside):
            with naming(self._path):
                os.rename(self._place, aside)
            try:
                make_folder(self._place)
                for name, state in listing(aside).items():
                    if self._foreign(name) or self._held.get(name) != state:
                        take_over(aside / name, self._place / name)
                yield
            finally:
                self._settle(aside)

    @property
    def _ending(self) -> str:
        return f"{short(self._place)}-old"

    def _settle(self, aside: Path) -> None:
        """Remove the old output or put it back."""
        if self._worth():
            remove(aside)
            return
        known = listing(aside)
        for name in listing(self._place):
            if name not in known and self._foreign(name):
                take_over(self._place / name, aside / name)
        remove(self._place)
        os.rename(aside, self._place)
        logger.info("%s: what it held before is there again", self._path)
