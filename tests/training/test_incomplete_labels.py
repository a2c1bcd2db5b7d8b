"""Trainings on labels that are not complete: what they read, and which methods are refused."""

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from alcseg.commands.train import train
from alcseg.data.folder import Dataset
from alcseg.data.sampling import StepDataset
from alcseg.errors import ConfigError, DataError, LabelError
from alcseg.records.cases import CaseRow
from alcseg.training_methods import METHODS
from alcseg.training_methods.supervised import HLSup

IGNORE = 20


@pytest.fixture
def incomplete(make_dataset: Callable[..., Dataset]) -> Path:
    """`hq_0` with a third of its slices to ignore, `lq_0` without its class of value 9."""
    root = make_dataset().root
    record = Dataset.open(root).record
    record.model_copy(update={"ignore": IGNORE}).write(root)
    _change(root / "labelsTr" / "hq_0.nii.gz", lambda array: np.where(np.arange(17) % 3, array, IGNORE))
    _change(root / "labelsTr" / "lq_0.nii.gz", lambda array: np.where(array == 9, 0, array))
    drawn = list(record.labels)[1]
    CaseRow.write(
        root,
        [
            row.model_copy(update={"classes_drawn": drawn if row.case_id == "lq_0" else ""})
            for row in CaseRow.read(root)
        ],
    )
    return root


def _change(path: Path, to: Callable[[np.ndarray], np.ndarray]) -> None:
    image = nib.load(path)
    nib.save(nib.Nifti1Image(to(np.asanyarray(image.dataobj)).astype(np.uint8), image.affine), path)


@pytest.mark.parametrize("method", ["alc", "two_stage_rnt"])
def test_the_value_to_ignore_becomes_no_class_and_patches_know_what_is_missing(
    method: str,
    incomplete: Path,
    tiny_settings: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []
    step = StepDataset.__getitem__

    def watched(self: StepDataset, number: int) -> object:
        batch = step(self, number)
        seen.extend(batch.values())
        return batch

    monkeypatch.setattr(StepDataset, "__getitem__", watched)
    run = train(incomplete, out=tmp_path / "run", method=method, set=tiny_settings, device="cpu")
    assert run.plan.label_values == (0, 5, 9)
    assert seen
    for patches in seen:
        if patches.undrawn is None:  # of a stage that does not see the case
            assert "lq_0" not in patches.case_ids
        else:
            told = zip(patches.case_ids, patches.undrawn.tolist(), strict=True)
            assert all(row == [False, False, name == "lq_0"] for name, row in told)
        if patches.known is None:
            assert "hq_0" not in patches.case_ids
        else:
            told = zip(patches.case_ids, patches.known, strict=True)
            assert all(bool(known.all()) == (name != "hq_0") for name, known in told)
    assert any(patches.undrawn is not None for patches in seen)
    assert any(patches.known is not None for patches in seen)


def test_a_run_does_not_go_on_where_other_classes_were_drawn(
    incomplete: Path, tiny_settings: tuple[str, ...], tmp_path: Path, interrupted: Callable[..., object]
) -> None:
    with interrupted(at=2), pytest.raises(KeyboardInterrupt):  # type: ignore[attr-defined]
        train(incomplete, out=tmp_path / "run", method="hl_sup", set=tiny_settings, device="cpu")
    rows = [row.model_copy(update={"classes_drawn": ""}) for row in CaseRow.read(incomplete)]
    CaseRow.write(incomplete, rows)
    with pytest.raises(DataError, match=r"of case 'lq_0' .* were drawn, and all classes now"):
        train(incomplete, out=tmp_path / "run", method="hl_sup", set=tiny_settings, device="cpu")


def test_a_method_that_does_not_say_that_it_obeys_is_refused(
    incomplete: Path, tiny_settings: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert all(METHODS[name][0].incomplete_labels for name in METHODS.builtin)
    monkeypatch.setattr(HLSup, "incomplete_labels", False)
    with pytest.raises(ConfigError, match="method 'hl_sup': expected complete labels"):
        train(incomplete, out=tmp_path / "run", method="hl_sup", set=tiny_settings, device="cpu")


def test_a_label_that_is_ignored_altogether_is_refused(
    incomplete: Path, tiny_settings: tuple[str, ...], tmp_path: Path
) -> None:
    _change(incomplete / "labelsTr" / "hq_0.nii.gz", lambda array: np.full_like(array, IGNORE))
    with pytest.raises(LabelError, match="Set the quality of 'hq_0' to unlabeled"):
        train(incomplete, out=tmp_path / "run", method="hl_sup", set=tiny_settings, device="cpu")
