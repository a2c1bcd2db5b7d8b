"""From predictions of a volume to a corrected label, its uncertainty, and the labels under suspicion."""

from alcseg.correction.confident_learning import Prune, find_label_issues, stream_label_issues
from alcseg.correction.refine import Refined, refine
from alcseg.correction.soften import runner_up, soften

__all__ = [
    "Prune",
    "Refined",
    "find_label_issues",
    "refine",
    "runner_up",
    "soften",
    "stream_label_issues",
]
