"""What people read of a judgment."""

import pytest

from alcseg.auditing.judge import Judgment
from alcseg.auditing.words import in_words, verdict


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


@pytest.mark.parametrize(
    ("dice", "wrong", "said"),
    [
        ([0.95] * 10, 0, "do not relabel it"),
        ([0.95] * 8 + [0.5] * 2, 2, "Look at the worst first"),
        ([0.75] * 10, 4, "below what human readers reach"),
        ([0.95] * 4 + [0.5] * 6, 6, "look at the labels of trusted.txt before you use it"),
    ],
)
def test_a_set_is_summed_up_by_how_many_labels_seem_wrong(dice, wrong, said):
    assert said in verdict(dice, wrong)


def test_networks_that_know_nothing_call_nothing_wrong():
    said = verdict([0.73] * 10, 9, blind=6)
    assert "know too little to judge these labels: the Dice of 6 of 10 may be anything" in said
    assert "seem wrong" not in said
    assert "9 of 10 labels seem wrong" in verdict([0.73] * 10, 9, blind=5)
