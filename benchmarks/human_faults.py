"""Spoil labels as people and file handling do: `python benchmarks/human_faults.py DATASET OUT --bad 15`.

Independent of the noise models of the package, so that what was tuned on those can be tried on something
else. Draws `--cases` of the dataset, keeps `--trusted` of them as they are (quality hq), and of the others
(quality lq) spoils `--bad` by ten faults in turn. The clean labels lie in OUT/labelsClean, the faults in
OUT/faults.csv.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from scipy import ndimage

import alcseg
from alcseg.data.nifti import read_label
from alcseg.data.writer import write_label
from alcseg.files import link_or_copy

FAULTS = (
    "brush_big", "brush_small", "missing_slices", "classes_exchanged", "half_drawn", "ragged", "shifted",
    "mirrored", "other_patient", "class_forgotten",
)  # fmt: skip


def main() -> None:
    """Write the dataset."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset")
    parser.add_argument("out", type=Path)
    parser.add_argument("--cases", type=int, default=59)
    parser.add_argument("--skip", type=int, default=0, help="cases of the drawn order that are passed over")
    parser.add_argument("--trusted", type=int, default=8)
    parser.add_argument("--bad", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    source = alcseg.Dataset.open(args.dataset)
    names = np.random.default_rng(1).permutation(sorted(row.case_id for row in source.rows))
    names = names[args.skip : args.skip + args.cases]
    trusted, doubted = names[: args.trusted], names[args.trusted :]
    fault_of = {name: FAULTS[index % len(FAULTS)] for index, name in enumerate(doubted[: args.bad])}
    out, ending = args.out, source.file_ending
    for name in names:
        for image in source.image_paths(name):
            link_or_copy(image, out / "imagesTr" / image.name)
        given = source.read_label(name)
        rng = np.random.default_rng([args.seed, *name.encode()])
        label = given.array
        if name in fault_of:
            other = read_label(source.label_path(doubted[int(rng.integers(len(doubted)))])).array
            label = spoil(label, fault_of[name], other, rng)
        write_label(out / "labelsTr" / f"{name}{ending}", label, given)
        if name in doubted:
            write_label(out / "labelsClean" / f"{name}{ending}", given.array, given)
    link_or_copy(Path(source.root) / "dataset.json", out / "dataset.json")
    with (out / "cases.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [("case_id", "split", "quality", "group")]
            + [(name, "train", "hq" if name in trusted else "lq", name) for name in sorted(names)]
        )
    with (out / "faults.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("case_id", "fault"), *sorted(fault_of.items())])


def spoil(label: np.ndarray, fault: str, other: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One fault, made on the label map of a case."""
    organ = label > 0
    ball = ndimage.generate_binary_structure(3, 1)
    low, high = (f(np.argwhere(organ), axis=0) for f in (np.min, np.max))
    new = label.copy()
    if fault == "brush_big":
        grown = ndimage.binary_dilation(organ, ball, iterations=int(rng.integers(2, 4)))
        nearest = ndimage.distance_transform_edt(~organ, return_distances=False, return_indices=True)
        new = np.where(grown, label[tuple(nearest)], 0)
    elif fault == "brush_small":
        core = ndimage.binary_erosion(organ, ball, iterations=1 + int(rng.random() < 0.3))
        new[~core] = 0
    elif fault == "missing_slices":
        axis = int(rng.integers(3))
        count = high[axis] - low[axis] + 1
        for index in rng.choice(count, max(2, int(count * rng.uniform(0.25, 0.45))), replace=False):
            new[(slice(None),) * axis + (low[axis] + index,)] = 0
    elif fault == "classes_exchanged":
        names = np.arange(label.max() + 1)
        names[[1, 2]] = 2, 1
        new = names[label]
    elif fault == "half_drawn":
        axis = int(np.argmax(high - low))
        cut = low[axis] + int((high[axis] - low[axis]) * rng.uniform(0.4, 0.65))
        new[(slice(None),) * axis + (slice(cut, None),)] = 0
    elif fault == "ragged":
        rim = ndimage.binary_dilation(organ, ball) & ~ndimage.binary_erosion(organ, ball)
        bites = ndimage.binary_dilation(rim & (rng.random(label.shape) < 0.08), ball)
        add = ndimage.binary_dilation(rim & (rng.random(label.shape) < 0.08), ball)
        new[bites] = 0
        nearest = ndimage.distance_transform_edt(~organ, return_distances=False, return_indices=True)
        new = np.where(add & ~bites, label[tuple(nearest)], new)
    elif fault == "shifted":
        new = np.roll(label, rng.integers(3, 6, 3) * rng.choice([-1, 1], 3), (0, 1, 2))
    elif fault == "mirrored":
        new = np.flip(label, int(rng.integers(3))).copy()
    elif fault == "other_patient":
        new = np.zeros_like(label)
        size = np.minimum(label.shape, other.shape)
        at = tuple(slice(0, n) for n in size)
        new[at] = other[at]
    elif fault == "class_forgotten":
        new[new == int(rng.integers(1, label.max() + 1))] = 0
    return new.astype(label.dtype)


if __name__ == "__main__":
    main()
