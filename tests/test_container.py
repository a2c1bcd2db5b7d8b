"""The image of the Dockerfile: built and run where there is Docker, else read."""

import os
import shutil
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    """Instructions and their values, in order."""
    parser = DockerfileParser(path=str(ROOT))
    return [
        (step["instruction"], step["value"]) for step in parser.structure if step["instruction"] != "COMMENT"
    ]


def test_the_last_stage_runs_as_no_root(steps: list[tuple[str, str]]) -> None:
    last = max(number for number, (name, _) in enumerate(steps) if name == "FROM")
    users = [value for name, value in steps[last:] if name == "USER"]
    assert users == ["alcseg"]


def test_a_number_that_nobody_has_has_a_home_and_a_name(steps: list[tuple[str, str]]) -> None:
    # `import monai` fails where `getpass.getuser` finds neither a name nor a line of /etc/passwd.
    said = " ".join(value for name, value in steps if name == "ENV")
    assert {word.partition("=")[0] for word in said.split()} >= {"HOME", "USER"}


def test_what_is_copied_is_there_and_sent_to_the_builder(steps: list[tuple[str, str]]) -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sent = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    copied = [
        word.rstrip("/")
        for name, value in steps
        if name == "COPY" and not value.startswith("--from")
        for word in value.split()[:-1]
    ]
    assert copied
    for path in copied:
        assert (ROOT / path).exists(), path
        assert any(fnmatch(path, place) or path.startswith(f"{place}/") for place in sent), path


def test_every_image_names_its_release(steps: list[tuple[str, str]]) -> None:
    for name, value in steps:
        if name == "FROM":
            assert ":" in value.split()[0], value
            assert ":latest" not in value, value


def test_what_is_installed_is_pinned_and_known(steps: list[tuple[str, str]]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (extras,) = [value for name, value in steps if name == "ARG" and value.startswith("EXTRAS=")]
    assert set(extras.partition("=")[2].split(",")) <= set(project["optional-dependencies"])
    installs = [value for name, value in steps if name == "RUN" and "pip install" in value]
    assert installs
    for value in installs:
        assert value.count("pip install") == value.count("--constraint")


def test_an_index_of_one_package_is_asked_for_that_alone(steps: list[tuple[str, str]]) -> None:
    # What torch needs is on that index in few releases, so that pip finds none that constraints.txt allows.
    installs = [value for name, value in steps if name == "RUN" and "pip install" in value]
    assert ["--index-url" in value for value in installs] == [True, False]
    assert ["--no-deps" in value for value in installs] == [True, False]


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.timeout(3600)
def test_the_image_segments_what_it_may_only_read(tmp_path: Path) -> None:
    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True).returncode:
        pytest.skip("no Docker engine")
    subprocess.run(["docker", "build", "--tag", "alcseg-test", str(ROOT)], check=True)
    out = tmp_path / "out"
    out.mkdir(mode=0o777)
    own = ["--volume", f"{out}:/work"]
    run_in_image(own, "demo", "--out", "/work/demo")
    again = ["predict", "/data/runs/alc", "/data/noisy/imagesTs", "--out"]
    read_only = ["--volume", f"{out / 'demo'}:/data:ro"]
    run_in_image([*own, *read_only], *again, "/work/predictions")
    assert list((out / "predictions").glob("*.nii.gz"))
    # As `docs/howto/container.md` has it: a user of the host, whom the image does not know.
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 1234, 1234)
    run_in_image(
        ["--volume", f"{theirs}:/work", *read_only, "--user", "1234:1234"], *again, "/work/predictions"
    )
    assert {path.stat().st_uid for path in (theirs / "predictions").iterdir()} == {1234}


def run_in_image(options: list[str], *words: str) -> None:
    subprocess.run(["docker", "run", "--rm", *options, "alcseg-test", *words], check=True)
