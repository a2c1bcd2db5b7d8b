"""Forests that are asked about no case they learned from.

The cases are dealt into parts, and a forest is grown without each. A row is answered by the forests that
never saw its case: one for a case that was learned from, all for any other.

Source:
    Geurts, Ernst and Wehenkel, Extremely randomized trees, Machine Learning 63, 2006,
    doi:10.1007/s10994-006-6226-1. Leaving parts out to see what an answer is worth: Stone, JRSS B 36, 1974.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcseg.types import FloatArray

__all__ = ["Forests", "class_rows"]

_PARTS = 5
_TREES = 200
_LEAF = 3
_FEATURES = 0.4


class Forests:
    """Regression forests, or classifying ones, grown on rows of several cases.

    Args:
        rows: What is known of each, `(N, F)`.
        targets: Numbers to tell `(N, T)`, or whole numbers that name a class `(N,)`.
        cases: Whose row it is.
        weights: Of each row; all alike if None.
        seed: Of the trees.
        classes: Number of classes; 0 for numbers.

    Attributes:
        own: What the forests that never saw the case say of each row, `(N, T)` or `(N, classes)`; nan where
            there is only one case.
    """

    def __init__(
        self,
        rows: FloatArray,
        targets: NDArray[Any],
        cases: Sequence[str],
        *,
        weights: NDArray[np.float64] | None = None,
        seed: int = 0,
        classes: int = 0,
    ) -> None:
        from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor  # slow to import

        grow: Callable[..., Any] = ExtraTreesClassifier if classes else ExtraTreesRegressor
        self._classes = classes
        self._part_of = {name: number % _PARTS for number, name in enumerate(dict.fromkeys(cases))}
        part = np.array([self._part_of[name] for name in cases])
        parts = sorted(set(part.tolist()))
        wanted = targets.ravel() if targets.ndim > 1 and targets.shape[1] == 1 else targets
        self._forests: dict[int, Any] = {}
        self.own = np.full((len(rows), classes or targets.shape[1]), np.nan)
        for number in parts:
            left_out = part == number if len(parts) > 1 else np.zeros(len(part), bool)
            forest = grow(_TREES, min_samples_leaf=_LEAF, max_features=_FEATURES, n_jobs=1, random_state=seed)
            weighed = None if weights is None else weights[~left_out]
            self._forests[number] = forest.fit(rows[~left_out], wanted[~left_out], weighed)
            if left_out.any():
                self.own[left_out] = self._ask(number, rows[left_out])

    def ask(self, rows: FloatArray, cases: Sequence[str]) -> NDArray[np.float64]:
        """What the forests say that never saw the case of a row.

        Args:
            rows: As they were grown on, `(M, F)`.
            cases: Whose row it is.
        """
        part = np.array([self._part_of.get(name, -1) for name in cases])
        total = np.zeros((len(rows), self.own.shape[1]))
        count = np.zeros((len(rows), 1))
        for number in self._forests:
            fair = (part == number) | (part == -1)
            if fair.any():
                total[fair] += self._ask(number, rows[fair])
                count[fair] += 1
        answers: NDArray[np.float64] = total / count
        return answers

    def _ask(self, number: int, rows: FloatArray) -> NDArray[np.float64]:
        forest = self._forests[number]
        if not self._classes:
            return np.asarray(forest.predict(rows)).reshape(len(rows), -1)
        shares = np.zeros((len(rows), self._classes))
        shares[:, forest.classes_] = forest.predict_proba(rows)
        return shares


def class_rows(table: FloatArray) -> FloatArray:
    """A row per case and class: what is known of the class, of the case on average and at worst, and which.

    Args:
        table: `(cases, K - 1, names)`.
    """
    count, classes, names = table.shape
    mean, worst = (np.repeat(part, classes, axis=0) for part in (table.mean(axis=1), table.min(axis=1)))
    which = np.tile(np.eye(classes), (count, 1))
    return np.hstack([table.reshape(-1, names), mean, worst, which])
