"""Command lines with hostile, unlucky or merely odd inputs, one kind a module; `benchmarks/trials.py` runs them."""
