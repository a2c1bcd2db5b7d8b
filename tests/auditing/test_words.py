"""What people read of a judgment."""

import pytest

from alcseg.auditing.judge import Judgment
from alcseg.auditing.words import in_words


@pytest.mark.parametrize(
    ("kind", "sure", "said"),
    [
        ("none", 0.9, "seems right"),
        ("none", 0.4, "may be right or wrong in a way that no kind of error explains"),
        ("empty", 0.9, "seems to have been forgotten"),
        ("empty", 0.4, "seems to have been forgotten (or something else: no kind of error is likely)"),
    ],
)
def test_a_doubtful_kind_is_said_to_be_doubtful(kind, sure, said):
    judgment = Judgment(0.77, 0.33, 1.0, 1.0, {kind: sure, "ragged": min(0.1, 1 - sure)})
    assert in_words("organ", judgment).startswith(f"organ {said}: Dice about 0.77")
