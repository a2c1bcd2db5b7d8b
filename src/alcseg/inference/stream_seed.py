"""Seeds of draws that have to be the same wherever and in whatever order they are made."""

import hashlib

__all__ = ["stream_seed"]


def stream_seed(*key: int | str) -> int:
    """A seed below 2^63 that depends on every part of `key` and on nothing else."""
    digest = hashlib.sha256("\x00".join(str(part) for part in key).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
