"""Ours and a peer's way on the same data in the same run, and how ours grows.

Only the CPU time of this process counts, on one thread, and rounds take turns, so that other load on the
machine slows both alike. Before a race is timed both have to give the same answer.
"""

import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Curve", "Growth", "Race", "Result"]

ROUNDS = 5
_SHORTEST = 0.05  # seconds of CPU time in a round of ours; less is repeated


@dataclass(frozen=True)
class Race:
    """One thing that both do.

    Attributes:
        task: What is done, on what.
        peer: What does it otherwise.
        ours: Our way.
        theirs: The peer's.
        agree: Takes both answers and says in words in how far they are equal; raises if they are not.
        asked: How many times faster ours should be.
        share: How often the peer's call makes up the task, where all of it would take too long.
    """

    task: str
    peer: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    agree: Callable[[Any, Any], str]
    asked: float
    share: float = 1.0

    def run(self) -> "Result":
        """Compare the answers, then take turns."""
        said = self.agree(self.ours(), self.theirs())
        repeats = max(1, round(_SHORTEST / max(_cpu(self.ours), 1e-6)))
        rounds = [(_cpu(self.ours, repeats), self.share * _cpu(self.theirs)) for _ in range(ROUNDS)]
        ratios = [theirs / ours for ours, theirs in rounds]
        own, other = (statistics.median(times) for times in zip(*rounds, strict=True))
        return Result(self, said, own, other, statistics.median(ratios), min(ratios), max(ratios))


@dataclass(frozen=True)
class Result:
    """What came of a race: CPU seconds of both, the median ratio, and the least and largest of the rounds."""

    race: Race
    said: str
    ours: float
    theirs: float
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class Growth:
    """How something of ours grows.

    Attributes:
        task: What is done.
        along: What grows.
        sizes: That, ascending.
        make: From a size to the call.
        slope: Expected exponent of the time.
        memory_slope: Expected exponent of the peak memory.
    """

    task: str
    along: str
    sizes: Sequence[int]
    make: Callable[[int], Callable[[], Any]]
    slope: float
    memory_slope: float

    def run(self) -> "Curve":
        """Best CPU time of three, and peak of what is allocated through Python, at each size."""
        seconds, mib = [], []
        for size in self.sizes:
            call = self.make(size)
            call()
            seconds.append(min(_cpu(call) for _ in range(3)))
            tracemalloc.start()
            call()
            mib.append(tracemalloc.get_traced_memory()[1] / 2**20)
            tracemalloc.stop()
        return Curve(self, seconds, mib)


@dataclass(frozen=True)
class Curve:
    """What came of it, by size."""

    growth: Growth
    seconds: list[float]
    mib: list[float]


def _cpu(call: Callable[[], Any], repeats: int = 1) -> float:
    start = time.process_time()
    for _ in range(repeats):
        call()
    return (time.process_time() - start) / repeats
