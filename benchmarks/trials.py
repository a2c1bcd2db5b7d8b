"""How commands answer bad luck and bad will: `python benchmarks/trials.py [--seed N] [--only WORD]`.

Each trial spoils a copy of a small stage (datasets, a run, an audit, a benchmark), calls a command line on it
in a process of its own, and looks whether it was answered as documented (`tests/fuzz/answered.py`). Prints a
table per verb; `--out` gets a JSON line per complaint. For older sources set PYTHONPATH to their `src`.
"""

import argparse
import contextlib
import importlib
import io
import json
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from zlib import crc32

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "tests")]

from accidents import damage, flags, headers, odd, outputs, records
from accidents.stage import SAME, SMALL, make_stage
from accidents.trial import Trial

import alcseg
from fuzz.answered import KINDS, SECONDS, Answer, complaints, contents

MODULES = (damage, flags, headers, odd, outputs, records)


def run(trial: Trial, stage: Path, seed: int) -> list[tuple[str, str]]:
    """What is wrong with the answer to a trial."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        text = " ".join(trial.words)
        for one in stage.iterdir():
            if f"{{{one.name}}}" in text or (one.name in ("new",) and "{lists}" in text):
                shutil.copytree(one, root / one.name, symlinks=True)
        fork = multiprocessing.get_context("fork")
        receiver, sender = fork.Pipe(duplex=False)
        process = fork.Process(target=_work, args=(trial, root, stage, seed, sender))
        start = time.monotonic()
        process.start()
        sender.close()
        found = receiver.recv() if receiver.poll(SECONDS + 30) else None
        if found is None:
            process.kill()
            found = [("no answer in time", f"{time.monotonic() - start:.0f} s")]
        process.join()
        return found


def _work(trial: Trial, root: Path, stage: Path, seed: int, sender: Connection) -> None:
    """In the process of the trial: spoil, call, look."""
    os.chdir(root)
    rng = random.Random(f"{seed} {trial.verb} {trial.name}")
    try:
        trial.spoil(root, rng)
    except Exception:  # noqa: BLE001 - a trial that cannot be made is no answer of alcseg
        sender.send([("no trial", traceback.format_exc(limit=3))])
        return
    names = {one.name: one for one in root.iterdir()} | {"out": root / "out", "root": root}
    words = [part for word in trial.words for part in _fill(word, names)]
    before = _seen(root)
    out, err = io.StringIO(), io.StringIO()
    start, code, raised = time.monotonic(), None, ""
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        from alcseg.cli import main

        try:
            code = main([*words, "-q"])
        except BaseException:  # noqa: BLE001 - whatever comes out of the door is looked for
            raised = traceback.format_exc(limit=-3)
    answer = Answer(code, out.getvalue(), err.getvalue(), raised, time.monotonic() - start)
    found = complaints(answer, trial.codes, before, _seen(root), ("out", ".alcseg-cache", *trial.writes))
    if code == 0 and (dropped := trial.look(root, stage)):
        found.append(("data lost", dropped))
    sender.send(found)


def _fill(word: str, names: dict[str, Path]) -> list[str]:
    if word in ("{same}", "{small}"):
        return (SAME if word == "{same}" else SMALL).split()
    for name, path in names.items():
        word = word.replace(f"{{{name}}}", str(path))
    return [word]


def _seen(root: Path) -> dict[str, bytes]:
    return {name: crc32(raw).to_bytes(4, "big") for name, raw in contents(root).items()}


def main() -> None:
    """Run the trials and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="trials whose verb or name holds this")
    parser.add_argument("--part", default="0/1", help="K/N: every N-th trial from the K-th on")
    parser.add_argument("--stage", type=Path, help="folder of the stage; made where it is not there")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    trials = [trial for module in MODULES for trial in module.trials(rng)]
    part, parts = map(int, options.part.split("/"))
    trials = [one for one in trials[part::parts] if options.only in f"{one.verb}: {one.name}"]
    trials = [one for one in trials if find_spec("alcseg.reviewing") or not one.verb.startswith("review")]
    stage = (options.stage or Path(tempfile.mkdtemp()) / "stage").resolve()
    if not stage.exists():
        maker = multiprocessing.get_context("spawn").Process(target=make_stage, args=(stage,))
        maker.start()
        maker.join()
    for module in (
        "benchmarking.command",
        "commands.audit",
        "commands.correct",
        "training.fit",
        "reviewing.command",
    ):
        with contextlib.suppress(
            ModuleNotFoundError
        ):  # every trial has it then; older sources have no review
            importlib.import_module(f"alcseg.{module}")
    tried: Counter[str] = Counter()
    wrong: Counter[tuple[str, str]] = Counter()
    with open(options.out or os.devnull, "w") as log:
        for number, trial in enumerate(trials):
            found = run(trial, stage, options.seed)
            tried[trial.verb] += 1
            for kind in {kind for kind, _ in found} or {"as documented"}:
                wrong[trial.verb, kind] += 1
            for kind, what in found:
                line = {
                    "verb": trial.verb,
                    "name": trial.name,
                    "kind": kind,
                    "what": what,
                    "words": " ".join(trial.words),
                }
                print(json.dumps(line), file=log, flush=True)
            print(f"\r{number + 1} of {len(trials)}", end="", file=sys.stderr)
    columns = ["as documented", *KINDS]
    print(f"\n{alcseg.__file__}, seed {options.seed}\n| verb | trials | {' | '.join(columns)} |")
    print("|---|" + "---:|" * (len(columns) + 1))
    for verb in sorted(tried):
        print(f"| {verb} | {tried[verb]} | {' | '.join(str(wrong[verb, kind]) for kind in columns)} |")
    totals = [sum(count for (_, one), count in wrong.items() if one == kind) for kind in columns]
    print(f"| all | {sum(tried.values())} | {' | '.join(map(str, totals))} |")


if __name__ == "__main__":
    main()
