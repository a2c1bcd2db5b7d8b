"""What every noise model promises; a test class names the model by a fixture `model`."""

from typing import Any

import numpy as np
import pytest

from alcseg.errors import UsageError
from alcseg.metrics import dice
from alcseg.noise import (
    NoiseModel,
    NoiseRecord,
    OtherLabels,
    Unit,
    case_generator,
    corrupt_label,
    offset_mm_mean,
)
from alcseg.types import LabelMap, Spacing

__all__ = ["NoiseModelContract", "organ"]

SPACING = (1.0, 1.5, 2.0)


def organ(step: Spacing = SPACING, shift: float = 0.0, classes: int = 2) -> LabelMap:
    """An ellipsoid of 24 x 18 x 18 mm in 40 mm; class 5 is its high end, class 100 the rest."""
    axes = [(np.arange(round(40 / size)) + 0.5) * size - 20 for size in step]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    inside = ((x - shift) / 12) ** 2 + (y / 9) ** 2 + (z / 9) ** 2 < 1
    label = np.where(inside, 100, 0).astype(np.int16)
    label[inside & (x - shift > 3)] = 5 if classes == 2 else 100
    return label


def spoil(
    model: NoiseModel, label: LabelMap, case_id: str = "a", seed: int = 0, **options: Any
) -> tuple[LabelMap, NoiseRecord]:
    """Spoil a label among two others like `organ`."""
    spacing = options.pop("spacing", SPACING)
    classes = np.unique(label).size - 1
    shifts = {"b": 2.0, "c": -3.0}
    others = OtherLabels(("b", "c"), lambda other: (organ(spacing, shifts[other], classes), spacing))
    return corrupt_label(
        label,
        model=model,
        spacing=spacing,
        rng=case_generator(seed, case_id),
        **({"others": others} | options),
    )


class NoiseModelContract:
    """A worse label map on the same grid, the same for equal seeds, that keeps what the model states.

    Fixtures:
        model: The noise model.
    """

    def test_equal_seeds_give_equal_labels_and_cases_differ(self, model: NoiseModel) -> None:
        label = organ()
        before = label.copy()
        unit = None if model.amount is None else "percent"
        first, record = spoil(model, label, unit=unit)
        again, same = spoil(model, label, unit=unit)
        assert np.array_equal(first, again)
        assert record == same
        assert any(
            not np.array_equal(first, spoil(model, label, case_id, unit=unit)[0]) for case_id in "defg"
        )
        assert np.array_equal(label, before)
        assert not np.shares_memory(first, label)

    @pytest.mark.parametrize("classes", [1, 2])
    def test_only_known_values_on_the_same_grid_and_every_class_survives(
        self, model: NoiseModel, classes: int
    ) -> None:
        label = organ(classes=classes)
        changed = 0
        for seed in range(5):
            noisy, record = spoil(model, label, seed=seed)
            assert (noisy.shape, noisy.dtype) == (label.shape, label.dtype)
            assert np.unique(noisy).tolist() == np.unique(label).tolist()
            assert (record.operation == "none") == np.array_equal(noisy, label)
            changed += record.operation != "none"
        assert changed >= 4

    def test_too_strong_a_size_is_weakened_and_says_so(self, model: NoiseModel) -> None:
        options: dict[str, Any] = {"size": (100, 100), "unit": "percent"}
        if model.amount is None:
            others = OtherLabels(("b",), lambda other: (np.full((3, 3, 3), 100, np.int16), SPACING))
            options = {"others": others}
        tiny, whole = organ(classes=1), organ(classes=1)
        tiny[31, 13, 10] = 5  # a class of a single voxel at the tip, which touches the border, is easily lost
        tiny = tiny[:32]
        lost = 0
        for label in (tiny, whole):
            for seed in range(2):
                bare, _ = spoil(model, label, seed=seed, keep_nonempty=False, **options)
                kept, record = spoil(model, label, seed=seed, **options)
                assert np.unique(kept).tolist() == np.unique(label).tolist()
                if np.unique(bare).size < np.unique(label).size:
                    lost += 1
                    assert record.weakened
                    if model.amount is not None:
                        assert record.size is not None
                        assert record.size < (record.size_drawn or 0) == 100
        assert lost

    def test_no_amount_is_the_identity(self, model: NoiseModel) -> None:
        if model.amount is None:
            with pytest.raises(UsageError, match="no amount"):
                spoil(model, organ(), size=(0, 0))
            return
        for unit in model.amount.ranges:
            noisy, record = spoil(model, organ(), size=(0, 0), unit=unit)
            assert np.array_equal(noisy, organ())
            assert (record.operation, record.size, record.weakened) == ("none", 0, False)

    def test_more_is_worse(self, model: NoiseModel) -> None:
        if model.amount is None:
            return  # there is no more or less
        label = organ()

        def score(percent: float) -> float:
            options: dict[str, Any] = {"size": (percent, percent), "unit": "percent"}
            noisy = [spoil(model, label, seed=seed, **options)[0] for seed in range(4)]
            return float(
                np.mean([dice(each != 0, label != 0) + dice(each == 5, label == 5) for each in noisy])
            )

        assert score(60) < score(20) < 2

    def test_strength_without_a_size_in_percent_is_moderate(self, model: NoiseModel) -> None:
        label = organ()
        unit = None if model.amount is None else "percent"
        scores = [
            dice(noisy != 0, label != 0) / 2 + dice(noisy == 5, label == 5) / 2
            for noisy, _ in (spoil(model, label, seed=seed, unit=unit) for seed in range(8))
        ]
        assert 0.45 < np.mean(scores) < 0.9

    def test_empty_label_stays_empty(self, model: NoiseModel) -> None:
        noisy, record = spoil(model, np.zeros((8, 7, 6), np.uint8))
        assert not noisy.any()
        assert record.operation == "none"

    def test_a_finer_grid_gives_the_same_effect_in_mm(self, model: NoiseModel) -> None:
        unit: Unit | None = None
        size: tuple[float, float] | None = None
        if model.amount is not None:
            unit = "mm" if "mm" in model.amount.ranges else "percent"
            size = (2.5, 2.5) if unit == "mm" else (30, 30)

        def score(step: float) -> tuple[float, float]:
            spacing = (step,) * 3
            label = organ(spacing)
            options: dict[str, Any] = {"size": size, "unit": unit, "spacing": spacing}
            noisy = [spoil(model, label, seed=seed, **options)[0] for seed in range(8)]
            offsets = [offset_mm_mean(each != 0, label != 0, spacing) or 0.0 for each in noisy]
            return float(np.mean([dice(each != 0, label != 0) for each in noisy])), float(
                np.mean(np.abs(offsets))
            )

        (coarse, coarse_mm), (fine, fine_mm) = score(2.0), score(1.0)
        assert fine == pytest.approx(coarse, abs=0.12)
        assert fine_mm == pytest.approx(coarse_mm, abs=0.8)

    def test_it_describes_itself(self, model: NoiseModel) -> None:
        assert model.summary
        if model.amount is not None:
            assert model.amount.meaning
            assert "percent" in model.amount.ranges  # what a mixture draws from
            assert all(0 <= low < high for low, high in model.amount.ranges.values())
