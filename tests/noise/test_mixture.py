import copy
import hashlib

import numpy as np
import pytest

from alcseg.noise import (
    NOISE_MODELS,
    NoiseModel,
    OtherLabels,
    apply,
    case_generator,
    corrupt_label,
    noise_model,
)


def label() -> np.ndarray:
    found = np.zeros((20, 20, 12), np.uint8)
    found[4:14, 4:16, 3:9] = 1
    found[11:16, 4:16, 3:9] = 2
    return found


def test_voxels_are_those_of_the_model_named_called_directly(context) -> None:
    others = OtherLabels(("b",), lambda name: (label()[::-1], (1.0, 1.0, 1.0)))
    named = set()
    for seed in range(16):
        given = context(seed=seed, others=others)
        rng = copy.deepcopy(given.rng)
        outcome = NOISE_MODELS["mixture"](label(), given)
        details = outcome.details
        named.add(details["model"])
        rng.integers(9)  # the draw of the model
        model = NOISE_MODELS[details["model"]]
        direct, record = corrupt_label(
            label(),
            model=model,
            unit=None if model.amount is None else "percent",
            spacing=given.spacing,
            rng=rng,
            keep_nonempty=False,
            others=others,
        )
        assert np.array_equal(outcome.label, direct)
        assert (outcome.operation, details["size"]) == (record.operation, record.size)
        assert record.details.items() <= details.items()
    assert len(named) >= 6  # of nine


def test_a_label_that_stands_alone_never_draws_another_case(context) -> None:
    model = noise_model("mixture:other_case,missing_slices")
    drawn = {model(label(), context(seed=seed)).details["model"] for seed in range(8)}
    assert drawn == {"missing_slices"}


def test_another_model_changes_no_draw(monkeypatch: pytest.MonkeyPatch, install) -> None:
    others = OtherLabels(("b",), lambda name: (label()[::-1], (1.0, 1.0, 1.0)))

    def drawn() -> str:
        found = hashlib.sha256()
        for case in range(12):
            rng = case_generator(0, str(case))
            found.update(apply("mixture", label(), (1.0, 1.0, 1.0), seed=rng, others=others).tobytes())
        return found.hexdigest()[:16]

    assert drawn() == "704feaa834183bbe"  # of the nine models that there were when the mixture was made
    source = "from alcseg.noise import NOISE_MODELS\nALIKE = NOISE_MODELS['ball']"
    install("tenth", "1", source, {"alcseg.noise": {"a_tenth": "tenth:ALIKE"}})
    monkeypatch.setitem(NOISE_MODELS.builtin, "an_eleventh", NOISE_MODELS["cube"])
    assert {"a_tenth", "an_eleventh"} < set(NOISE_MODELS)
    assert drawn() == "704feaa834183bbe"
    named = noise_model("mixture:a_tenth,an_eleventh")
    assert isinstance(named, NoiseModel)
    assert set(named.models) == {"a_tenth", "an_eleventh"}
