"""What the flags of several verbs have in common; imports nothing heavy."""

import argparse
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any, TypeAlias

from alcseg.cli.values import whole

__all__ = [
    "PRINT_OPTIONS",
    "HelpFormatter",
    "Verbs",
    "add_as",
    "add_device",
    "add_engine",
    "add_launcher",
    "add_output",
    "add_overwrite",
    "add_passes",
    "add_print_options",
    "add_seed",
    "add_set",
    "add_workers",
    "new_verb",
]

PRINT_OPTIONS = ("json", "verbose", "quiet", "debug")
"""Options of the command line itself; every other one belongs to the verb's function."""

Verbs: TypeAlias = "argparse._SubParsersAction[Any]"
"""To which the parser of a verb is added."""


class HelpFormatter(argparse.HelpFormatter):
    """Help that states a default where there is one to state."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        default = action.default
        if isinstance(default, tuple):
            return f"{action.help} (default: {' '.join(map(str, default))})"
        stated = isinstance(default, str | int | float) and not isinstance(default, bool)
        if stated and default != argparse.SUPPRESS:
            return f"{action.help} (default: %(default)s)"
        return action.help


def new_verb(verbs: Verbs, name: str, summary: str, description: str = "") -> ArgumentParser:
    """A parser of a verb, with its one line in the list of verbs."""
    parser: ArgumentParser = verbs.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}. {description}".strip(),
        allow_abbrev=False,
        formatter_class=HelpFormatter,
    )
    return parser


def add_print_options(verb: ArgumentParser) -> None:
    """Add what every verb has."""
    group = verb.add_argument_group("output on the terminal")
    group.add_argument("--json", action="store_true", help="print the result as one JSON document")
    group.add_argument("-v", "--verbose", action="store_true", help="say more on stderr")
    group.add_argument("-q", "--quiet", action="store_true", help="only warnings and errors on stderr")
    group.add_argument("--debug", action="store_true", help="show the trace of an error")


def add_output(verb: ArgumentParser, *, what: str) -> None:
    """Where a verb writes, and whether it may replace what is there."""
    verb.add_argument("--out", metavar="DIR", required=True, help=what)
    add_overwrite(verb)


def add_overwrite(verb: ArgumentParser) -> None:
    """Whether a verb may replace what its output folder holds."""
    verb.add_argument("--overwrite", action="store_true", help="replace what the output folder holds")


def add_seed(verb: ArgumentParser, what: str) -> None:
    """The seed of whatever a verb draws."""
    verb.add_argument("--seed", type=whole(0), default=0, metavar="N", help=f"seed of {what}")


def add_device(verb: ArgumentParser) -> None:
    """Where the network runs."""
    verb.add_argument("--device", default="auto", metavar="auto|cpu|cuda[:i]", help="where the network runs")


def add_engine(verb: ArgumentParser, *, by_default: str = "OpenVINO where it is installed") -> None:
    """What computes the network's answers."""
    verb.add_argument(
        "--engine",
        default="auto",
        choices=("auto", "fastest", "torch", "folded", "openvino"),
        help=f"what computes predictions on a CPU: by default {by_default}; labels differ by rounding alone",
    )


def add_as(verb: "argparse._ActionsContainer", what: str, *, default: str | None = "nifti") -> None:
    """In which format label maps are written."""
    verb.add_argument(
        "--as",
        dest="as_format",
        default=default,
        metavar="FORMAT",
        help=f"{what}: nifti, seg.nrrd, nrrd, mha, mgz, dicom-seg or bids",
    )
    verb.add_argument(
        "--series", metavar="DIR", help="with --as dicom-seg: DICOM series that the images were made of"
    )
    verb.add_argument(
        "--labelmap", action="store_true", help="with --as dicom-seg: the type LABELMAP, not BINARY"
    )


def add_passes(verb: ArgumentParser) -> None:
    """How many perturbed predictions are made."""
    verb.add_argument("--passes", type=int, default=4, metavar="T", help="perturbed predictions per case")


def add_workers(verb: ArgumentParser, what: str) -> None:
    """How many processes help."""
    verb.add_argument("--workers", type=whole(0), default=0, metavar="N", help=what)


def add_set(verb: ArgumentParser) -> None:
    """Single settings of a training."""
    verb.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="single settings of the training; repeatable",
    )


def add_launcher(verb: ArgumentParser, jobs: str, read: Callable[[str], int | str] = int) -> None:
    """How trainings are started, and how many side by side: what that says and how it is read."""
    verb.add_argument(
        "--launcher", default="local", choices=("local", "slurm"), help="this machine, or jobs of SLURM"
    )
    verb.add_argument("--jobs", type=read, metavar="N", help=jobs)
    verb.add_argument(
        "--slurm",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="what submitit passes to SLURM, such as partition=gpu gpus_per_node=1 timeout_min=600",
    )
