"""Every noise model on one generated scan: docs/explanation/img/noise-models.png.

    python benchmarks/noise_picture.py docs/explanation/img/noise-models.png

The scan is a phantom of `alcseg.data.phantoms`. Each panel shows the slice through the middle of the organ in
which one sees most of the model, a coronal one where the error goes slice by slice. Sizes are the middle of
each model's range in percent.
"""

import argparse
import io
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from alcseg.data.phantoms import Phantom, make_phantom
from alcseg.metrics.overlap import dice
from alcseg.noise import NOISE_MODELS, OtherLabels, case_generator, corrupt_label
from alcseg.reporting.drawing import (
    INK,
    PAGE_INCH,
    POINTS,
    Extent,
    cut,
    focus,
    largest_slice,
    outline,
    show_slice,
)
from alcseg.types import Spacing

SHAPE, SPACING = (64, 64, 64), (0.75, 0.75, 0.75)
SLICEWISE = ("missing_slices", "slice_offset")
CORONAL, AXIAL = 1, 2
SEED = 16  # shrinks the ball and grows the cube
CLEAN, NOISY = "#F0E442", "#FF7A1A"


def phantom(seed: int) -> Phantom:
    """The scan shown, or with another seed one whose label is borrowed."""
    return make_phantom(np.random.default_rng(seed), shape=SHAPE, spacing=SPACING)


def borrowed(case_id: str) -> tuple[np.ndarray, Spacing]:
    """Label of another phantom."""
    return phantom(int(case_id)).label, SPACING


def figure() -> Figure:
    """Two rows of panels as wide as a page; the first one names the colors."""
    page = Figure(figsize=(PAGE_INCH, PAGE_INCH * 0.48), layout="constrained")
    scan = phantom(0)
    others = OtherLabels(("1",), borrowed)
    panels = iter(page.subplots(2, 6).flat)
    for name, axes in zip(NOISE_MODELS, panels, strict=False):
        amount = NOISE_MODELS[name].amount
        size = None if amount is None else (sum(amount.ranges["percent"]) / 2,) * 2
        noisy, record = corrupt_label(
            scan.label,
            model=NOISE_MODELS[name],
            size=size,
            unit=None if amount is None else "percent",
            spacing=SPACING,
            rng=case_generator(SEED, name),
            others=others,
        )
        along = CORONAL if record.details.get("model", name) in SLICEWISE else AXIAL
        index = largest_slice(scan.label > 0, along)
        show = partial(cut, along=along, index=index)
        extent: Extent = show_slice(axes, scan.image, along, index, SPACING)
        axes.images[0].set_clim(0, 1.5 * axes.images[0].get_clim()[1])  # darker than both lines
        fill = np.zeros((*show(noisy).shape, 4))
        fill[..., :3] = to_rgb(NOISY)
        fill[..., 3] = np.array([0.0, 0.45, 0.15])[show(noisy)]  # by class
        axes.imshow(fill, origin="lower", extent=extent, interpolation="nearest")
        outline(axes, show(noisy), extent, (NOISY, "solid"), width=0.9)
        outline(axes, show(scan.label), extent, (CLEAN, "solid"), width=0.9)
        focus(axes, show(scan.label > 0), extent)
        score = np.mean([dice(noisy == value, scan.label == value) for value in (1, 2)])
        drawn = f": {record.details['model']}" if name == "mixture" else ""
        axes.set_title(f"{name}{drawn}\nDice {score:.2f}", fontsize=POINTS - 0.5, color=INK, pad=3)
        if name == next(iter(NOISE_MODELS)):
            for x, color, word in ((0.04, CLEAN, "clean"), (0.40, NOISY, "noisy")):
                axes.text(
                    x, 0.04, word, color=color, fontsize=POINTS, weight="bold", transform=axes.transAxes
                )
    for axes in panels:
        axes.set_axis_off()
    return page


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    options.file.parent.mkdir(parents=True, exist_ok=True)
    full = io.BytesIO()
    figure().savefig(full, dpi=160)
    Image.open(full).convert("RGB").quantize(200).save(options.file, optimize=True)


if __name__ == "__main__":
    main()
