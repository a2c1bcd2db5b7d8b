"""The benchmark that all tests of this folder read."""

from benchmark_folder import empty, fake

__all__ = ["empty", "fake"]
