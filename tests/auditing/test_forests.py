"""Forests answer for cases that they have not seen, and for no others."""

import numpy as np
import pytest

from alcseg.auditing.forests import Forests, class_rows


@pytest.fixture
def rows() -> np.ndarray:
    return np.random.default_rng(0).random((60, 3))


def test_what_is_learned_holds_for_new_cases(rows: np.ndarray) -> None:
    cases = [f"case_{index % 12}" for index in range(60)]
    targets = np.stack([rows[:, 0], 1 - rows[:, 0]], axis=1)
    forests = Forests(rows, targets, cases)
    new = np.array([[0.1, 0.5, 0.5], [0.9, 0.5, 0.5]])
    answers = forests.ask(new, ["new", "other"])
    assert answers[0, 0] < 0.4 < 0.6 < answers[1, 0]
    assert answers.sum(axis=1) == pytest.approx([1, 1])
    assert np.corrcoef(forests.own[:, 0], rows[:, 0])[0, 1] > 0.8


def test_no_case_is_answered_by_what_it_taught(rows: np.ndarray) -> None:
    # Each case has a target of its own, which its rows name: who has seen them could tell it.
    cases = [f"case_{index // 10}" for index in range(60)]
    own = np.repeat(np.arange(6.0), 10)
    marked = np.hstack([rows, own[:, None]])
    targets = np.random.default_rng(1).permutation(6)[np.repeat(np.arange(6), 10)][:, None].astype(float)
    forests = Forests(marked, targets, cases)
    answers = forests.ask(marked, cases)
    assert np.array_equal(answers, forests.own)
    assert np.abs(answers - targets).mean() > 1
    strangers = forests.ask(marked, ["new"] * 60)
    assert np.abs(strangers - targets).mean() < np.abs(answers - targets).mean()


def test_classes_become_shares_that_sum_to_one(rows: np.ndarray) -> None:
    cases = [f"case_{index % 5}" for index in range(60)]
    kinds = np.where(rows[:, 0] > 0.5, 3, 1)
    shares = Forests(rows, kinds, cases, classes=5).ask(np.array([[0.9, 0.5, 0.5]]), ["new"])
    assert shares.shape == (1, 5)
    assert shares.sum() == pytest.approx(1)
    assert shares.argmax() == 3
    assert shares[0, [0, 2, 4]].tolist() == [0, 0, 0]


def test_of_a_single_case_nothing_is_known(rows: np.ndarray) -> None:
    forests = Forests(rows, rows[:, :1], ["only"] * 60)
    assert np.isnan(forests.own).all()
    assert np.isfinite(forests.ask(rows[:2], ["new", "other"])).all()


def test_a_class_is_told_with_its_case_and_its_number() -> None:
    table = np.arange(12.0).reshape(2, 3, 2)
    rows = class_rows(table)
    assert rows.shape == (6, 2 + 2 + 2 + 3)
    assert rows[4].tolist() == [8, 9, 8, 9, 6, 7, 0, 1, 0]
