"""Records and tables in which one value is another, a key is gone, or the text is as no program wrote it."""

import random
from pathlib import Path

from accidents.damage import MORE, WRITES
from accidents.trial import COMMANDS, DAMAGED, Trial
from fuzz.spoiling import TABLES, TEXTS, set_in_json

JSON = {
    "resume": ("half/run.json", "half/plan.json"),
    "predict": ("run/plan.json", "run/run.json"),
    "correct": ("run/run.json", "noisy/dataset.json"),
    "audit": ("audit/audit.json",),
    "check": ("noisy/dataset.json",),
    "import phantoms": ("phantoms/dataset.json",),
    "import msd": ("msd/dataset.json",),
    "evaluate": ("noisy/dataset.json", "predictions/predict.json"),
    "report": ("bench/runs/few/h_sup/seed-0/record.json", "bench/runs/few/h_sup/seed-0/eval/summary.json"),
}
CSV = {
    "check": ("noisy/cases.csv",),
    "dry run": ("noisy/cases.csv",),
    "import phantoms": ("phantoms/cases.csv",),
    "resume": ("half/metrics.csv",),
    "predict list": ("lists/cases.csv",),
    "report": ("bench/runs/few/h_sup/seed-0/eval/per_case.csv",),
    "report of a run": ("run/metrics.csv",),
    "review --export": ("correction/ranking.csv",),
    "audit": ("audit/fingerprint.csv",),
}
TEXT = {
    "check": ("noisy/dataset.json", "noisy/cases.csv"),
    "import msd": ("msd/dataset.json",),
    "import hq": ("lists/trusted.txt",),
    "predict": ("run/plan.json", "run/config.yaml", "run/run.json"),
    "predict list": ("lists/cases.csv", "lists/cases.txt"),
    "resume": ("half/run.json", "half/metrics.csv"),
    "train --config": ("lists/config.yaml",),
    "benchmark": ("bench/plan.yaml",),
    "review --import": ("exported/decisions.jsonl",),
    "report": ("bench/runs/few/h_sup/seed-0/eval/summary.json",),
}
FORMS = COMMANDS | MORE | {
    "import hq": "import {plain} {out} --hq-list {lists}/trusted.txt",
    "train --config": COMMANDS["dry run"] + " --config {lists}/config.yaml",
}  # fmt: skip
OF_USER = ("train --config", "benchmark", "import hq")
"""Where the file is what the user wrote for this command: wrong usage as well as invalid data fits."""


def trials(rng: random.Random) -> list[Trial]:
    """Ten values of each JSON record, each kind of spoiled table twice, and each kind of text."""
    found = []
    for form, files in JSON.items():
        for name in files:
            found += [_trial(form, name, f"value {number}", set_in_json) for number in range(10)]
    for form, files in CSV.items():
        for name in files:
            found += [
                _trial(form, name, f"{how} {number}", TABLES[how]) for how in TABLES for number in range(2)
            ]
    for form, files in TEXT.items():
        for name in files:
            found += [_trial(form, name, how, TEXTS[how]) for how in TEXTS]
    return found


def _trial(form: str, name: str, how: str, change) -> Trial:
    def spoil(root: Path, rng: random.Random) -> None:
        path = root / name
        new = change(path.read_text(), rng)
        path.write_bytes(new if isinstance(new, bytes) else new.encode(errors="surrogatepass"))

    words = FORMS[form].replace("FILE", name.rpartition("/")[2])
    another = name == "audit/fingerprint.csv"  # then tells of other images: another --out is due
    codes = DAMAGED | ({2} if form in OF_USER or another else set())
    verb = form.split()[0] if form.split()[0] in ("import", "predict", "train") else form
    return Trial(verb, f"{name}: {how}", tuple(words.split()), frozenset(codes), spoil, WRITES.get(form, ()))
