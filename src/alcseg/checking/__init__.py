"""What a set of cases says about each of them: labels unlike the others, absent classes, odd places.

`sketch` reduces a case to a few numbers as it is read; `compare` looks for what is unlike the others.
Nothing is learned, no network is needed: `alcseg audit` finds errors that are smaller.
"""

from alcseg.checking.classes import count_classes
from alcseg.checking.compare import compare
from alcseg.checking.finding import Finding, Grade
from alcseg.checking.incomplete import Gaps, incomplete_labels
from alcseg.checking.sketch import Sketch, sketch
from alcseg.checking.thin import thin_classes

__all__ = [
    "Finding",
    "Gaps",
    "Grade",
    "Sketch",
    "compare",
    "count_classes",
    "incomplete_labels",
    "sketch",
    "thin_classes",
]
