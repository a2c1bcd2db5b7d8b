"""From the words of a command line to a verb and its options; imports nothing heavy."""

import argparse
import difflib
from collections.abc import Sequence
from typing import NoReturn

import alcseg
from alcseg.cli.flags import ADDERS, add_print_options
from alcseg.errors import UsageError

__all__ = [
    "ARCHIVE",
    "DRY_RUNS",
    "NO_TRAINING",
    "ONE_METHOD",
    "SHARED",
    "SIDE_BY_SIDE",
    "VERBS",
    "build_parser",
    "parse",
]

VERBS = {
    "audit": ("alcseg.commands.audit", "audit"),
    "benchmark": ("alcseg.benchmarking.command", "benchmark"),
    "cache": ("alcseg.commands.cache", "cache"),
    "check": ("alcseg.commands.check", "check"),
    "correct": ("alcseg.commands.correct", "correct"),
    "corrupt": ("alcseg.commands.corrupt", "corrupt"),
    "demo": ("alcseg.commands.demo", "demo"),
    "doctor": ("alcseg.commands.doctor", "doctor"),
    "evaluate": ("alcseg.commands.evaluate", "evaluate"),
    "export": ("alcseg.commands.export", "export"),
    "import": ("alcseg.commands.import_dataset", "import_dataset"),
    "methods": ("alcseg.commands.methods", "methods"),
    "predict": ("alcseg.commands.predict", "predict"),
    "raters": ("alcseg.commands.raters", "raters"),
    "report": ("alcseg.commands.report", "report"),
    "review": ("alcseg.reviewing.command", "review"),
    "train": ("alcseg.commands.train", "train"),
}
"""Module and function behind each verb."""

ARCHIVE = ("alcseg.commands.archive_dataset", "archive_dataset")
"""The same for `import --archive`."""

ONE_METHOD = ("alcseg.commands.methods", "describe_method")
"""The same for `methods NAME`."""

DRY_RUNS = {"train": ("alcseg.commands.train", "plan_training", ("workers",))}
"""What answers a verb's --dry-run in its place, and the options that are not its own."""

NO_TRAINING = ("predict", "correct")
"""Verbs that predict and train nothing, so that their processes may use OpenVINO; see `pick_engine`."""

SIDE_BY_SIDE = ("audit", "benchmark")
"""Verbs that train several times. The command line starts as many processes as pay; from Python only who asks
for them gets them, since each imports the calling script anew."""

SHARED = ("train",)
"""Verbs that several processes do together; the first of them answers."""


class _Parser(argparse.ArgumentParser):
    """A parser that raises instead of exiting, so that all errors take one way out."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}. See `{self.prog} --help`.")


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Parse the words after `alcseg`.

    Raises:
        UsageError: If a verb or flag is unknown (the nearest one is named) or a value is missing or wrong.
    """
    parser, verbs = build_parser()
    _refuse_unknown(words, verbs)
    return parser.parse_args(words)


def _refuse_unknown(words: Sequence[str], verbs: dict[str, argparse.ArgumentParser]) -> None:
    """Name the nearest verb or flag before argparse complains about something else."""
    if not words or words[0].startswith("-"):
        return
    verb, *rest = words
    if verb not in verbs:
        raise UsageError(f"unknown verb '{verb}'{_nearest(verb, verbs)} See `alcseg --help`.")
    known = [flag for action in verbs[verb]._actions for flag in action.option_strings]
    for word in rest:
        if word == "--":
            return
        flag = word.partition("=")[0]
        if flag.startswith("--") and flag not in known:
            raise UsageError(
                f"alcseg {verb}: unknown flag '{flag}'{_nearest(flag, known)} See `alcseg {verb} --help`."
            )


def _nearest(word: str, known: Sequence[str] | dict[str, argparse.ArgumentParser]) -> str:
    match = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean '{match[0]}'?" if match else "."


def build_parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The parser of the whole command line and the parser of each verb."""
    parser = _Parser(
        prog="alcseg",
        description="Robust 3D medical image segmentation from labels of mixed quality.",
        epilog="Usual order: import, check, train, correct, predict, evaluate. First: alcseg demo --out demo",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"alcseg {alcseg.__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=_Parser)
    for add in ADDERS:
        add_print_options(add(verbs))
    return parser, dict(verbs.choices)
