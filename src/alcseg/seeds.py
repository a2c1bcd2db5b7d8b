"""What may be a seed: checked at the door, since some generators refuse it late and others not at all."""

import operator

from alcseg.errors import UsageError

__all__ = ["SEEDS", "require_seed"]

SEEDS = 2**32
"""Number of seeds, from 0 on: all that every generator in use takes."""


def require_seed(seed: object) -> None:
    """Refuse what is no seed.

    Raises:
        UsageError: Unless it is a whole number from 0 to 2**32 - 1.
    """
    try:
        known = not isinstance(seed, bool) and 0 <= operator.index(seed) < SEEDS  # type: ignore[arg-type]
    except TypeError:
        known = False
    if not known:
        raise UsageError(f"--seed: expected a whole number from 0 to {SEEDS - 1}, got {seed!r:.40}.")
