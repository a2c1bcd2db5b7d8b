"""Kills, full disks, lost inputs and second processes at many points of every verb: nothing is lost.

`python -m pytest tests/faults -m slow -q` counts the trials, verb by verb.
"""

import gzip
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults.children import Ended, Fault, Kind, Running
from faults.verbs import VERBS, Verb

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

Record = Callable[[str, object], None]

_POINTS = {"kill": 8, "stop": 4, "full": 4, "read-only": 2, "vanish": 4}
_ENDS = {"kill": -9, "stop": 130}
_FEW = 2
"""Points of a verb that takes long, whatever happens."""


class Trials:
    """All trials of one verb with one kind of fault.

    Args:
        name: Of the verb.
        inputs: Its inputs.
        folder: For everything else.
        room: Folder that outputs are written into, each in a sandbox of its own.
    """

    def __init__(self, name: str, inputs: Path, folder: Path, room: Path | None = None) -> None:
        self.verb: Verb = VERBS[name]
        self.name, self.inputs, self.folder = name, inputs, folder
        self.room = folder / "room" if room is None else room
        self.wrong: list[str] = []
        self.count = 0
        for each in (self.room, folder / "notes"):
            each.mkdir(exist_ok=True)
        self.known = content(inputs)
        self.sandbox = self.room / "clean"
        self.sandbox.mkdir()
        self.clean = self.call()
        assert self.clean.code == 0, self.clean.err
        self.whole = results(self.sandbox / "out")

    def call(self, *more: str, fault: Fault | None = None) -> Ended:
        """The command, to its end."""
        return self.start(*more, fault=fault).wait()

    def start(self, *more: str, fault: Fault | None = None) -> Running:
        """The command."""
        words = self.verb.command(self.inputs, self.sandbox / "out", *more)
        return Running(words, self.sandbox, self.folder / "notes", fault, self.inputs)

    def points(self, kind: Kind, last: int) -> list[int]:
        """Numbers spread over all changes that the command makes, the first and the last among them."""
        count = min(_FEW if self.verb.minutes else _POINTS[kind], last)
        return sorted({1 + round(number * (last - 1) / max(count - 1, 1)) for number in range(count)})

    def begin(self, name: str, *, old: bool) -> None:
        """Another trial, in an empty sandbox or on an old output."""
        self.count += 1
        self.sandbox = self.room / f"{self.count}-{name}"
        self.sandbox.mkdir()
        if old:
            shutil.copytree(self.room / "clean" / "out", self.sandbox / "out")

    def expect(self, right: bool, what: str, ended: Ended) -> bool:
        """Note what is not as it should be."""
        if not right:
            said = " | ".join(ended.err.strip().splitlines()[-3:])
            self.wrong.append(f"{self.sandbox.name}: {what}; exit {ended.code}: {said:.600}")
        return right

    def expect_words(self, ended: Ended, *codes: int) -> None:
        """One line and no trace for one of these exit codes; nothing for a process that is gone."""
        line = ended.err.strip().splitlines()[-1] if ended.err.strip() else ""
        well = ended.code in codes and "Traceback" not in ended.err and ".partial-" not in line
        self.expect(well and (ended.code <= 0 or ":" in line or "Interrupted" in line), f"of {codes}", ended)

    def expect_whole(self) -> None:
        """The same command ends well, gives the same, and leaves nothing else anywhere.

        An output that was finished when the fault came is refused without --overwrite, as ever.
        """
        done = self.verb.overwrites and results(self.sandbox / "out") == self.whole
        ended = self.call(*(["--overwrite"] if done else []))
        if self.expect(ended.code == 0, "the same command does not work", ended):
            self.expect_result(ended)

    def expect_result(self, ended: Ended) -> None:
        """What is there is what a call that nothing happened to gives."""
        found = results(self.sandbox / "out")
        odd = sorted(
            name for name in found.keys() | self.whole.keys() if found.get(name) != self.whole.get(name)
        )
        self.expect(not odd, f"another result: {odd[:4]}", ended)
        self.expect_clean(ended)

    def expect_clean(self, ended: Ended) -> None:
        """Nothing unfinished, nothing outside, inputs as they were."""
        hidden = (path.name for path in self.sandbox.rglob(".*"))
        left = [
            name for name in hidden if name.startswith((".partial-", ".replaced-")) or name.endswith(".lock")
        ]
        beside = {path.name for path in self.sandbox.iterdir()} - {"out", ".alcseg-cache"}
        self.expect(not left and not beside, f"left: {left} {beside}", ended)
        self.expect(content(self.inputs) == self.known, "inputs have changed", ended)

    def end(self, fault: str, record: Record) -> None:
        """Tell the figures, and fail where one was wrong."""
        lost = len({line.partition(":")[0] for line in self.wrong})
        for key, value in (
            ("verb", self.name),
            ("fault", fault),
            ("trials", self.count),
            ("right", self.count - lost),
        ):
            record(key, value)
        assert not self.wrong, "\n" + "\n".join(self.wrong)


def content(folder: Path) -> dict[str, bytes]:
    """All files; those of a database that is only read belong to it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def results(out: Path) -> dict[str, bytes]:
    """Names of all files, and what is in those that hold no times, as far as it does not depend on them."""
    found = {}
    for name, data in content(out).items():
        last = name.rpartition("/")[2]
        if last.startswith("events.") or last == "previous.ckpt" or "/.alcseg-cache/" in f"/{name}":
            continue
        if last.endswith(".nii.gz"):
            found[name] = gzip.decompress(data)
        else:
            found[name] = data if last.endswith((".safetensors", ".npy")) else b""
    return found


@pytest.mark.parametrize("name", VERBS)
@pytest.mark.parametrize("kind", ["kill", "stop"])
def test_a_process_that_is_ended_anywhere_loses_nothing(
    name: str, kind: Kind, inputs: Path, tmp_path: Path, record_property: Record
) -> None:
    trials = Trials(name, inputs, tmp_path)
    ends = (_ENDS[kind], 0)  # fewer changes may be made than before, which depends on time
    for point in trials.points(kind, trials.clean.points):
        trials.begin(f"at-{point}", old=False)
        trials.expect_words(trials.call(fault=Fault(kind, point)), *ends)
        trials.expect_whole()
    trials.end(kind, record_property)


@pytest.mark.parametrize("name", [name for name, verb in VERBS.items() if verb.overwrites])
@pytest.mark.parametrize("kind", ["kill", "stop"])
def test_a_process_that_is_ended_anywhere_leaves_the_old_output_or_the_new(
    name: str, kind: Kind, inputs: Path, tmp_path: Path, record_property: Record
) -> None:
    trials = Trials(name, inputs, tmp_path)
    trials.begin("uncounted", old=True)
    trials.count -= 1
    again = trials.call("--overwrite")
    assert again.code == 0, again.err
    ends = (_ENDS[kind], 0)  # fewer changes may be made than before, which depends on time
    for point in trials.points(kind, again.points):
        trials.begin(f"at-{point}", old=True)
        (trials.sandbox / "out" / "mine.txt").write_text("old")
        ended = trials.call("--overwrite", fault=Fault(kind, point))
        trials.expect_words(ended, *ends)
        kept = [path for path in trials.sandbox.rglob("*") if path.name in ("DONE", "mine.txt", "out")]
        trials.expect(bool(kept), "neither the old nor a new one is there", ended)
        again = trials.call("--overwrite")
        if trials.expect(again.code == 0, "--overwrite does not work again", again):
            (trials.sandbox / "out" / "mine.txt").unlink(missing_ok=True)
            trials.expect_result(again)
    trials.end(f"{kind} --overwrite", record_property)


@pytest.mark.parametrize("name", VERBS)
@pytest.mark.parametrize("kind", ["full", "read-only"])
def test_a_disk_that_takes_nothing_more_is_one_line(
    name: str, kind: Kind, inputs: Path, tmp_path: Path, record_property: Record
) -> None:
    trials = Trials(name, inputs, tmp_path)
    for point in trials.points(kind, trials.clean.points):
        trials.begin(f"at-{point}", old=False)
        ended = trials.call(fault=Fault(kind, point))
        if ended.code != 0:  # what was left was removal
            trials.expect_words(ended, 5)
        trials.expect_whole()
    trials.end(kind, record_property)


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Make small disks in memory, where this user may."""
    made: list[Path] = []

    def make(size: int) -> Path:
        place = tmp_path / f"disk-{len(made)}"
        place.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
        if (
            shutil.which("mount") is None
            or subprocess.run(words, capture_output=True, check=False).returncode
        ):
            pytest.skip("this user cannot mount a disk")
        made.append(place)
        return place

    yield make
    for place in made:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("name", VERBS)
def test_a_disk_that_is_too_small_is_one_line(
    name: str, inputs: Path, tmp_path: Path, record_property: Record, mount: Callable[[int], Path]
) -> None:
    trials = Trials(name, inputs, tmp_path)
    needs = sum(path.stat().st_blocks * 512 for path in trials.sandbox.rglob("*") if path.is_file())
    for share in (0.4, 0.8) if VERBS[name].minutes else (0.1, 0.4, 0.7, 0.9):
        trials.begin(f"{share}", old=False)
        trials.sandbox = mount(max(int(needs * share), 8192))
        trials.expect_words(trials.call(), 5, *([3] if VERBS[name].goes_on else []))
        subprocess.run(["mount", "-o", f"remount,size={10 * needs + 2**26}", str(trials.sandbox)], check=True)
        trials.expect_whole()
    trials.end("small disk", record_property)


@pytest.mark.parametrize("name", [name for name in VERBS if name != "demo"])
def test_an_input_that_vanishes_is_one_line(
    name: str, own_inputs: Path, tmp_path: Path, record_property: Record
) -> None:
    trials = Trials(name, own_inputs, tmp_path)
    trials.begin("uncounted", old=False)
    trials.count -= 1
    for point in trials.points("vanish", trials.call(fault=Fault("vanish", 10**9)).points):
        trials.begin(f"at-{point}", old=False)
        ended = trials.call(fault=Fault("vanish", point))
        if (gone := own_inputs.with_name("vanished")).exists():
            (name_of,) = set(trials.known) - set(content(own_inputs))
            os.rename(gone, own_inputs / name_of)
        if ended.code != 0:  # a file that was read before
            named = str(own_inputs / name_of) in VERBS[name].command(own_inputs, trials.sandbox)
            trials.expect_words(ended, 3, 4, *([2] if named else []))
        if ended.code not in (0, 3):  # with 3 the others are done
            trials.expect_whole()
    trials.end("vanished input", record_property)


@pytest.mark.parametrize("name", VERBS)
@pytest.mark.parametrize("overwrite", [False, True])
def test_two_processes_do_not_disturb_each_other(
    name: str, overwrite: bool, inputs: Path, tmp_path: Path, record_property: Record
) -> None:
    more = ["--overwrite"] if overwrite and VERBS[name].overwrites else []
    trials = Trials(name, inputs, tmp_path)
    for number in range(1 if VERBS[name].minutes else 2):
        trials.begin(f"pair-{number}", old=overwrite)
        both = [one.wait() for one in [trials.start(*more), trials.start(*more)]]
        first, second = sorted(both, key=lambda ended: ended.code)
        trials.expect_words(first, 0)
        trials.expect_words(second, 0, 2)
        if second.code == 2:
            trials.expect("another alcseg" in second.err or "--overwrite" in second.err, "told why", second)
        trials.expect_result(first)
    trials.end("two processes" + " --overwrite" * bool(more), record_property)
