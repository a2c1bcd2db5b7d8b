"""Several networks answer as the mean of their probabilities, whatever grids they see."""

import weakref
from pathlib import Path

import numpy as np
import pytest
import torch

import alcseg
from alcseg.data.nifti import read_image
from alcseg.errors import UsageError
from alcseg.inference.ensemble import MeanAnswer, open_sources
from alcseg.inference.predictor import Prediction, Predictor
from alcseg.records.run import RunRecord
from exported_model import PLAN, make_run, write_scans


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two runs with unlike plans and weights, one more exported, and scans."""
    root = tmp_path_factory.mktemp("ensemble")
    with pytest.MonkeyPatch.context() as patch:
        make_run(root / "a", patch)
        other = {"spacing": (1.5, None, 0.8), "patch": (8, 8, 12), "normalization": "none"}
        make_run(root / "b", patch, PLAN.model_copy(update=other))
        make_run(root / "c", patch)
        (root / "c" / "config.yaml").write_text((root / "c" / "config.yaml").read_text() + "# its own\n")
        alcseg.export(root / "c", to="pt2", out=root / "c.pt2")
        write_scans(root / "scans")
        yield root


def scan(root: Path):
    volume = read_image(root / "scans" / "one.nii.gz")
    return volume.array, volume.affine


def test_the_answer_is_the_mean_on_the_grid_of_the_image(place):
    image, affine = scan(place)
    names = ("a", "b", "c.pt2")
    alone = [alcseg.load(place / name)(image, affine=affine, probabilities=True) for name in names]
    assert not np.allclose(alone[0], alone[1], atol=0.05)
    together = alcseg.load(*(place / name for name in names))
    mean = together(image, affine=affine, probabilities=True)
    assert mean.shape == (3, *image.shape)
    assert mean.dtype == np.float32
    assert np.allclose(mean, np.mean(alone, axis=0), atol=1e-6)
    label = together(image, affine=affine)
    assert np.array_equal(label, np.array([0, 5, 9])[mean.argmax(0)])
    assert label.dtype == np.uint8
    assert together.spacing == PLAN.spacing  # of the first


def test_the_lowest_class_wins_ties():
    probs = np.array([0.4, 0.2, 0.4], np.float32).reshape(3, 1, 1, 1)
    assert MeanAnswer(probs, (0, 300, 9)).label().item() == 0
    assert MeanAnswer(probs[[1, 0, 2]], (0, 300, 9)).label().item() == 300


def test_one_network_at_a_time_has_its_probabilities_in_memory(place, monkeypatch):
    made: list[weakref.ref[Prediction]] = []
    alive = []
    own = Predictor.predict

    def predict(self, case):
        alive.append(sum(one() is not None for one in made))
        found = own(self, case)
        made.append(weakref.ref(found))
        return found

    together = alcseg.load(place / "a", place / "b", place / "c.pt2")
    monkeypatch.setattr(Predictor, "predict", predict)
    image, affine = scan(place)
    together(image, affine=affine)
    assert alive == [0, 0, 0]


UNLIKE = {
    "values": {"label_values": (0, 9, 5)},
    "names": {"label_names": ("background", "left", "middle")},
    "channels": {"channel_names": ("CT",)},
}


@pytest.mark.parametrize("what", UNLIKE)
def test_other_classes_or_channels_are_refused(what, place, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    PLAN.model_copy(update=UNLIKE[what]).write(other)
    for name in ("config.yaml", RunRecord.NAME, "model.safetensors"):
        (other / name).write_bytes((place / "a" / name).read_bytes())
    kind = "channels" if what == "channels" else "labels"
    with pytest.raises(UsageError, match=f"{other}: expected the {kind} of {place / 'a'}, "):
        open_sources(place / "a", [other])


def test_the_same_network_twice_is_a_slip(place):
    with pytest.raises(UsageError, match=r"found that of .*a again\. Name each once"):
        alcseg.load(place / "a", place / "b", place / "a")


def test_every_member_runs_where_and_as_it_is_asked_to(place):
    image, affine = scan(place)
    lineage = alcseg.load(place / "a", place / "b", window="lineage", device="cpu", engine="torch")
    assert [one.window for one in lineage.ensemble.predictors] == ["lineage"] * 2
    assert lineage.ensemble.predictors[1].device == torch.device("cpu")
    assert lineage(image, affine=affine).shape == image.shape
