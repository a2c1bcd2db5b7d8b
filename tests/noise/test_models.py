"""What holds for every noise model; no model is named here."""

from typing import Any

import numpy as np
import pytest

from alcseg.errors import UsageError
from alcseg.metrics import dice
from alcseg.noise import (
    NOISE_MODELS,
    NoiseRecord,
    OtherLabels,
    case_generator,
    corrupt_label,
    noise_model,
    offset_mm_mean,
)

SPACING = (1.0, 1.5, 2.0)
ALL = pytest.mark.parametrize("name", NOISE_MODELS)


def organ(step: tuple[float, ...] = SPACING, shift: float = 0.0, classes: int = 2) -> np.ndarray:
    """An ellipsoid of 24 x 18 x 18 mm in 40 mm; class 5 is its high end, class 100 the rest."""
    axes = [(np.arange(round(40 / size)) + 0.5) * size - 20 for size in step]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    inside = ((x - shift) / 12) ** 2 + (y / 9) ** 2 + (z / 9) ** 2 < 1
    label = np.where(inside, 100, 0).astype(np.int16)
    label[inside & (x - shift > 3)] = 5 if classes == 2 else 100
    return label


def spoil(
    name: str, label: np.ndarray, case_id: str = "a", seed: int = 0, **options: Any
) -> tuple[np.ndarray, NoiseRecord]:
    spacing = options.pop("spacing", SPACING)
    classes = np.unique(label).size - 1
    shifts = {"b": 2.0, "c": -3.0}
    others = OtherLabels(("b", "c"), lambda other: (organ(spacing, shifts[other], classes), spacing))
    return corrupt_label(
        label,
        model=NOISE_MODELS[name],
        spacing=spacing,
        rng=case_generator(seed, case_id),
        **({"others": others} | options),
    )


@ALL
def test_equal_seeds_give_equal_labels_and_cases_differ(name: str) -> None:
    label = organ()
    before = label.copy()
    unit = None if NOISE_MODELS[name].amount is None else "percent"
    first, record = spoil(name, label, unit=unit)
    again, same = spoil(name, label, unit=unit)
    assert np.array_equal(first, again)
    assert record == same
    assert any(not np.array_equal(first, spoil(name, label, case_id, unit=unit)[0]) for case_id in "defg")
    assert np.array_equal(label, before)
    assert not np.shares_memory(first, label)


@ALL
@pytest.mark.parametrize("classes", [1, 2])
def test_only_known_values_on_the_same_grid_and_every_class_survives(name: str, classes: int) -> None:
    label = organ(classes=classes)
    changed = 0
    for seed in range(5):
        noisy, record = spoil(name, label, seed=seed)
        assert (noisy.shape, noisy.dtype) == (label.shape, label.dtype)
        assert np.unique(noisy).tolist() == np.unique(label).tolist()
        assert (record.operation == "none") == np.array_equal(noisy, label)
        changed += record.operation != "none"
    assert changed >= 4


@ALL
def test_too_strong_a_size_is_weakened_and_says_so(name: str) -> None:
    model = NOISE_MODELS[name]
    if model.amount is None:
        others = OtherLabels(("b",), lambda other: (np.full((3, 3, 3), 100, np.int16), SPACING))
        options: dict[str, Any] = {"others": others}
    else:
        options = {"size": (100, 100), "unit": "percent"}
    tiny, whole = organ(classes=1), organ(classes=1)
    tiny[31, 13, 10] = 5  # a class of a single voxel at the tip, which touches the border, is easily lost
    tiny = tiny[:32]
    lost = 0
    for label in (tiny, whole):
        for seed in range(2):
            bare, _ = spoil(name, label, seed=seed, keep_nonempty=False, **options)
            kept, record = spoil(name, label, seed=seed, **options)
            assert np.unique(kept).tolist() == np.unique(label).tolist()
            if np.unique(bare).size < np.unique(label).size:
                lost += 1
                assert record.weakened
                if NOISE_MODELS[name].amount is not None:
                    assert record.size < record.size_drawn == 100
    assert lost


@ALL
def test_no_amount_is_the_identity(name: str) -> None:
    amount = NOISE_MODELS[name].amount
    if amount is None:
        with pytest.raises(UsageError, match="no amount"):
            spoil(name, organ(), size=(0, 0))
        return
    for unit in amount.ranges:
        noisy, record = spoil(name, organ(), size=(0, 0), unit=unit)
        assert np.array_equal(noisy, organ())
        assert (record.operation, record.size, record.weakened) == ("none", 0, False)


@ALL
def test_more_is_worse(name: str) -> None:
    if NOISE_MODELS[name].amount is None:
        return  # there is no more or less
    label = organ()

    def score(percent: float) -> float:
        options = {"size": (percent, percent), "unit": "percent"}
        noisy = [spoil(name, label, seed=seed, **options)[0] for seed in range(4)]
        return float(np.mean([dice(each != 0, label != 0) + dice(each == 5, label == 5) for each in noisy]))

    assert score(60) < score(20) < 2


@ALL
def test_strength_without_a_size_in_percent_is_moderate(name: str) -> None:
    amount = NOISE_MODELS[name].amount
    label = organ()
    scores = [
        dice(noisy != 0, label != 0) / 2 + dice(noisy == 5, label == 5) / 2
        for noisy, _ in (
            spoil(name, label, seed=seed, unit="percent" if amount else None) for seed in range(8)
        )
    ]
    assert 0.45 < np.mean(scores) < 0.9


@ALL
def test_empty_label_stays_empty(name: str) -> None:
    noisy, record = spoil(name, np.zeros((8, 7, 6), np.uint8))
    assert not noisy.any()
    assert record.operation == "none"


@ALL
def test_a_finer_grid_gives_the_same_effect_in_mm(name: str) -> None:
    amount = NOISE_MODELS[name].amount
    unit = None if amount is None else "mm" if "mm" in amount.ranges else "percent"
    size = None if amount is None else (2.5, 2.5) if unit == "mm" else (30, 30)

    def score(step: float) -> tuple[float, float]:
        spacing = (step,) * 3
        label = organ(spacing)
        noisy = [spoil(name, label, seed=seed, size=size, unit=unit, spacing=spacing)[0] for seed in range(8)]
        offsets = [offset_mm_mean(each != 0, label != 0, spacing) for each in noisy]
        return float(np.mean([dice(each != 0, label != 0) for each in noisy])), float(
            np.mean(np.abs(offsets))
        )

    (coarse, coarse_mm), (fine, fine_mm) = score(2.0), score(1.0)
    assert fine == pytest.approx(coarse, abs=0.12)
    assert fine_mm == pytest.approx(coarse_mm, abs=0.8)


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
        with pytest.raises(UsageError, match="--model"):
            noise_model(unknown)
