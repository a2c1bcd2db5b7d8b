"""Which files a training opens, told by the interpreter itself."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import safetensors.torch
import torch

from alcseg.commands.train import train
from alcseg.data.folder import Dataset
from alcseg.records.cases import CaseRow

_listeners: list[list[str]] = []


def _listen(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _listeners:
        for opened in _listeners:
            opened.append(str(arguments[0]))


@pytest.fixture(scope="module", autouse=True)
def _hook() -> None:
    sys.addaudithook(_listen)  # stays for the life of the process; deaf without a listener


@contextmanager
def listening() -> Iterator[list[str]]:
    opened: list[str] = []
    _listeners.append(opened)
    try:
        yield opened
    finally:
        _listeners.remove(opened)


SHORT = ("trainer.steps=2", "trainer.validate_every=1")


def test_clean_labels_and_labels_of_test_cases_are_never_opened(
    dataset: Dataset, tiny_settings: tuple[str, ...], tmp_path: Path
) -> None:
    with listening() as opened:
        train(
            dataset.root, out=tmp_path / "a" / "run", method="alc", device="cpu", set=(*tiny_settings, *SHORT)
        )
    inside = {Path(name).relative_to(dataset.root) for name in opened if name.startswith(str(dataset.root))}
    assert Path("labelsTr/lq_0.nii.gz") in inside
    # Images of test cases are compared with those that train, and nothing of them goes further.
    assert {path.parts[0] for path in inside} == {
        "dataset.json",
        "cases.csv",
        "imagesTr",
        "labelsTr",
        "imagesTs",
    }

    for name in ("labelsClean", "labelsTs", "imagesTs"):
        shutil.rmtree(dataset.root / name)
    CaseRow.write(dataset.root, [row for row in dataset.rows if row.split != "test"])
    train(dataset.root, out=tmp_path / "b" / "run", method="alc", device="cpu", set=(*tiny_settings, *SHORT))
    one, other = (
        safetensors.torch.load_file(tmp_path / name / "run" / "model.safetensors") for name in ("a", "b")
    )
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_h_sup_opens_no_lq_case(
    make_dataset: Callable[..., Dataset], tiny_settings: tuple[str, ...], tmp_path: Path
) -> None:
    root = make_dataset(val=0, name="no-val").root  # held-out cases are HQ ones, too
    with listening() as opened:
        train(root, out=tmp_path / "run", method="h_sup", device="cpu", set=(*tiny_settings, *SHORT))
    names = {Path(name).name for name in opened}
    assert "hq_1_0000.nii.gz" in names
    assert not {name for name in names if name.startswith("lq_")}
