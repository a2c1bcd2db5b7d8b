"""Many spoiled files at every reader: `python benchmarks/fuzz_doors.py [DOOR ...] [--inputs N] [--seed S]`.

The doors are those of `tests/fuzz/doors.py`; `--records` adds the records that lie in a folder, such as one
that `benchmarks/trials.py --stage DIR` made. Prints inputs, seconds, and each way of being wrong once.
`--atheris` lets coverage choose the bytes of one door instead (pip install atheris).
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from alcseg.errors import AlcsegError
from fuzz.doors import DOORS, Door, attack, record_doors


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

    atheris.instrument_all()
    atheris.Setup([sys.argv[0], f"-runs={inputs}", str(root / "seeds")], one)
    atheris.Fuzz()


def main() -> None:
    """Fuzz the doors and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("doors", nargs="*")
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--records", type=Path)
    parser.add_argument("--atheris", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("error")
    if options.atheris:
        guided(options.doors[0], options.inputs)
        return
    doors = DOORS | (record_doors(options.records) if options.records else {})
    print("| door | inputs | wrong | s | slowest, s |\n|---|---:|---:|---:|---:|")
    for name in options.doors or doors:
        for what, count in fuzz(name, doors[name], options.inputs, options.seed).items():
            print(f"  {count} times {what}")


if __name__ == "__main__":
    main()
