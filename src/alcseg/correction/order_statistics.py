"""The k-th smallest of more values than fit in memory, exactly."""

import numpy as np
import torch
from torch import Tensor

__all__ = ["KthSmallest", "kth_smallest"]

_DIGIT = 16  # bits that one pass settles
_HIGHEST = 2**63 - 1


class KthSmallest:
    """Finds the `rank` smallest of values that come in parts, the same parts in every pass.

    A float64 seen as an integer keeps its order, so each pass counts the next 16 bits of the values that
    share the bits found so far. As soon as few enough share them, a pass collects those instead.

        while not search.done:
            for values in parts:
                search.see(values)
            search.end_pass()
        flags = [search.take(values) for values in parts]

    Args:
        rank: How many to find, from 1 to `count`.
        count: Number of values in all.
        hold: Largest number of values to collect.

    Attributes:
        done: Whether the cut is known.
        takes_all_ties: Whether all values that equal the one at the cut are among the smallest.
    """

    def __init__(self, rank: int, count: int, *, hold: int) -> None:
        self.done = rank >= count
        self.takes_all_ties = self.done
        self._cut = torch.inf  # the value at the rank
        self._rank = (
            rank  # among the values that share the bits found; in the end among those equal to `_cut`
        )
        self._count = count
        self._hold = hold
        self._shift = 64  # bits still open
        self._prefix = 0
        self._found: list[Tensor] = []
        self._histogram: Tensor | None = None

    def see(self, values: Tensor) -> None:
        """Take in one part, float64 `(N,)`."""
        if self._shift < 64:
            keys = _ordered(values)
            candidates = (keys >> self._shift) == self._prefix
            values, keys = values[candidates], keys[candidates]
        if self._count <= self._hold:
            self._found.append(values)
            return
        keys = keys if self._shift < 64 else _ordered(values)
        digits = keys >> (self._shift - _DIGIT)
        digits = digits + 2 ** (_DIGIT - 1) if self._shift == 64 else digits & (2**_DIGIT - 1)
        counts = digits.bincount(minlength=2**_DIGIT)
        self._histogram = counts if self._histogram is None else self._histogram + counts

    def end_pass(self) -> None:
        """Draw the conclusion of a whole pass."""
        if self._histogram is None:
            values = torch.cat(self._found)
            self._found = []
            self._cut = float(kth_smallest(values, self._rank))
            self._rank -= int((values < self._cut).sum())
            self.takes_all_ties = int((values == self._cut).sum()) == self._rank
            self.done = True
            return
        below = self._histogram.cumsum(0)
        digit = int((below < self._rank).sum())
        self._count = int(self._histogram[digit])
        self._rank -= int(below[digit]) - self._count
        self._histogram = None
        self._prefix = digit - 2 ** (_DIGIT - 1) if self._shift == 64 else (self._prefix << _DIGIT) + digit
        self._shift -= _DIGIT
        if self._shift == 0:
            self._cut = _from_ordered(self._prefix)
            self.takes_all_ties = self._count == self._rank
            self.done = True

    def take(self, values: Tensor) -> Tensor:
        """Whether each value is among the smallest; of equal ones at the cut, those that come first."""
        if self.takes_all_ties:
            return values <= self._cut
        taken = values < self._cut
        equal = values == self._cut
        ties = int(equal.sum())
        if ties > self._rank:
            equal &= equal.cumsum(0) <= self._rank
        self._rank = max(self._rank - ties, 0)
        return taken | equal


def _ordered(values: Tensor) -> Tensor:
    """Integers in the order of the values; adding 0 makes -0 the 0 it equals."""
    bits = (values + 0.0).view(torch.int64)
    return torch.where(bits < 0, bits ^ _HIGHEST, bits)


def _from_ordered(key: int) -> float:
    bits = key ^ _HIGHEST if key < 0 else key
    return float(torch.tensor(bits, dtype=torch.int64).view(torch.float64))


def kth_smallest(values: Tensor, rank: int) -> Tensor:
    """The value at a rank, from 1, of values `(N,)` in memory."""
    if values.is_cuda:  # `kthvalue` gives a whole vector to one block, which is slower than sorting it
        return values.sort().values[rank - 1]
    return torch.tensor(np.partition(values.numpy(), rank - 1)[rank - 1])  # a tenth of the time of `kthvalue`
