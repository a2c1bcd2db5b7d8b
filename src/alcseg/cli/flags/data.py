"""The flags of the verbs that make and look at datasets."""

import argparse
from argparse import ArgumentParser

from alcseg.cli.flags.shared import (
    HelpFormatter,
    Verbs,
    add_output,
    add_overwrite,
    add_seed,
    add_workers,
    new_verb,
)
from alcseg.cli.values import AsTuple, PairAction, folder_pair, fraction, label_pair, names, number

__all__ = ["add_check", "add_corrupt", "add_import", "add_raters"]

_NOISE_MODELS = "noise models"  # stands for their list until the help is shown


class _NoiseHelpFormatter(HelpFormatter):
    """Help that ends with the noise models; they are imported only when it is shown."""

    def add_text(self, text: str | None) -> None:
        if text != _NOISE_MODELS:
            super().add_text(text)
            return
        from alcseg.noise import NOISE_MODELS

        self.start_section("noise models, what --size measures, and its range without --size")
        for name, model in NOISE_MODELS.items():
            amount = model.amount
            ranges = {} if amount is None else amount.ranges
            stated = " or ".join(f"{low:g} {high:g} {unit}" for unit, (low, high) in ranges.items())
            size = "No --size" if amount is None else f"--size: {amount.meaning}; {stated}"
            origin = NOISE_MODELS.origin(name)
            text = f"{model.summary}. {size}.{f' From {origin}.' if origin else ''}".replace("%", "%%")
            self.add_argument(argparse.Action([], name, metavar=name, help=text))
        self.end_section()


class _ImportHelpFormatter(HelpFormatter):
    """Help that names the formats; their readers are imported only when it is shown."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.dest != "format":
            return super()._get_help_string(action)
        from alcseg.data.readers import READERS

        return f"{action.help}: auto, {', '.join(READERS)} (default: auto)"


def add_import(verbs: Verbs) -> ArgumentParser:
    """The flags of `alcseg import`."""
    verb = new_verb(
        verbs,
        "import",
        "turn images and labels into a dataset folder",
        "The source is never written to. Splits are drawn once, by group where groups are known.",
    )
    verb.add_argument("source", metavar="SRC", help="folder with the files as you have them")
    verb.add_argument("target", metavar="DST", help="dataset folder to make")
    verb.formatter_class = _ImportHelpFormatter
    verb.add_argument("--format", default="auto", metavar="LAYOUT", help="layout of the source")
    verb.add_argument(
        "--test",
        dest="test_source",
        metavar="PATH",
        help="folder of the same layout, all of whose cases test",
    )
    verb.add_argument(
        "--val-fraction", type=fraction, default=0.0, metavar="F", help="share of cases for validation"
    )
    verb.add_argument(
        "--test-fraction", type=fraction, default=0.0, metavar="F", help="share of cases for testing"
    )
    add_seed(verb, "the splits")
    verb.add_argument(
        "--in-order",
        action="store_true",
        help="draw no splits: the last cases of the source test, those before them validate",
    )
    verb.add_argument(
        "--group-regex",
        metavar="PATTERN",
        help="cases in whose names it matches the same stay in one split, for example 'patient[0-9]+'",
    )
    verb.add_argument(
        "--hq-list", metavar="FILE", help="text file, one trusted case id a line; all others are LQ"
    )
    verb.add_argument(
        "--spacing",
        type=float,
        nargs=3,
        metavar=("X", "Y", "Z"),
        action=AsTuple,
        help="voxel size in mm for sources that do not carry one",
    )
    verb.add_argument(
        "--priority",
        type=names,
        default=(),
        metavar="NAME,NAME",
        help="classes of which the first wins where segments of a file overlap",
    )
    verb.add_argument(
        "--label-map",
        type=label_pair,
        metavar="OLD=NEW",
        action=PairAction,
        help="rename label values, for example 255=1; repeatable",
    )
    verb.add_argument(
        "--raters",
        type=folder_pair,
        nargs="+",
        metavar="NAME=FOLDER",
        action=PairAction,
        help="folder of the labels of each reader, where names do not tell; see the how-to 'Several readers'",
    )
    verb.add_argument(
        "--fuse",
        choices=("majority", "staple"),
        help="how labels of several readers become one (default: majority, unless the source has the result)",
    )
    verb.add_argument(
        "--ignore-label",
        type=int,
        metavar="VALUE",
        help="value of voxels that nobody labeled, no class (default: nnU-Net's ignore, if there is one)",
    )
    verb.add_argument(
        "--classes-drawn",
        metavar="FILE",
        help="table with the columns case_id and classes_drawn, names between ';': others were not drawn",
    )
    verb.add_argument(
        "--archive",
        dest="part_mib",
        type=int,
        nargs="?",
        const=32,
        default=argparse.SUPPRESS,
        metavar="MIB",
        help="write an archive of small parts to carry elsewhere, each of at most so many MiB (32)",
    )
    add_overwrite(verb)
    return verb


def add_check(verbs: Verbs) -> ArgumentParser:
    """The flags of `alcseg check`."""
    verb = new_verb(
        verbs,
        "check",
        "look for faults in a dataset before hours are spent on it",
        "Grades: ok, repairable, fatal. Exit code 4 if anything is fatal or still to be repaired.",
    )
    verb.add_argument("dataset", metavar="DATASET", help="dataset folder")
    verb.add_argument("--fix", action="store_true", help="repair what can be repaired in place")
    return verb


def add_raters(verbs: Verbs) -> ArgumentParser:
    """The flags of `alcseg raters`."""
    verb = new_verb(
        verbs,
        "raters",
        "tell how each of several readers draws: bias in mm, Dice, pairs",
        "`import` does the same into the folder raters/ of the dataset that it makes.",
    )
    verb.add_argument("dataset", metavar="DATASET", help="dataset folder with labels of several readers")
    add_output(verb, what="folder for raters.csv, rater_pairs.csv, rater_cases.csv and report.html")
    return verb


def add_corrupt(verbs: Verbs) -> ArgumentParser:
    """The flags of `alcseg corrupt`."""
    verb = new_verb(
        verbs,
        "corrupt",
        "simulate label noise on the training cases",
        "Writes a new dataset with noise.json; clean labels are kept in labelsClean/ for evaluation only.",
    )
    verb.formatter_class = _NoiseHelpFormatter
    verb.epilog = _NOISE_MODELS
    verb.add_argument("dataset", metavar="DATASET", help="dataset folder with clean labels")
    verb.add_argument("target", metavar="DST", help="dataset folder to make")
    which = verb.add_argument_group("which cases keep their clean label").add_mutually_exclusive_group(
        required=True
    )
    which.add_argument("--hq-fraction", type=fraction, metavar="F", help="a drawn share")
    which.add_argument("--hq-first", type=int, metavar="N", help="the first N in the order of the dataset")
    which.add_argument("--hq-list", metavar="FILE", help="the case ids in a text file, one a line")
    verb.add_argument("--model", default="cube", help="kind of noise, see the list below")
    verb.add_argument(
        "--size",
        type=number,
        nargs=2,
        metavar=("LO", "HI"),
        action=AsTuple,
        help="range of the amount; without it the model's own, see the list below",
    )
    verb.add_argument(
        "--unit",
        choices=("voxel", "mm", "percent"),
        help="unit of --size (default: voxel for ball and cube, else mm, percent where there is no other)",
    )
    verb.add_argument(
        "--keep-nonempty",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="do less where a class would vanish",
    )
    verb.add_argument(
        "--run", metavar="RUN", help="with --model network: the run whose predictions are the noise"
    )
    add_seed(verb, "the noise, mixed with each case id")
    add_workers(verb, "processes beside this one; 0 works in this one")
    add_overwrite(verb)
    return verb
