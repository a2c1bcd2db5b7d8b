"""The guides to things of one's own, done to the letter in packages outside of this one."""

import csv
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from alcseg.data.folder import Dataset
from alcseg.data.phantoms import write_phantoms
from alcseg.records.cases import CaseRow

GUIDES = Path(__file__).parents[1] / "docs" / "howto"
SMALL = (
    "network.filters=2",
    "data.patch=[16,16,16]",
    "data.hq_batch=2",
    "data.lq_batch=2",
    "trainer.steps=2",
    "trainer.validate_every=0",
    "trainer.log_every=1",
)
PROGRAM = """
import json, sys
from alcseg.cli import main
for words in json.loads(sys.argv[1]):
    if code := main(words):
        sys.exit(code)
"""


def install(guide: str, root: Path) -> Path:
    """Put a guide's package into a folder as an installer leaves it, beside the other files that it shows."""
    text = (GUIDES / guide).read_text(encoding="utf-8")
    blocks = dict(re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```$', text, re.MULTILINE | re.DOTALL))
    project = tomllib.loads(blocks.pop("pyproject.toml"))["project"]
    info = root / f"{project['name']}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    for name, source in blocks.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(source, encoding="utf-8")
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n", encoding="utf-8"
    )
    lines = [
        line
        for group, named in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {target}" for name, target in named.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join([*lines, ""]), encoding="utf-8")
    return root


def python(package: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python where a package is installed."""
    paths = [str(package), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
    )


def run(package: Path, *verbs: list[str]) -> subprocess.CompletedProcess[str]:
    """Run `alcseg` with each list of words, in one process, since torch takes long to load."""
    return python(package, "-c", PROGRAM, json.dumps(verbs))


def settings(*more: str) -> list[str]:
    return [word for value in (*SMALL, *more) for word in ("--set", value)]


@pytest.mark.integration
def test_the_method_of_the_guide_is_listed_trained_and_predicts(tmp_path: Path) -> None:
    package = install("add-a-method.md", tmp_path / "site-packages")
    data = write_phantoms(tmp_path / "data", train=4, val=0, test=1, shape=(20, 20, 16))
    rows = Dataset.open(data).rows
    CaseRow.write(
        data,
        [row.model_copy(update={"quality": "lq" if index < 2 else "hq"}) for index, row in enumerate(rows)],
    )
    out, pred = str(tmp_path / "run"), str(tmp_path / "pred")
    words = ["train", str(data), "--out", out, "--method", "mutual", "--device", "cpu"]
    done = run(
        package,
        [*words, *settings("method.mutual_weight=0.2")],
        ["predict", out, str(data / "imagesTs"), "--out", pred, "--device", "cpu"],
        ["methods", "mutual", "--json"],
    )
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout[done.stdout.index("\n{") :])
    assert {setting["name"]: setting["default"] for setting in listed["settings"]} == {
        "mutual_weight": 0.1,
        "ramp_fraction": 0.4,
    }
    assert all(setting["meaning"] for setting in listed["settings"])
    assert listed["distribution"] == "mutual 1"
    columns, *steps = (tmp_path / "run" / "metrics.csv").read_text(encoding="utf-8").splitlines()
    assert {"sup", "mutual"} <= set(columns.split(","))
    assert len(steps) == 2
    assert len(list((tmp_path / "pred").glob("*.nii.gz"))) == 1


@pytest.mark.integration
def test_the_other_things_of_the_guide_are_used_by_every_verb(tmp_path: Path) -> None:
    package = install("add-a-plug-in.md", tmp_path / "site-packages")
    source, data, noisy = tmp_path / "files", str(tmp_path / "data"), str(tmp_path / "noisy")
    source.mkdir()
    label = np.zeros((20, 20, 16), np.uint8)
    label[5:15, 5:15, 4:12] = 1
    for case in "abcd":
        np.savez(source / f"{case}.npz", image=label + 0.5, label=label, spacing=[1.0, 1.0, 2.0])
    train = ["train", noisy, "--out", str(tmp_path / "run"), "--method", "hl_sup", "--device", "cpu"]
    labels = [str(tmp_path / name / "labelsTr") for name in ("noisy", "data")]
    done = run(
        package,
        ["import", str(source), data],  # the reader is found
        ["corrupt", data, noisy, "--hq-first", "1", "--model", "cut", "--size", "50", "50"],
        ["evaluate", *labels, "--out", str(tmp_path / "scores")],
        [*train, *settings("network.name=two_layers", "trainer.val_hq=0")],
        ["predict", str(tmp_path / "run"), str(source), "--out", str(tmp_path / "pred"), "--device", "cpu"],
        ["corrupt", "--help"],
        ["import", "--help"],
    )
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    assert re.search(r"^  cut +one end of the organ left out\..*From lab\s+1\.0", done.stdout, re.M | re.S)
    assert "npz," not in done.stdout.partition("--format LAYOUT")[0]
    assert "npz" in done.stdout.partition("--format LAYOUT")[2]
    noise = json.loads((tmp_path / "noisy" / "noise.json").read_text(encoding="utf-8"))
    assert noise["b"]["operation"] == "cut"
    with (tmp_path / "scores" / "per_case.csv").open(encoding="utf-8") as stream:
        scores = {(row["case_id"], row["metric"]): row for row in csv.DictReader(stream)}
    assert float(scores["b", "parts"]["value"]) == 1
    # Half of 10 x 10 x 8 voxels of 2 mm3 is gone, and so the error has a sign.
    assert float(scores["b", "volume_error"]["value"]) == -800
    assert [scores["b", name]["unit"] for name in ("parts", "volume_error")] == ["count", "mm3"]
    assert len(list((tmp_path / "pred").glob("[abcd].nii.gz"))) == 4


@pytest.mark.integration
def test_the_contracts_hold_for_the_things_of_the_guides(tmp_path: Path) -> None:
    package = tmp_path / "site-packages"
    install("add-a-plug-in.md", package)
    install("add-a-method.md", package)
    tests = [str(package / name) for name in ("test_lab.py", "test_mutual.py")]
    done = python(package, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
