"""Every verb as a command on a small study. A new verb joins the harness with one more entry.

Names in braces stand for folders of the study of `study_folder.py`, `{out}` for the output folder.
"""

from pathlib import Path
from typing import NamedTuple

from study_folder import SETTINGS

_TRAINING = " ".join(f"--set {setting}" for setting in SETTINGS)


class Verb(NamedTuple):
    """One command; `goes_on` says whether it keeps what was finished when it is stopped."""

    words: str
    goes_on: bool = False

    def command(self, root: Path, out: Path, *more: str) -> list[str]:
        """The words for a study and an output folder."""
        names = ("phantoms", "noisy", "run", "predictions")
        place = {name: root / name for name in names} | {"out": out}
        return [*(word.format(**place) for word in self.words.split()), *more]


VERBS = {
    "import": Verb("import {phantoms} {out}"),
    "corrupt": Verb("corrupt {phantoms} {out} --hq-first 2"),
    "evaluate": Verb("evaluate {predictions} {noisy} --split test --out {out}"),
    "report": Verb("report {run} --out {out}"),
    "predict": Verb("predict {run} {noisy} --out {out}", goes_on=True),
    "train": Verb(f"train {{noisy}} --out {{out}} {_TRAINING}", goes_on=True),
    "correct": Verb("correct {run} {noisy} --out {out}"),
}

QUICK = ("corrupt", "evaluate", "predict")
"""Those that the default run of the tests looks at."""
