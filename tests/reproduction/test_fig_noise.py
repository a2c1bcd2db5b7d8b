"""Fig. 1: which cases are shown, and where."""

import numpy as np
import pytest

from alcseg.errors import DataError
from alcseg.records.noise import NoiseManifest
from alcseg.reporting.records import Benchmark
from alcseg.reproduction.fig_noise import noise_figure


def dataset(fake):
    return Benchmark.open(fake.root).datasets[0]


def test_a_dilated_and_an_eroded_case(fake):
    fake.add_images()
    figure = noise_figure(dataset(fake))
    assert [axes.get_title() for axes in figure.axes] == [
        "dilated, 3 voxels\nDice 0.40",
        "eroded, 3 voxels\nDice 0.29",
    ]
    for axes, grown in zip(figure.axes, (True, False), strict=True):
        clean, given = (np.ptp(lines.get_paths()[0].vertices, axis=0) for lines in axes.collections)
        assert (given > clean).all() == grown


def test_the_median_case_of_a_kind_is_shown(fake):
    fake.add_images()
    noise = dict(NoiseManifest.read(fake.dataset()).cases)
    for name, dice in (("mild", 0.9), ("strong", 0.1)):
        noise[name] = noise["train_a"].model_copy(update={"dice_to_clean": dice})
    fake.write_noise(noise)
    assert "Dice 0.40" in noise_figure(dataset(fake)).axes[0].get_title()


@pytest.mark.parametrize(("unit", "said"), [("mm", "3 mm"), ("percent", "3 %"), (None, "3 voxels")])
def test_noise_of_one_kind_is_one_picture_in_its_own_unit(fake, unit, said):
    fake.add_images()
    noise = NoiseManifest.read(fake.dataset()).cases
    fake.write_noise({"train_a": noise["train_a"].model_copy(update={"unit": unit})})
    (axes,) = noise_figure(dataset(fake)).axes
    assert axes.get_title() == f"dilated, {said}\nDice 0.40"


def test_no_noise_no_figure(fake):
    assert noise_figure(dataset(fake)) is None


def test_a_damaged_manifest_is_named(fake):
    fake.add_images()
    NoiseManifest.path(fake.dataset()).write_text('{"train_a": {"size": "large"}}')
    with pytest.raises(DataError, match=r"few/noise\.json"):
        noise_figure(dataset(fake))
