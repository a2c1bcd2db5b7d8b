"""Confident learning against cleanlab, voxel for voxel, in memory and streamed."""

import warnings

import cleanlab.filter
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from alcseg.correction import (
    Prune,
    confident_at_once,
    confident_learning,
    find_label_issues,
    stream_label_issues,
)
from alcseg.correction.confident_joint import label_quotas
from alcseg.correction.order_statistics import KthSmallest
from alcseg.errors import LabelError, ShapeError

MODES: list[Prune] = ["prune_by_class", "prune_by_noise_rate", "both"]


def problem(
    seed: int, num_classes: int, count: int, *, singleton: bool = False, missing: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Labels and continuous probabilities of a model of random skill; classes of unequal size."""
    rng = np.random.default_rng(seed)
    label = rng.choice(num_classes, count, p=rng.dirichlet(np.ones(num_classes)))
    if missing or singleton:
        label[label == num_classes - 1] = 0
    if singleton:
        label[rng.integers(count)] = num_classes - 1
    logits = rng.normal(0, rng.uniform(0.3, 3), (count, num_classes))
    logits[np.arange(count), label] += rng.uniform(0, 3) * (rng.random(count) < 0.8)
    probs = np.exp(logits)
    return label, probs / probs.sum(1, keepdims=True)


def reference(label: NDArray[np.int64], probs: NDArray[np.float64], prune: str) -> NDArray[np.bool_]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes of one voxel are not pruned
        return cleanlab.filter.find_label_issues(label, probs, filter_by=prune, n_jobs=1)


problems = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32 - 1),
        "num_classes": st.integers(2, 5),
        "count": st.integers(5, 600),
        "singleton": st.booleans(),
        "missing": st.booleans(),
    }
)


@settings(max_examples=60, deadline=None)
@given(options=problems, cuts=st.lists(st.floats(0, 1), max_size=3))
def test_flags_equal_cleanlab_in_one_piece_and_in_several(
    options: dict[str, int | bool], cuts: list[float]
) -> None:
    label, probs = problem(**options)
    if len(np.unique(label)) < 2:
        return
    at = [round(cut * len(label)) for cut in sorted(cuts)]
    parts = list(zip(np.split(label, at), np.split(probs, at), strict=True))
    chunks = [(torch.from_numpy(part), torch.from_numpy(rows)) for part, rows in parts]
    for prune in MODES:
        expected = reference(label, probs, prune)
        flags = find_label_issues(torch.from_numpy(label), torch.from_numpy(probs), prune=prune)
        np.testing.assert_array_equal(flags.numpy(), expected)
        found = list(stream_label_issues(chunks, num_classes=probs.shape[1], prune=prune))
        assert [len(part) for part in found] == [len(part) for part, _ in parts]
        np.testing.assert_array_equal(torch.cat(found).numpy(), expected)


@pytest.mark.parametrize("prune", MODES)
@pytest.mark.parametrize("num_classes", [2, 4])
def test_cuts_found_by_counting_digits_are_the_same(
    num_classes: int, prune: Prune, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confident_learning, "_HOLD", 0)
    monkeypatch.setattr(confident_learning, "_BLOCK", 100)
    label, probs = problem(1, num_classes, 1000)
    chunks = [(torch.from_numpy(label), torch.from_numpy(probs))]
    (flags,) = stream_label_issues(chunks, num_classes=num_classes, prune=prune)
    assert 0 < flags.sum() < 1000
    np.testing.assert_array_equal(flags.numpy(), reference(label, probs, prune))


@pytest.mark.parametrize("prune", MODES)
def test_blocks_that_end_anywhere_flag_the_same(monkeypatch: pytest.MonkeyPatch, prune: Prune) -> None:
    label, probs = problem(5, 4, 403)
    monkeypatch.setattr(confident_at_once, "_BLOCK", 50)
    flags = find_label_issues(torch.from_numpy(label), torch.from_numpy(probs), prune=prune)
    np.testing.assert_array_equal(flags.numpy(), reference(label, probs, prune))


def test_probabilities_are_gathered_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = []
    take = np.take
    monkeypatch.setattr(confident_at_once, "_BLOCK", 50)
    monkeypatch.setattr(
        np, "take", lambda values, *_, **__: longest.append(len(values)) or take(values, *_, **__)
    )
    label, probs = problem(5, 4, 403)
    find_label_issues(torch.from_numpy(label), torch.from_numpy(probs))
    assert longest == [50] * 8 * 16 + [3] * 16  # each class of each label, in eight blocks and the rest


def test_two_classes_make_all_modes_one() -> None:
    label, probs = map(torch.from_numpy, problem(2, 2, 2000))
    flags = [find_label_issues(label, probs, prune=prune) for prune in MODES]
    assert flags[0].any()
    assert all(torch.equal(one, flags[0]) for one in flags)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last_3d])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_patches_are_their_voxels_in_order(dtype: torch.dtype, memory_format: torch.memory_format) -> None:
    shape, num_classes = (2, 3, 4, 5), 3
    label, probs = problem(3, num_classes, 2 * 3 * 4 * 5)
    rows = torch.from_numpy(probs).to(dtype)
    patches = rows.reshape(*shape, num_classes).movedim(-1, 1).contiguous(memory_format=memory_format)
    flags = find_label_issues(torch.from_numpy(label).reshape(shape), patches)
    expected = reference(label, rows.double().numpy(), "prune_by_class")
    assert expected.any()
    np.testing.assert_array_equal(flags.numpy(), expected.reshape(shape))


def test_of_equal_scores_the_first_are_flagged() -> None:
    # Class 1: six voxels of which the model gives three p = 0.3 and one, surely class 1, is confident; the
    # voxels at 0.3 lie above the threshold of class 0, mean of (0.9, 0.4, 0.4).
    label = torch.tensor([1, 1, 1, 1, 1, 1, 0, 0, 0])
    own = torch.tensor([0.3, 0.3, 0.3, 0.9, 0.2, 0.9], dtype=torch.float64)
    first = torch.cat([1 - own, torch.tensor([0.9, 0.4, 0.4], dtype=torch.float64)])
    probs = torch.stack([first, 1 - first], 1)
    flags = find_label_issues(label, probs)
    assert int(flags.sum()) == int(reference(label.numpy(), probs.numpy(), "prune_by_class").sum())
    chunks = [(label[i : i + 2], probs[i : i + 2]) for i in range(0, 9, 2)]
    assert torch.equal(torch.cat(list(stream_label_issues(chunks, num_classes=2))), flags)


def test_a_class_that_beats_the_label_by_exactly_the_margin_is_predicted_if_it_comes_first() -> None:
    label, probs = problem(6, 3, 300)
    probs[:, 0] = probs[:, 1] + 1e-6  # labels of class 1 are beaten, those of class 0 are not
    expected = reference(label, probs, "prune_by_class")
    assert expected[label == 1].any()
    flags = find_label_issues(torch.from_numpy(label), torch.from_numpy(probs))
    np.testing.assert_array_equal(flags.numpy(), expected)
    chunks = [(torch.from_numpy(label), torch.from_numpy(probs))]
    np.testing.assert_array_equal(next(stream_label_issues(chunks, num_classes=3)).numpy(), expected)


def test_a_cut_among_equal_scores_leaves_the_later_ones() -> None:
    # Of 23 labels of class 1 three are confidently class 0 and ten class 1, so 23 * 3 / 13 = 5 are wrong:
    # those three, and of the ten with a probability of 0.3 the first two.
    own = [0.3] * 10 + [0.05] * 3 + [0.9] * 10
    second = torch.tensor([*own, *[0.1] * 20], dtype=torch.float64)
    label = torch.tensor([1] * 23 + [0] * 20)
    probs = torch.stack([1 - second, second], 1)
    flags = find_label_issues(label, probs)
    assert flags.nonzero().flatten().tolist() == [0, 1, 10, 11, 12]
    chunks = [(label[i : i + 4], probs[i : i + 4]) for i in range(0, 43, 4)]
    assert torch.equal(torch.cat(list(stream_label_issues(chunks, num_classes=2))), flags)


def test_probabilities_at_the_threshold_of_their_class_are_confident() -> None:
    # The mean of class 1 over its labels is 0.75, which a third of them have.
    label = np.repeat([1, 1, 1, 0, 0, 0], [10, 10, 10, 20, 8, 4])
    second = np.repeat([0.5, 0.75, 1.0, 0.0, 0.75, 1.0], [10, 10, 10, 20, 8, 4])
    probs = np.stack([1 - second, second], 1)
    expected = reference(label, probs, "prune_by_class")
    assert expected.any()
    flags = find_label_issues(torch.from_numpy(label), torch.from_numpy(probs))
    assert flags.sum() == expected.sum()
    chunks = [(torch.from_numpy(label), torch.from_numpy(probs))]
    assert torch.equal(next(stream_label_issues(chunks, num_classes=2)), flags)


def test_one_label_of_a_class_is_right_at_least() -> None:
    # Of ten labels of class 0 the joint takes 0.1 to be right, which rounds to none.
    quotas = label_quotas(np.array([[0, 99], [0, 10]]), np.array([10, 10]))
    assert quotas.tolist() == [[1, 9], [0, 10]]


@pytest.mark.parametrize("given", [0, 1])
def test_one_class_alone_is_never_flagged(given: int) -> None:
    _, probs = problem(4, 3, 50)
    assert not find_label_issues(torch.full((50,), given), torch.from_numpy(probs)).any()


def test_predictions_that_are_not_numbers_flag_nothing() -> None:
    label, probs = problem(5, 3, 50)
    for prune in MODES:
        flags = find_label_issues(
            torch.from_numpy(label), torch.full_like(torch.from_numpy(probs), torch.nan), prune=prune
        )
        assert not flags.any()


def test_shapes_and_labels_are_checked() -> None:
    with pytest.raises(ShapeError, match="classes as second axis"):
        find_label_issues(torch.zeros(2, 3, 3, 3), torch.zeros(2, 3, 3, 3, 2))
    with pytest.raises(ShapeError, match="classes as second axis"):
        find_label_issues(torch.zeros(2), torch.zeros(2))
    with pytest.raises(LabelError, match="expected 0 to 1"):
        find_label_issues(torch.tensor([0, 2]), torch.full((2, 2), 0.5))


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.floats(-2, 2) | st.sampled_from([-1.0, -0.0, 0.0, 0.25]), min_size=1, max_size=40),
    share=st.floats(0, 1),
    size=st.integers(1, 7),
    hold=st.integers(0, 40),
)
def test_the_smallest_are_those_of_a_stable_sort(
    values: list[float], share: float, size: int, hold: int
) -> None:
    rank = max(round(share * len(values)), 1)
    parts = torch.tensor(values, dtype=torch.float64).split(size)
    search = KthSmallest(rank, len(values), hold=hold)
    while not search.done:
        for part in parts:
            search.see(part)
        search.end_pass()
    taken = torch.cat([search.take(part) for part in parts])
    expected = sorted(range(len(values)), key=lambda i: values[i])[:rank]
    assert taken.nonzero().flatten().tolist() == sorted(expected)


def test_more_than_256_classes_stay_apart() -> None:
    label = torch.arange(300).repeat(3)
    probs = torch.full((900, 300), 0.1 / 299)
    probs[torch.arange(900), label] = 0.9
    probs[1, 1], probs[1, 257] = 0.1 / 299, 0.9
    assert find_label_issues(label, probs).nonzero().ravel().tolist() == [1]
