"""How files become the voxels a network sees, planned from the data as far as no preset says it."""

import logging
from collections.abc import Iterable, Mapping

import numpy as np

from alcseg.data.folder import Dataset
from alcseg.data.geometry import ModelGrid
from alcseg.data.grid_loss import ClassLoss, measure_loss
from alcseg.data.nifti import read_grid
from alcseg.errors import DataError
from alcseg.records.cases import CaseRow
from alcseg.records.plan import Normalization, Plan, WantedSpacing

__all__ = ["MAX_PATCH", "PATCH_MULTIPLE", "make_plan"]

logger = logging.getLogger(__name__)

MAX_PATCH = (112, 112, 80)  # the customary patch of the LA benchmark, the largest that is planned unasked
PATCH_MULTIPLE = 16  # four halvings of the V-Net
_ANISOTROPY_LIMIT = 3.0
_CT_PERCENTILES = (0.5, 99.5)
_MAX_FOREGROUND_SAMPLES = 20_000  # per case; enough for percentiles, bounded in memory


def make_plan(
    folder: Dataset,
    *,
    patch: tuple[int, int, int] | None = None,
    spacing: WantedSpacing | None = None,
    flat_levels: tuple[int, int, int] | None = None,
    normalization: Normalization | None = None,
    clip: tuple[float, float] | None = None,
) -> Plan:
    """Make a plan from the training cases; what is given is taken as it is.

    Args:
        folder: The dataset.
        patch: Side lengths in voxels. Planned: the largest multiples of 16, of less along flat axes, up to
            the median shape and 112x112x80.
        spacing: mm per axis. Planned: the median per axis, or finer where a class would lose more than half
            of its volume in over a tenth of the labels that hold it; an axis over 3 times coarser than the
            finest keeps its own.
        flat_levels: For each axis, in how many of its first levels the network leaves it alone. Planned:
            until its voxels are at most twice as long as the shortest ones have become.
        normalization: Planned: `ct` for a channel named CT, else `zscore`.
        clip: Planned under `ct`: the 0.5 and 99.5 percentiles of the foreground of the HQ training cases.

    Returns:
        The plan.

    Raises:
        DataError: If there is no training case.
    """
    rows = folder.rows_where(split="train")
    if not rows:
        raise DataError(f"{folder.root}: expected cases with split=train, found none. Check cases.csv.")
    if normalization is None:
        is_ct = any(name.strip().upper() in {"CT", "CTA"} for name in folder.channel_names.values())
        normalization = "ct" if is_ct else "zscore"
    if normalization == "ct" and clip is None:
        clip = _foreground_percentiles(folder, rows)
    losses = None if spacing is None else measure_loss(folder, rows, spacing)
    if spacing is None or None in spacing or patch is None:
        spacings, shapes = _fingerprint(folder, rows)
        if spacing is None:
            spacing, losses = _plan_spacing(folder, rows, spacings)
        own = [value is None for value in spacing]
        voxels = np.where(own, spacings, np.array(spacing, dtype=float))  # mm on the model grid, (n, 3)
        flat_levels = flat_levels or _plan_flat_levels(np.median(voxels, axis=0))
        patch = patch or _plan_patch(np.median(shapes * (spacings / voxels), axis=0), flat_levels)
    flat_levels = flat_levels or _plan_flat_levels(np.array(spacing))
    if told := _in_words(losses or {}):
        logger.warning("at %s mm %s. A finer grid: --set data.spacing=[X,Y,Z]", _of(spacing), told)
    return Plan(
        spacing=spacing,
        patch=patch,
        flat_levels=flat_levels,
        normalization=normalization,
        clip=clip,
        label_values=folder.label_values,
        label_names=folder.label_names,
        channel_names=tuple(folder.channel_names.values()),
        kept={name: round(loss.kept, 4) for name, loss in (losses or {}).items()},
    )


def _plan_flat_levels(spacing: np.ndarray) -> tuple[int, int, int]:
    """Halvings of the finest axis until voxels of `spacing` `(3,)` are at most twice as long as wide."""
    halvings = np.ceil(np.log2(spacing / spacing.min()) - 1)
    x, y, z = (int(count) for count in np.clip(halvings, 0, 4))
    return x, y, z


def _plan_patch(sides: np.ndarray, flat_levels: tuple[int, int, int]) -> tuple[int, int, int]:
    """The largest patch that is halved without a rest, within a volume of `sides` `(3,)` and `MAX_PATCH`."""
    multiples = (PATCH_MULTIPLE // 2**flat for flat in flat_levels)
    whole = np.floor(sides + 1e-3).astype(int)  # headers hold float32: 16 voxels of 2.1 mm are 15.999998
    x, y, z = (
        max(multiple, min(side // multiple * multiple, limit))
        for side, multiple, limit in zip(whole.tolist(), multiples, MAX_PATCH, strict=True)
    )
    return x, y, z


def _plan_spacing(
    folder: Dataset, rows: tuple[CaseRow, ...], spacings: np.ndarray
) -> tuple[WantedSpacing, dict[str, ClassLoss]]:
    """The median of the spacings `(n, 3)`, or the coarsest finer one that loses no class, and losses."""
    median = np.median(spacings, axis=0)
    coarse = median > _ANISOTROPY_LIMIT * median.min()
    finer = [np.quantile(spacings, share, axis=0, method="lower") for share in (0.25, 0.0)]
    told = ""
    for wanted in (median, *finer):
        x, y, z = (None if keep else float(value) for keep, value in zip(coarse, wanted, strict=True))
        losses = measure_loss(folder, rows, (x, y, z))
        lost = _in_words(losses)
        if not lost:
            break
        told = told or lost
    if told:
        logger.warning("planned at %s mm: at the median of %s mm %s", _of((x, y, z)), _of(median), told)
    return (x, y, z), losses


def _in_words(losses: Mapping[str, ClassLoss]) -> str:
    """Which classes lose too much."""
    return ", ".join(
        f"class '{name}' loses more than half of its volume in {loss.lost} of {loss.labels} labels "
        f"({loss.kept:.0%} is kept on average)"
        for name, loss in losses.items()
        if loss.too_much
    )


def _of(spacing: Iterable[float | None]) -> str:
    return " x ".join("each case's own" if value is None else f"{value:g}" for value in spacing)


def _fingerprint(folder: Dataset, rows: tuple[CaseRow, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Spacing in mm and shape of each case in RAS axis order, both `(n, 3)`; only headers are read."""
    spacings, shapes = [], []
    for row in rows:
        shape, affine = read_grid(folder.image_paths(row.case_id)[0])
        grid = ModelGrid.between(shape, affine)
        spacings.append(grid.spacing)
        shapes.append(grid.shape)
    return np.array(spacings), np.array(shapes)


def _foreground_percentiles(folder: Dataset, rows: tuple[CaseRow, ...]) -> tuple[float, float]:
    """0.5 and 99.5 percentiles of the first channel inside the labels of the HQ cases."""
    samples = []
    for row in rows:
        if row.quality != "hq":
            continue
        case = folder.read(row.case_id)
        if case.label is None:
            continue
        values = case.images[0].array[case.label.array != folder.label_values[0]]
        samples.append(values[:: max(1, len(values) // _MAX_FOREGROUND_SAMPLES)])
    if not samples or not sum(map(len, samples)):
        raise DataError(
            f"{folder.root}: expected HQ training cases with foreground to plan the CT intensity "
            "window, found none. Give it with --set data.clip=[LOW,HIGH]."
        )
    low, high = np.percentile(np.concatenate(samples), _CT_PERCENTILES)
    return float(low), float(high)
