"""Every verb as a command on a small study. A new verb joins the harness with one more entry.

Names in braces stand for folders of the study of `study_folder.py` and what `add_inputs` puts beside them,
`{out}` for the output folder.
"""

import shutil
from pathlib import Path
from typing import NamedTuple

import yaml

from alcseg.data.phantoms import write_phantoms
from alcseg.records.review_book import ReviewBook
from alcseg.reviewing.command import book_path
from alcseg.reviewing.desk import Desk, Note
from alcseg.reviewing.subject import Subject
from review_folder import make_corrected
from study_folder import SETTINGS

_TRAINING = " ".join(f"--set {setting}" for setting in SETTINGS)


class Verb(NamedTuple):
    """One command.

    Attributes:
        words: Of it.
        overwrites: Whether it knows --overwrite.
        minutes: Whether it takes so long that few trials have to do.
        goes_on: Whether it records what fails and goes on with the rest, which is exit code 3.
    """

    words: str
    overwrites: bool = True
    minutes: bool = False
    goes_on: bool = False

    def command(self, root: Path, out: Path, *more: str) -> list[str]:
        """The words for a study and an output folder."""
        names = ("phantoms", "noisy", "run", "predictions", "audited", "plan.yaml", "blocks", "readers")
        place = {name.partition(".")[0]: root / name for name in names} | {"out": out}
        return [*(word.format(**place) for word in self.words.split()), *more]


VERBS = {
    "import": Verb("import {phantoms} {out}"),
    "import --archive": Verb("import {blocks} {out} --archive"),
    "corrupt": Verb("corrupt {phantoms} {out} --hq-first 2"),
    "raters": Verb("raters {readers} --out {out}"),
    "evaluate": Verb("evaluate {predictions} {noisy} --split test --out {out}"),
    "report": Verb("report {run} --out {out}"),
    "predict": Verb("predict {run} {noisy} --out {out} --device cpu"),
    "review --apply": Verb("review {blocks} --apply {out}"),
    "train": Verb(f"train {{noisy}} --out {{out}} --device cpu {_TRAINING}"),
    "correct": Verb("correct {run} {noisy} --out {out} --device cpu"),
    "audit": Verb("audit {audited} --out {out} --run {run} --device cpu", overwrites=False, minutes=True),
    "benchmark": Verb(
        "benchmark {plan} --out {out} --jobs 0 --device cpu", overwrites=False, minutes=True, goes_on=True
    ),
    "demo": Verb("demo --out {out} --device cpu", minutes=True),
}

QUICK = ("corrupt", "evaluate", "predict")
"""Those that the default run of the tests looks at."""


def add_inputs(root: Path) -> None:
    """Put beside a study what some verbs take: sets to audit and of several readers, a plan, and a review."""
    write_phantoms(root / "audited", train=8, val=0, test=1, shape=(24, 22, 18), spacing=(2, 2, 2), seed=4)
    write_phantoms(root / "readers", train=2, val=0, test=0, shape=(16, 16, 12), spacing=(2, 2, 2), seed=4)
    for rater in ("anna", "bob", "carl"):
        shutil.copytree(root / "readers/labelsTr", root / "readers/labelsRaters" / rater)
    plan = {
        "title": "Tiny",
        "datasets": {
            "tiny": {
                "phantoms": {"train": 4, "val": 1, "test": 1, "shape": [24, 24, 16], "spacing": [2, 2, 3]},
                "corrupt": {"hq_first": 2, "model": "cube", "size": [2, 4], "seed": 0},
            }
        },
        "rows": ["hl_sup"],
        "set": dict(_setting(one) for one in SETTINGS),
    }
    (root / "plan.yaml").write_text(yaml.safe_dump(plan), encoding="utf-8")
    subject = Subject.open(make_corrected(root / "blocks"))
    book = ReviewBook.open(book_path(subject.dataset.root), labels=subject.dataset.labels)
    desk = Desk(subject, book)
    for number in range(3):
        desk.decide(number, "anna", 1, "accept", Note(0), None)
    desk.close()
    book.close()


def _setting(words: str) -> tuple[str, object]:
    key, _, value = words.partition("=")
    return key, value if key == "trainer.precision" else yaml.safe_load(value)
