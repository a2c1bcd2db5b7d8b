"""A benchmark whose records are spoiled."""

from benchmark_folder import empty, fake

__all__ = ["empty", "fake"]
