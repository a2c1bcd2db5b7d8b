"""The claims, tables and figures of one paper, that of ALC (arXiv:2503.12218), held against our runs."""
