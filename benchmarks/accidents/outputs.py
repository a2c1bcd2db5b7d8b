"""Outputs that cannot be written as they are named, and names that lead elsewhere."""

import random
from pathlib import Path

from accidents.damage import MORE, WRITES
from accidents.trial import COMMANDS, DONE, WRONG_USE, Trial

VERBS = (
    "import",
    "corrupt",
    "train",
    "predict",
    "correct",
    "evaluate",
    "report",
    "report of a run",
    "review --export",
    "review --apply",
    "audit",
)


def _write(root: Path, rng: random.Random) -> None:
    (root / "out").mkdir()
    (root / "out/mine.txt").write_text("precious")


def _file(root: Path, rng: random.Random) -> None:
    (root / "out").write_text("precious")


def _linked(root: Path, rng: random.Random) -> None:
    (root / "outside").mkdir()
    (root / "out").symlink_to("outside")


def _full_link(root: Path, rng: random.Random) -> None:
    _linked(root, rng)
    (root / "outside/mine.txt").write_text("precious")


USE, ELSE = WRONG_USE, frozenset({2, 4, 5})
KINDS = {
    "is not empty": ("{root}/out", _write, USE, "out/nothing"),
    "is not empty and --overwrite": ("{root}/out --overwrite", _write, DONE, "out"),
    "is a file": ("{root}/out", _file, USE, "nothing"),
    "lies below a file": ("{root}/out/deeper", _file, ELSE, "nothing"),
    "is a link to an empty folder": ("{root}/out", _linked, DONE, "outside"),
    "is a link to a full folder": ("{root}/out", _full_link, USE, "nothing"),
    "is a link to itself": ("{root}/out", lambda root, rng: (root / "out").symlink_to("out"), ELSE, "nothing"),
    "is a link to nowhere": ("{root}/out", lambda root, rng: (root / "out").symlink_to("nowhere"), ELSE | DONE, "nowhere"),
    "has no name": ("''", lambda root, rng: None, USE, "nothing"),
    "is the root": ("/", lambda root, rng: None, USE, "nothing"),
    "has a very long name": ("{root}/" + "x" * 300, lambda root, rng: None, ELSE, "nothing"),
    "is a device": ("/dev/null", lambda root, rng: None, ELSE, "nothing"),
    "is in /proc": ("/proc/out", lambda root, rng: None, ELSE, "nothing"),
    "lies deep in folders that are not there": ("{root}/out/a/b/c", lambda root, rng: None, DONE, "out"),
    "holds odd signs": ("{root}/out\u00fc&(1)", lambda root, rng: None, DONE, "out"),
    "is the input": (None, lambda root, rng: None, frozenset({2, 4}), "nothing"),
    "is the input and --overwrite": (None, lambda root, rng: None, frozenset({2, 4}), "nothing"),
}  # fmt: skip


def trials(rng: random.Random) -> list[Trial]:
    """Each verb with each kind of output, and case names that would write elsewhere."""
    found = []
    for verb in VERBS:
        for kind, (place, spoil, codes, may) in KINDS.items():
            form = COMMANDS[verb].replace("--out {audit}", "--out {out}")
            if verb in ("train", "audit") and kind in (
                "is the input",
                "is the input and --overwrite",
                "is not empty and --overwrite",
            ):
                continue
            if verb == "audit" and codes == DONE:  # half a minute each
                continue
            source = next(word for word in form.split() if word.startswith("{") and word != "{out}")
            target = place or (source + (" --overwrite" if "overwrite" in kind else ""))
            words = form.replace("{out}", target).split()
            words = tuple("" if word == "''" else word for word in words)
            found.append(Trial(verb, f"the output {kind}", words, codes, spoil, (may, *WRITES.get(verb, ()))))
    for name in (
        "../x",
        "/tmp/x",
        "a/b",
        "..",
        ".hidden",
        "=1+1",
        "@x",
        "x\\y",
        "x\ty",
        " x",
        "x ",
        "x" * 300,
        "CON",
        "x:y",
        "",
        "\u202ex",
        "-x",
    ):
        for verb, form, change in (
            ("predict", MORE["predict list"].replace("FILE", "cases.csv"), _name_in_list),
            ("import", MORE["import phantoms"], _name_in_cases),
            ("check", COMMANDS["check"], _name_in_cases),
        ):
            codes = frozenset(
                {4} if name.strip(" \t") == name != "" or verb != "predict" else {0, 4}
            )  # blanks around a cell, and rows without a name, which get that of their image
            found.append(
                Trial(verb, f"a case called {name[:20]!r}", tuple(form.split()), codes, change(name))
            )
    return found


def _name_in_list(name: str):
    def spoil(root: Path, rng: random.Random) -> None:
        path = root / "lists/cases.csv"
        path.write_text(path.read_text().replace("n1,", f"{name},"))

    return spoil


def _name_in_cases(name: str):
    def spoil(root: Path, rng: random.Random) -> None:
        for path in root.glob("*/cases.csv"):
            path.write_text(path.read_text().replace("phantom_003,", f"{name},"))

    return spoil
