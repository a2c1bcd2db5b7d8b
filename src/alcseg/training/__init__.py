"""Fitting a method to a dataset folder, resumable."""

from alcseg.training.fit import fit

__all__ = ["fit"]
