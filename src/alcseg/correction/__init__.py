"""From several predictions of a volume to a corrected label and its uncertainty."""

from alcseg.correction.refine import Refined, refine

__all__ = ["Refined", "refine"]
