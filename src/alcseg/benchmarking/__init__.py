"""Benchmarks: a plan of datasets, rows and seeds becomes runs, each trained, predicted and scored once."""
