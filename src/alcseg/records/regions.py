"""Regions of nnU-Net's `dataset.json`, such as whole tumor and its core, as the plain classes in them.

Label files hold one value per voxel also there; a region is a set of values. Classes are what this project
trains, corrects and scores, so each value becomes one.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alcseg.errors import DataError
from alcseg.words import shorten

__all__ = ["plain_classes", "regions_of"]


def regions_of(raw: Mapping[str, Any], path: Path) -> dict[str, list[int]]:
    """Values of each region; empty where every label has a single value.

    Raises:
        DataError: If a region holds anything but whole numbers above 0, or none.
    """
    if not any(isinstance(value, list) for value in raw.values()):
        return {}
    regions = {
        str(name): value if isinstance(value, list) else [value]
        for name, value in raw.items()
        if name != "background"
    }
    for name, values in regions.items():
        if not values or not all(type(value) is int and value > 0 for value in values):
            raise DataError(
                f"{path}: expected whole numbers above 0 for the region '{name}', found {shorten(values)}. "
                "Correct it."
            )
    return {name: sorted(set(values)) for name, values in regions.items()}


def plain_classes(regions: Mapping[str, list[int]], path: Path) -> dict[str, int]:
    """One class per value: a region of this value alone gives its name, else the smallest one and the value.

    Whole tumor 1, 2 and 3, core 2 and 3, and enhancing 3 are the classes `whole_1`, `core_2` and `enhancing`.

    Raises:
        DataError: If two classes come out with one name.
    """
    classes = {"background": 0}
    values = sorted({value for held in regions.values() for value in held})
    for value in values:
        name, held = min(
            ((name, held) for name, held in regions.items() if value in held), key=lambda pair: len(pair[1])
        )
        name = name if held == [value] else f"{name}_{value}"
        if name in classes or (name in regions and held != [value]):
            raise DataError(
                f"{path}: expected a name of its own for each label value, found '{name}' twice among the "
                f"regions {shorten(regions)}. Rename one."
            )
        classes[name] = value
    return classes
