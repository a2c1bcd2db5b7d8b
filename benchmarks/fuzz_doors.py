"""Many spoiled files at every reader: `python benchmarks/fuzz_doors.py [DOOR ...] [--inputs N] [--seed S]`.

The doors are those of `tests/fuzz/doors.py`; `--records` adds the records that lie in a folder, such as one
that `benchmarks/trials.py --stage DIR` made. Prints inputs, seconds, and each way of being wrong once.
`--rounds 20 --done FILE` goes through the doors with as many seeds, notes each door in the file, and goes on
after those that stand there when it is called again.
`--atheris` lets coverage choose the bytes of one door instead (pip install atheris).
"""

import argparse
import csv
import gc
import random
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from types import FunctionType

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from alcseg.errors import AlcsegError
from fuzz.doors import DOORS, Door, attack, record_doors

READERS = ("alcseg.", "nibabel.", "nrrd.", "pydicom.")
"""Packages whose lines count as new ground where coverage chooses."""


def fuzz(name: str, door: Door, inputs: int, seed: int) -> Counter[str]:
    """Attack one door so many times; complaints with how often each came."""
    found: Counter[str] = Counter()
    start, slowest = time.monotonic(), 0.0
    with tempfile.TemporaryDirectory() as root:
        for number in range(inputs):
            folder = Path(root) / "x"
            folder.mkdir()
            begun = time.monotonic()
            if said := attack(door, folder, random.Random(f"{seed} {name} {number}")):
                said = said.replace(str(folder), "")
                found[said.partition(": ")[2][:120]] += 1
                print(f"  {name} {number}: {said}", file=sys.stderr, flush=True)
            slowest = max(slowest, time.monotonic() - begun)
            shutil.rmtree(folder)
    seconds = time.monotonic() - start
    print(f"| {name} | {inputs} | {sum(found.values())} | {seconds:.0f} | {slowest:.2f} |", flush=True)
    return found


class Done:
    """Table of the doors that are done, by name and seed.

    Args:
        path: Its file; None for none.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        rows = csv.reader(path.read_text().splitlines() if path and path.exists() else ())
        self._known = {(name, int(seed)) for name, seed, *_ in rows}

    def __contains__(self, one: tuple[str, int]) -> bool:
        return one in self._known

    def add(self, name: str, seed: int, inputs: int, wrong: int) -> None:
        """Note one."""
        if self._path:
            with self._path.open("a", newline="") as stream:
                csv.writer(stream).writerow([name, seed, inputs, wrong])


def guided(name: str, inputs: int) -> None:
    """Let atheris find bytes that reach new lines of the reader."""
    import atheris

    door = DOORS[name]
    root = Path(tempfile.mkdtemp())
    (root / "good").mkdir()
    (root / "seeds").mkdir()
    door.make(root / "good")
    shutil.copy(root / "good" / door.file, root / "seeds/good")

    def one(data: bytes) -> None:
        (root / "good" / door.file).write_bytes(data)
        try:
            door.read(root / "good" / door.file)
        except AlcsegError as error:
            if error.exit_code == 1:
                raise RuntimeError("a fault is no answer") from error

    for function in gc.get_objects():  # atheris.instrument_all takes minutes, for torch and its like
        if type(function) is FunctionType and str(function.__module__).startswith(READERS):
            atheris.instrument_func(function)
    atheris.Setup([sys.argv[0], f"-runs={inputs}", str(root / "seeds")], one)
    atheris.Fuzz()


def main() -> None:
    """Fuzz the doors and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("doors", nargs="*")
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=1, help="so many seeds, from --seed on")
    parser.add_argument("--done", type=Path, help="table of what is done: door, seed, inputs, wrong")
    parser.add_argument("--records", type=Path)
    parser.add_argument("--atheris", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("error")
    if options.atheris:
        guided(options.doors[0], options.inputs)
        return
    doors = DOORS | (record_doors(options.records) if options.records else {})
    print("| door | inputs | wrong | s | slowest, s |\n|---|---:|---:|---:|---:|")
    done = Done(options.done)
    for seed in range(options.seed, options.seed + options.rounds):
        for name in options.doors or doors:
            if (name, seed) in done:
                continue
            found = fuzz(name, doors[name], options.inputs, seed)
            done.add(name, seed, options.inputs, sum(found.values()))
            for what, count in found.items():
                print(f"  {count} times {what}")


if __name__ == "__main__":
    main()
