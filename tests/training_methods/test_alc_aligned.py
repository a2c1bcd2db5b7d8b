"""ALC with aligned labels: what patches learn from, and what is remembered of each case."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from alcseg.correction.alignment import CleanLabels
from alcseg.data.sampling import Patches
from alcseg.training_methods import Method

Make = Callable[..., Method]
SIDE = 16


def block(margin: int) -> np.ndarray:
    label = np.zeros((SIDE, SIDE, SIDE), np.int64)
    label[margin:-margin, margin:-margin, margin:-margin] = 1
    return label


def probs_of(label: np.ndarray, sure: float = 0.95) -> Tensor:
    inside = torch.from_numpy(np.where(label == 1, sure, 1 - sure).astype(np.float32))
    return torch.stack([1 - inside, inside])[None]


def patches_of(label: np.ndarray, case_id: str = "case") -> Patches:
    image = torch.zeros(1, 1, SIDE, SIDE, SIDE)
    return Patches(image, torch.from_numpy(label)[None], [case_id], torch.arange(1))


CLEAN = CleanLabels(torch.tensor([0.9]), torch.zeros(1))


@pytest.mark.parametrize("target", ["aligned", "posterior", "moved"])
def test_a_label_drawn_too_large_is_moved_to_where_the_teacher_sees_the_boundary(
    target: str, make_method: Make
) -> None:
    method = make_method("alc_aligned", target=target)
    found = method._aligned_label(probs_of(block(5)), patches_of(block(3)), CLEAN)
    assert torch.equal(found[0], torch.from_numpy(block(5)))
    assert float(method.noted["offset_mm"]) == pytest.approx(2, abs=0.5)


def test_a_label_elsewhere_gives_way_to_the_prediction(make_method: Make) -> None:
    elsewhere = np.zeros((SIDE, SIDE, SIDE), np.int64)
    elsewhere[:4, :4, :4] = 1
    truth = block(5)
    found = make_method("alc_aligned")._aligned_label(probs_of(truth), patches_of(elsewhere), CLEAN)
    assert torch.equal(found[0], torch.from_numpy(truth))


@pytest.mark.parametrize("others_agree", [True, False])
def test_the_other_lq_cases_tell_whether_a_label_is_moved(others_agree: bool, make_method: Make) -> None:
    given, seen = block(5), block(5)
    seen[:, :, :7] = seen[:, :6, 7] = 0  # the teacher misses a part, or the label has one too many
    method = make_method("alc_aligned")
    for number in range(3):
        method._remember(probs_of(given if others_agree else seen), patches_of(given, f"other_{number}"))
    found = method._aligned_label(probs_of(seen), patches_of(given), CLEAN)
    assert torch.equal(found[0], torch.from_numpy(given if others_agree else seen))
    assert float(method.noted["moved_share"]) == others_agree


def test_clean_cases_do_not_count_as_others(make_method: Make) -> None:
    given, seen = block(5), block(5)
    seen[:, :, :7] = seen[:, :6, 7] = 0
    method = make_method("alc_aligned")
    for number in range(3):  # that the teacher agrees with clean labels tells nothing of LQ ones
        method._teacher_passes = lambda patches, count: [probs_of(given).log()]
        method._clean_labels(patches_of(given, f"clean_{number}"))
    found = method._aligned_label(probs_of(seen), patches_of(given), CLEAN)
    assert torch.equal(found[0], torch.from_numpy(seen))
    assert float(method.noted["moved_share"]) == 0


def test_what_was_seen_of_a_case_counts_at_its_next_visit(make_method: Make) -> None:
    method = make_method("alc_aligned")
    for _ in range(4):
        method._remember(probs_of(block(5)), patches_of(block(3)))
    # The teacher sees nothing this time; the case is remembered, a new one is not known.
    blank = probs_of(np.zeros((SIDE, SIDE, SIDE), np.int64), sure=0.5)
    method._remember(blank, patches_of(block(3)))
    method._remember(blank, patches_of(block(3), "new"))
    known, new = method._offsets(["case", "new"]).mm.flatten().tolist()
    assert known == pytest.approx(-2, abs=0.5)
    assert new == 0


def test_checkpoints_hold_what_is_known_of_the_cases(make_method: Make) -> None:
    method, other = make_method("alc_aligned"), make_method("alc_aligned")
    method._remember(probs_of(block(5)), patches_of(block(3)))
    method.clean_cases["clean"] = None
    other.take_up(method.state_beside_weights())
    assert torch.equal(other.agreements["case"].overlap, method.agreements["case"].overlap)
    assert other.clean_cases == {"clean": None}
    assert torch.equal(other.agreements["case"].best().mm, method.agreements["case"].best().mm)
