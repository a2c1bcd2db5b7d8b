"""The command line `alcseg VERB`: parse, call one function of `alcseg.commands`, print what it returns."""

from alcseg.cli.main import main

__all__ = ["main"]
