"""The guide to a method of one's own, done to the letter in a package outside of this one."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from alcseg.data.folder import DatasetFolder
from alcseg.data.phantoms import write_phantoms
from alcseg.records.cases import CaseRow

GUIDE = Path(__file__).parents[1] / "docs" / "howto" / "add-a-method.md"
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


def block(title: str) -> str:
    """The guide's code block of this title."""
    text = GUIDE.read_text(encoding="utf-8")
    found = re.search(rf'^```\w+ title="{re.escape(title)}"\n(.*?)^```$', text, re.MULTILINE | re.DOTALL)
    assert found, f"{GUIDE}: no block titled {title}"
    return found[1]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with the guide's package as an installer leaves it."""
    root = tmp_path / "site-packages"
    project = tomllib.loads(block("pyproject.toml"))["project"]
    info = root / f"{project['name']}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (root / "mutual.py").write_text(block("mutual.py"), encoding="utf-8")
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n", encoding="utf-8"
    )
    entries = [f"{name} = {target}" for name, target in project["entry-points"]["alcseg.methods"].items()]
    (info / "entry_points.txt").write_text("\n".join(["[alcseg.methods]", *entries, ""]), encoding="utf-8")
    return root


def run(package: Path, *verbs: list[str]) -> subprocess.CompletedProcess[str]:
    """Run `alcseg` with each list of words, in one process, since torch takes long to load."""
    paths = [str(package), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(verbs)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.integration
def test_the_method_of_the_guide_is_listed_trained_and_predicts(package: Path, tmp_path: Path) -> None:
    data = write_phantoms(tmp_path / "data", train=4, val=0, test=1, shape=(20, 20, 16))
    rows = DatasetFolder.open(data).rows
    CaseRow.write(
        data,
        [row.model_copy(update={"quality": "lq" if index < 2 else "hq"}) for index, row in enumerate(rows)],
    )
    out, pred = str(tmp_path / "run"), str(tmp_path / "pred")
    settings = [word for value in (*SMALL, "method.mutual_weight=0.2") for word in ("--set", value)]
    done = run(
        package,
        ["train", str(data), "--out", out, "--method", "mutual", "--device", "cpu", *settings],
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
    columns, *steps = (tmp_path / "run" / "metrics.csv").read_text(encoding="utf-8").splitlines()
    assert {"sup", "mutual"} <= set(columns.split(","))
    assert len(steps) == 2
    assert len(list((tmp_path / "pred").glob("*.nii.gz"))) == 1
