"""One command line on a copy of the stage, and what was done to the copy before."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

__all__ = ["BAD_DATA", "COMMANDS", "DAMAGED", "DONE", "WRONG_USE", "Trial"]

DONE, WRONG_USE, BAD_DATA = frozenset({0}), frozenset({2}), frozenset({4})
DAMAGED = frozenset({0, 3, 4})
"""Exit codes that fit damage of which nobody knows whether it matters; 3 only where cases fail one by one."""

_SETTINGS = (
    "network.filters=2 data.patch=[16,16,16] data.spacing=[2,2,2] data.hq_batch=2 data.lq_batch=2 trainer.steps=2 "
    "trainer.precision=32 trainer.validate_every=0 trainer.log_every=1"
)
COMMANDS = {
    "import": "import {plain} {out}",
    "check": "check {noisy}",
    "corrupt": "corrupt {phantoms} {out} --hq-first 2",
    "dry run": f"train {{noisy}} --out {{out}} --dry-run --set {_SETTINGS}",
    "train": f"train {{noisy}} --out {{out}} --device cpu --set {_SETTINGS}",
    "resume": "train {noisy} --out {half} --device cpu --set {same}",
    "audit": "audit {noisy} --out {audit} --folds 2 --rounds 1 --steps 2 --device cpu --set {small}",
    "predict": "predict {run} {new} --out {out} --device cpu",
    "correct": "correct {run} {noisy} --out {out} --device cpu --passes 2",
    "evaluate": "evaluate {predictions} {noisy} --split test --out {out}",
    "benchmark": "benchmark {bench}/plan.yaml --out {bench} --jobs 0 --device cpu",
    "report": "report {bench} --out {out}",
    "report of a run": "report {run} --out {out}",
    "review --export": "review {correction} --export {out} --book {book}/book.sqlite",
    "review --apply": "review {correction} --apply {out} --book {book}/book.sqlite",
    "cache": "cache {cached}",
}
"""The plain form of each verb; names in braces are folders of the stage, `{out}` is new."""


class Trial(NamedTuple):
    """What is done to a copy of the stage, the command, and the exit codes that fit.

    Attributes:
        verb: The verb, as it is counted.
        name: What was done, in words.
        words: The command; names in braces are folders of the stage.
        spoil: What is done to the copy before; gets its root and random numbers.
        codes: Exit codes that fit.
        writes: Beginnings of the paths that the command may write, beside `out`.
        look: What is wrong with the result though the exit code is 0, or nothing; gets the copy and the stage.
    """

    verb: str
    name: str
    words: tuple[str, ...]
    codes: frozenset[int]
    spoil: Callable[[Path, random.Random], None] = lambda root, rng: None
    writes: tuple[str, ...] = ()
    look: Callable[[Path, Path], str] = lambda root, stage: ""
