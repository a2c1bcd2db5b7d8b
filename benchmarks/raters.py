"""Three simulated readers of a clean dataset, one of whom draws 1 mm too large: who is named, by how much?

    python benchmarks/raters.py DATASET OUT

DATASET is a dataset folder with clean labels, OUT an empty folder. Seeds 1 to 3 draw the readers.
"""

import argparse
import math
from pathlib import Path

import numpy as np
from scipy import ndimage

from alcseg.commands.corrupt import corrupt
from alcseg.commands.import_dataset import import_dataset
from alcseg.data.folder import Dataset
from alcseg.data.writer import write_label
from alcseg.distances import signed_distance
from alcseg.files import link_or_copy
from alcseg.metrics import boundary_shift, dice, summarize
from alcseg.records.raters import RaterPairRow, RaterRow
from alcseg.types import LabelMap, Spacing

READERS = {"anna": 0.0, "bob": 0.0, "carl": 1.0}
"""By how many mm each draws too large, on top of what the noise model `reader` does."""


def main() -> None:
    """Simulate, import by majority and STAPLE, and compare with the clean labels."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("out", type=Path)
    words = parser.parse_args()
    clean = Dataset.open(words.dataset)
    for seed, (reader, grown_mm) in enumerate(READERS.items(), start=1):
        draw(clean, words.out, reader, grown_mm, seed)
    clean.record.model_copy(update={"num_training": 0}).write(words.out / "source")
    for how in ("majority", "staple"):
        data = import_dataset(words.out / "source", words.out / how, fuse=how)
        tell(how, "fused", clean, {row.case_id: data.read_label(row.case_id).array for row in data.rows})
        for row in (*RaterRow.read(data.root / "raters"), *RaterPairRow.read(data.root / "raters")):
            print(how, row.cells())
    for reader in READERS:
        folder = data.root / "labelsRaters" / reader
        own = {row.case_id: data.read_label_file(folder / f"{row.case_id}.nii.gz").array for row in data.rows}
        tell("reader", reader, clean, own)


def draw(clean: Dataset, out: Path, reader: str, grown_mm: float, seed: int) -> None:
    """The training labels as one reader draws them, and the images; the first case keeps its label."""
    noisy = Dataset.open(corrupt(clean, out / f"as_{reader}", hq_first=1, model="reader", seed=seed))
    for row in noisy.rows_where(split="train", quality="lq"):
        label = noisy.read_label(row.case_id)
        array = grown(label.array, label.spacing, grown_mm) if grown_mm else label.array
        write_label(out / "source/labelsTr" / reader / f"{row.case_id}.nii.gz", array, label)
        (image,) = noisy.image_paths(row.case_id)
        if not (out / "source/imagesTr" / image.name).exists():
            link_or_copy(image, out / "source/imagesTr" / image.name)


def grown(label: LabelMap, spacing: Spacing, by_mm: float) -> LabelMap:
    """The foreground grown on all sides; a new voxel has the class that is nearest."""
    nearest = ndimage.distance_transform_edt(label == 0, spacing, return_distances=False, return_indices=True)
    larger: LabelMap = np.where(signed_distance(label != 0, spacing) <= by_mm, label[tuple(nearest)], label)
    return larger


def tell(kind: str, name: str, clean: Dataset, drawn: dict[str, LabelMap]) -> None:
    """Dice and bias against the clean labels, by class."""
    for class_name, value in list(clean.labels.items())[1:]:
        overlap, shift = [], []
        for case_id, label in drawn.items():
            truth = clean.read_label(case_id)
            masks = label == value, truth.array == value
            overlap.append(dice(*masks))
            shift.append(boundary_shift(*masks, truth.spacing))
        found = summarize(overlap), summarize([value for value in shift if math.isfinite(value)])
        words = [f"{one.mean:.3f} ({one.low:.3f} to {one.high:.3f})" for one in found]
        print(f"{kind} {name} {class_name}: Dice {words[0]}, bias {words[1]} mm, {found[0].n} cases")


if __name__ == "__main__":
    main()
