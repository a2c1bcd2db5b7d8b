"""What holds for every noise model; no model is named here."""

import numpy as np
import pytest

from alcseg.errors import ConfigError, LabelError, ShapeError, UsageError
from alcseg.noise import (
    NOISE_MODELS,
    NoiseModel,
    OtherLabels,
    apply,
    case_generator,
    corrupt_label,
    noise_model,
)
from alcseg.testing.noise import SPACING, NoiseModelContract, organ


class TestBuiltIn(NoiseModelContract):
    @pytest.fixture(params=NOISE_MODELS.builtin)
    def model(self, request: pytest.FixtureRequest) -> NoiseModel:
        return NOISE_MODELS[request.param]


def test_a_mixture_can_be_listed() -> None:
    model = noise_model("mixture:class_swap,shift_rotate")
    drawn = {
        corrupt_label(organ(), model=model, spacing=SPACING, rng=case_generator(0, str(case)))[1].details[
            "model"
        ]
        for case in range(12)
    }
    assert drawn == {"class_swap", "shift_rotate"}
    for unknown in ("star", "mixture:star", "mixture:mixture", "cube:ball", "mixture:"):
        with pytest.raises(ConfigError, match="noise model: expected"):
            noise_model(unknown)
    with pytest.raises(ConfigError, match=r"one of ball, class_swap, .*got 'cubic'\. Did you mean 'cube'\?"):
        noise_model("cubic")


@pytest.mark.parametrize("name", NOISE_MODELS.builtin)
def test_arrays_are_spoiled_as_files_are(name: str) -> None:
    others = OtherLabels(("b",), lambda other: (organ(shift=2.0), SPACING))
    rng = case_generator(3, "la_017")
    expected, _ = corrupt_label(organ(), model=NOISE_MODELS[name], spacing=SPACING, rng=rng, others=others)
    found = apply(name, organ(), SPACING, seed=case_generator(3, "la_017"), others=others)
    assert np.array_equal(found, expected)
    assert found.dtype == expected.dtype


def test_arrays_are_taken_as_programs_have_them() -> None:
    label = organ()
    plain = apply("ball", label, SPACING, seed=5)
    assert np.array_equal(apply("ball", label, SPACING, seed=np.random.default_rng(5)), plain)
    assert np.array_equal(apply("ball", label.astype(float).tolist(), list(SPACING), seed=5), plain)
    assert np.array_equal(label, organ())
    assert not np.array_equal(plain, apply("ball", label, SPACING, seed=6))
    # Class 100 as the background, under a size that would delete what is left.
    spoiled = apply(
        "ball", label, SPACING, size=(50, 50), unit="mm", background=100, keep_nonempty=False, seed=1
    )
    assert set(np.unique(spoiled)) < {0, 5, 100}


def test_the_door_for_arrays() -> None:
    label = organ()
    with pytest.raises(LabelError, match="label: expected a label map of whole numbers"):
        apply("cube", label + 0.5, SPACING)
    with pytest.raises(ShapeError, match="three axes"):
        apply("cube", label[0], SPACING[1:])
    with pytest.raises(ShapeError, match="one positive spacing"):
        apply("cube", label, (1.0, 0.0, 1.0))
    with pytest.raises(ConfigError, match="noise model: expected one of"):
        apply("star", label, SPACING)
    with pytest.raises(UsageError, match="expected one of percent"):
        apply("class_swap", label, SPACING, unit="mm")
    with pytest.raises(UsageError, match="other labeled training cases"):
        apply("other_case", label, SPACING)
