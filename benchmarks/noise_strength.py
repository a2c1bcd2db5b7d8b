"""How strong every noise model is with its own sizes: the table in docs/explanation/noise.md.

    python benchmarks/noise_strength.py --first 20 Task04_Hippocampus/labelsTr

spoils the first labels of a folder once, with seed 0, and prints one row per model: mean Dice over cases and
classes with its lowest and highest case, and the mean over cases of |offset_mm_mean|.
"""

import argparse
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np

from alcseg.metrics.overlap import dice
from alcseg.noise import NOISE_MODELS, OtherLabels, Unit, case_generator, corrupt_label, offset_mm_mean
from alcseg.types import LabelMap, Spacing

Labels = dict[str, tuple[LabelMap, Spacing]]


def read(folder: Path, first: int) -> Labels:
    """Label maps and spacings in RAS voxel order, by file name."""
    found: Labels = {}
    for path in sorted(folder.glob("[!.]*.nii.gz"))[:first]:
        image = nib.as_closest_canonical(nib.load(path))
        spacing = tuple(float(step) for step in image.header.get_zooms()[:3])
        found[path.name.removesuffix(".nii.gz")] = np.asarray(image.dataobj).astype(np.uint8), spacing
    return found


def row(labels: Labels, name: str, unit: Unit | None) -> str:
    """Spoil every label with one model and say by how much."""
    scores, offsets = [], []
    for case_id, (label, spacing) in labels.items():
        others = OtherLabels(tuple(sorted(set(labels) - {case_id})), partial(labels.__getitem__))
        noisy, _ = corrupt_label(
            label,
            model=NOISE_MODELS[name],
            unit=unit,
            spacing=spacing,
            rng=case_generator(0, case_id),
            others=others,
        )
        scores.append(np.mean([dice(noisy == value, label == value) for value in np.unique(label) if value]))
        offsets.append(abs(offset_mm_mean(noisy != 0, label != 0, spacing) or 0.0))
    title = f"`{name}`" + (f" in {unit}" if unit else "")
    return (
        f"| {title} | {np.mean(scores):.2f} ({min(scores):.2f}-{max(scores):.2f}) | {np.mean(offsets):.2f} |"
    )


def main() -> None:
    """Print the table of one folder of label maps."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--first", type=int, default=20, help="labels that are read, in order of their names")
    options = parser.parse_args()
    labels = read(options.folder, options.first)
    print("| `--model` | Dice (lowest-highest) | offset in mm |\n|---|---|---|")
    for name in NOISE_MODELS:
        print(row(labels, name, None), flush=True)
    print(row(labels, "cube", "percent"))


if __name__ == "__main__":
    main()
