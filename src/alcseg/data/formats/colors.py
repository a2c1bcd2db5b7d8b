"""Colors of classes, and the table in which programs look up names and colors of label values.

The table is 3D Slicer's `.ctbl`, which is FreeSurfer's look-up table with opacity in its last column:

    # value name red green blue opacity
    1 left_atrium 230 77 51 255
"""

from collections.abc import Mapping
from pathlib import Path

from alcseg.files import write_text

__all__ = ["COLORS", "COLOR_TABLE", "class_colors", "hex_color", "write_color_table"]

COLOR_TABLE = "labels.ctbl"
"""Name of the file beside label maps that name no classes themselves."""

Color = tuple[float, float, float]

COLORS: tuple[Color, ...] = (
    (0.9, 0.3, 0.2),
    (0.2, 0.6, 0.9),
    (0.3, 0.8, 0.3),
    (0.9, 0.8, 0.2),
    (0.7, 0.4, 0.9),
    (0.9, 0.6, 0.4),
)
"""Red, green and blue of foreground classes in their order, from 0 to 1; they come again beyond the last."""


def class_colors(labels: Mapping[str, int]) -> dict[str, Color]:
    """Color of each foreground class.

    Args:
        labels: Class name to value, background first.
    """
    return {name: COLORS[place % len(COLORS)] for place, name in enumerate(list(labels)[1:])}


def hex_color(color: Color) -> str:
    """A color as `#e64d33`."""
    return "#" + "".join(f"{part:02x}" for part in _bytes(color))


def write_color_table(folder: Path, labels: Mapping[str, int]) -> None:
    """Write names and colors of all classes beside their label maps."""
    background, *_ = labels
    lines = ["# value name red green blue opacity", f"{labels[background]} {_word(background)} 0 0 0 0"]
    for name, color in class_colors(labels).items():
        red, green, blue = _bytes(color)
        lines.append(f"{labels[name]} {_word(name)} {red} {green} {blue} 255")
    write_text(folder / COLOR_TABLE, "\n".join(lines) + "\n")


def _bytes(color: Color) -> tuple[int, int, int]:
    red, green, blue = (round(255 * part) for part in color)
    return red, green, blue


def _word(name: str) -> str:
    """A name without blanks, at which a line is split."""
    return "_".join(name.split())
