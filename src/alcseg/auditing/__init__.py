"""Which labels are wrong: evidence from networks that never saw them, simulated errors, a judge of these.

Needs no trusted labels and no deep-learning library; docs/explanation/audit.md derives it.
"""
