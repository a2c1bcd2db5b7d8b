"""What notebooks show of the objects: a picture, a few facts and a short table; one module per object.

Each has `figure`, which `.plot()` returns, and `html`, which `_repr_html_` returns. The objects import them
when they are shown, since drawing stands above them.
"""
