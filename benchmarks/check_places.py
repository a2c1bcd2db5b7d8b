"""How many shifted and mirrored labels `check` notices, and how many clean ones it doubts beside them.

    python benchmarks/check_places.py DATASET ... [--draws 20] [--seed 0]

Of a share of the training labels of each dataset all are shifted by one distance, each along an axis and in a
direction of its own, or mirrored along an axis of its own; all others stay as they are. Of a shift, axes are
left out whose voxels are longer, and ways on which more than a tenth of the label would leave the image;
where too few labels have a way at all, the line is left out.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from alcseg.checking.places import odd_places
from alcseg.checking.sketch import Sketch, sketch
from alcseg.data.dataset_case import Case
from alcseg.data.folder import Dataset

RATES = (0.01, 0.03, 0.1)
SHIFTS_MM = (5, 10, 15, 20)
KINDS = (*(f"shifted {mm} mm" for mm in SHIFTS_MM), "mirrored")


def draw(dataset: Dataset, case: Case, label: np.ndarray) -> Sketch | None:
    """What `check` keeps of a case with another label."""
    volume = replace(dataset.read_label(case.case_id), array=label)
    return sketch(dataset.row(case.case_id), case.images[0], volume, dataset.labels)


def shifted(label: np.ndarray, spacing: tuple[float, ...], mm: float, rng: np.random.Generator) -> np.ndarray:
    """A label moved along one axis, some background moving in; as it is where no way is left."""
    ways = [(axis, sign) for axis in range(3) for sign in (-1, 1) if spacing[axis] <= mm]
    for axis, sign in rng.permutation(ways):
        by = round(mm / spacing[axis])
        moved = np.roll(label, sign * by, axis)
        edge = [slice(None)] * 3
        edge[axis] = slice(None, by) if sign > 0 else slice(-by, None)
        moved[tuple(edge)] = 0
        if (moved > 0).sum() >= 0.9 * (label > 0).sum():
            return moved
    return label


def spoil(dataset: Dataset, rng: np.random.Generator) -> tuple[list[Sketch], dict[str, dict[int, Sketch]]]:
    """Sketches of all labels as they are, and of each kind by the number of the case."""
    clean: list[Sketch] = []
    spoiled: dict[str, dict[int, Sketch]] = {kind: {} for kind in KINDS}
    for row in dataset.rows_where(split="train"):
        case = dataset.read(row.case_id)
        label, spacing = case.label.array, case.label.spacing
        if (found := draw(dataset, case, label)) is None:
            continue
        for kind, mm in zip(KINDS, (*SHIFTS_MM, None), strict=True):
            new = np.flip(label, rng.integers(3)) if mm is None else shifted(label, spacing, mm, rng)
            if (new != label).any() and (one := draw(dataset, case, new)) is not None:
                spoiled[kind][len(clean)] = one
        clean.append(found)
        print(f"\r{dataset.root.name}: {len(clean)}", end="", file=sys.stderr)
    return clean, spoiled


def noted(sketches: list[Sketch]) -> set[str]:
    """Cases that get a note."""
    return {finding.case_id for finding in odd_places(sketches)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("datasets", nargs="+", type=Path)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(
        "| dataset | labels | spoiled | how | found | clean labels doubted |\n|---|---:|---:|---|---:|---:|"
    )
    for path in options.datasets:
        rng = np.random.default_rng(options.seed)
        clean, spoiled = spoil(Dataset.open(path), rng)
        print(f"| {path.name} | {len(clean)} | 0 | | | {len(noted(clean)) / len(clean):.1%} |", flush=True)
        for rate in RATES:
            count = max(1, round(rate * len(clean)))
            for kind in KINDS:
                if len(spoiled[kind]) < count:  # the organ has no room to be moved so far
                    continue
                hits = alarms = 0
                for _ in range(options.draws):
                    chosen = rng.choice(sorted(spoiled[kind]), count, replace=False)
                    mixed = [spoiled[kind][i] if i in chosen else one for i, one in enumerate(clean)]
                    found = noted(mixed)
                    wrong = {clean[i].row.case_id for i in chosen}
                    hits += len(found & wrong)
                    alarms += len(found - wrong)
                every, rest = options.draws * count, options.draws * (len(clean) - count)
                print(
                    f"| | | {count} | {kind} | {hits / every:.0%} of {every} | {alarms / rest:.1%} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
