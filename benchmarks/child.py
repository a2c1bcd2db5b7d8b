"""What a process of Python costs."""

import os
import subprocess
import sys

__all__ = ["cost"]


def cost(*words: str, **environment: str) -> tuple[float, float]:
    """CPU seconds of a process of one thread, with those of its children, and MiB of the largest of them.

    Args:
        words: After `python`.
        environment: Beside that of this process.
    """
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    child = subprocess.Popen(
        [sys.executable, *words],
        env=os.environ | threads | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert child.stderr is not None
    said = child.stderr.read().decode()
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"failed: {words}\n{said}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
