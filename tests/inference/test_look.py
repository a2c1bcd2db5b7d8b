"""A case looked at: how often its images are prepared, and how often the network sees them."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from alcseg.data.case import CaseVolumes, Volume
from alcseg.errors import LabelError
from alcseg.inference import predictor as predictor_module
from alcseg.inference.look import look_at
from alcseg.inference.predictor import Predictor
from alcseg.records.correction import Perturbation
from alcseg.records.plan import Plan

PLAN = Plan(
    spacing=(None, None, None),
    patch=(16, 16, 16),  # one window
    normalization="none",
    clip=None,
    label_values=(0, 7),
    label_names=("background", "atrium"),
    channel_names=("MRI",),
)
TURNED = nib.orientations.inv_ornt_aff([[1, -1], [0, 1], [2, -1]], (12, 10, 8)) @ np.diag([1, 1, 2, 1])


class Threshold(nn.Module):
    """Foreground where the intensity is above a half; counts how often it is asked."""

    calls = 0

    def forward(self, image: Tensor) -> Tensor:
        self.calls += 1
        return torch.cat([0.5 - image, image - 0.5], 1) * 20


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """An entry for each time that images are prepared."""
    calls: list[int] = []
    original = predictor_module.preprocess_images

    def count(images, plan):
        calls.append(1)
        return original(images, plan)

    monkeypatch.setattr(predictor_module, "preprocess_images", count)
    return calls


@pytest.fixture
def predictor() -> Predictor:
    return Predictor(Threshold(), PLAN, torch.device("cpu"))


def case(*, labeled: bool = True, value: int = 7) -> CaseVolumes:
    organ = np.zeros((12, 10, 8), bool)
    organ[3:9, 2:8, 2:6] = True
    drawn = np.zeros_like(organ)
    drawn[1:11, 0:10, 1:7] = True
    image = Volume(organ.astype(np.float32), TURNED, None, Path("image.nii.gz"))
    label = Volume(value * drawn.astype(np.int64), TURNED, None, Path("label.nii.gz"))
    return CaseVolumes("a", (image,), label if labeled else None)


def test_one_preparation_serves_all_passes(prepared: list[int], predictor: Predictor) -> None:
    look = look_at(predictor, case(), Perturbation(passes=3))
    assert len(prepared) == 1
    assert predictor.network.calls == 1 + 3
    assert look.case_id == "a"
    assert np.array_equal(look.refined, 7 * case().images[0].array)
    assert look.uncertainty.shape == look.refined.shape
    assert look.opinion is not None
    assert np.array_equal(look.opinion.refined, look.opinion.probs.argmax(0))


def test_the_plain_pass_is_left_out_where_there_is_no_label_to_ask_about(predictor: Predictor) -> None:
    assert look_at(predictor, case(labeled=False), Perturbation(passes=2)).opinion is None
    assert predictor.network.calls == 2


def test_an_opinion_is_on_the_model_grid_and_knows_the_way_back(predictor: Predictor) -> None:
    given = case().label
    found = look_at(predictor, case(), Perturbation(passes=2)).opinion
    assert found is not None
    assert found.spacing == (1, 1, 2)
    assert found.probs.shape == (2, *found.label.shape) == (2, 10, 12, 8)
    assert set(np.unique(found.label)) == {0, 1}
    as_probs = np.stack([found.label == 0, found.label == 1]).astype(np.float32)
    assert np.array_equal(found.to_source(as_probs), given.array)


def test_a_value_that_the_plan_does_not_know_is_refused(predictor: Predictor) -> None:
    with pytest.raises(LabelError, match=r"expected label values \[0, 7\], found \[3\]"):
        look_at(predictor, case(value=3), Perturbation(passes=2))
