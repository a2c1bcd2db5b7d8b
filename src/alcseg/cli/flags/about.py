"""The flags of the verbs that tell of alcseg itself, and of the demo."""

import argparse
from argparse import ArgumentParser

from alcseg.cli.flags.shared import Verbs, add_device, add_output, add_seed, add_workers, new_verb

__all__ = ["add_cache", "add_demo", "add_doctor", "add_methods"]


def add_demo(verbs: Verbs) -> ArgumentParser:
    """The flags of `alcseg demo`."""
    verb = new_verb(
        verbs,
        "demo",
        "show the whole way on generated phantoms",
        "Generates phantoms, corrupts labels, trains, corrects, evaluates, writes report.html; on a CPU.",
    )
    add_output(verb, what="folder for everything the demo makes")
    add_seed(verb, "phantoms, label noise and training")
    add_device(verb)
    add_workers(verb, "processes beside this one")
    return verb


def add_methods(verbs: Verbs) -> ArgumentParser:
    """The flags of `alcseg methods`."""
    verb = new_verb(verbs, "methods", "list the training methods, or every setting of one")
    verb.add_argument("name", nargs="?", default=argparse.SUPPRESS, metavar="NAME", help="a method")
    return verb


def add_cache(verbs: Verbs) -> ArgumentParser:
    """The flags of `alcseg cache`."""
    verb = new_verb(
        verbs,
        "cache",
        "say what preprocessed cases take on disk, and remove what no training uses",
        "What was removed is made anew by the training that needs it.",
    )
    verb.add_argument(
        "folder", nargs="?", default=".", metavar="DIR", help="folder of runs, or the cache itself"
    )
    verb.add_argument("--prune", action="store_true", help="remove what is not in use, the oldest first")
    verb.add_argument(
        "--keep-gib", type=float, default=0.0, metavar="GIB", help="with --prune: size that may stay"
    )
    return verb


def add_doctor(verbs: Verbs) -> ArgumentParser:
    """The flags of `alcseg doctor`."""
    return new_verb(
        verbs,
        "doctor",
        "say what this machine can do and what is missing",
        "Exit code 5 if something needed is missing.",
    )
