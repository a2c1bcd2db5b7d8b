"""Patches for training, drawn by counters instead of by a running random state.

Draw k of a stream takes entry k mod n of the permutation seeded by (seed, stream, k div n); crop and
augmentation in slot i at step n are seeded by (seed, stream, n, i). So neither the number of workers, nor
their order, nor a killed and resumed run changes a batch.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from alcseg.data.cache import CachedCase
from alcseg.data.padding import lowest, missing, pad
from alcseg.data.transforms import Augmentation

__all__ = ["Patches", "StepDataset", "stream_case"]

_TRIES = 100  # at a voxel that somebody labeled, before all are listed


@dataclass
class Patches:
    """A batch of patches from one stream.

    Attributes:
        image: `(B, C, X, Y, Z)` float32.
        label: Class indices as given, `(B, X, Y, Z)` int64.
        case_ids: Name of each patch's case.
        slots: Number of each patch in the batch over all processes, `(B,)`.
        distance: Signed distance in mm to the given boundary of each foreground class in the whole volume,
            `(B, K - 1, X, Y, Z)` float32; for methods with `needs_distance`.
        known: Voxels that somebody labeled, bool, `(B, X, Y, Z)`; None where that is all of them.
        undrawn: Classes that nobody drew in a patch's case, bool, `(B, K)`; None where all were drawn in all.
    """

    image: Tensor
    label: Tensor
    case_ids: list[str]
    slots: Tensor
    distance: Tensor | None = None
    known: Tensor | None = None
    undrawn: Tensor | None = None

    def __len__(self) -> int:
        return len(self.case_ids)


def stream_case(seed: int, stream: str, draw: int, count: int) -> int:
    """Index of the case that draw number `draw` of a stream over `count` cases takes."""
    order = np.random.default_rng([seed, zlib.crc32(stream.encode()), draw // count]).permutation(count)
    return int(order[draw % count])


@dataclass(frozen=True, eq=False)
class StepDataset(Dataset[dict[str, Patches]]):
    """The batch of each training step.

    Attributes:
        streams: Cases per stream.
        sizes: Patches per step and stream, over all processes.
        patch: Side lengths in voxels.
        augmentation: Applied to each patch.
        seed: Of the run.
        foreground_fraction: Share of patches centered on foreground of the given label: on a random voxel of
            a random one of its classes, so that small ones are met as often as large ones; 0 crops uniformly,
            or where nobody labeled some voxels centers on one that somebody did.
        distance_classes: Classes, background counted, where patches carry distances to the given boundaries.
        num_classes: Classes, background counted; only asked for where some were not drawn in a case.
        rank: Which process this is.
        world_size: Number of processes; each takes an equal block of the slots.
    """

    streams: Mapping[str, Sequence[CachedCase]]
    sizes: Mapping[str, int]
    patch: tuple[int, int, int]
    augmentation: Augmentation
    _: KW_ONLY
    seed: int
    foreground_fraction: float = 0.0
    distance_classes: int | None = None
    num_classes: int = 0
    rank: int = 0
    world_size: int = 1

    @cached_property
    def _has_unknown(self) -> bool:
        """Whether nobody labeled some voxels of a case; then all patches carry `known`."""
        return any(case.known() is not None for cases in self.streams.values() for case in cases)

    @cached_property
    def _has_undrawn(self) -> bool:
        """Whether a class was not drawn in a case; then all patches carry `undrawn`."""
        return any(case.undrawn for cases in self.streams.values() for case in cases)

    def __getitem__(self, step: int) -> dict[str, Patches]:
        """Batch of one step, by stream."""
        return {stream: self._patches(stream, step) for stream in self.streams}

    def _patches(self, stream: str, step: int) -> Patches:
        cases, size = self.streams[stream], self.sizes[stream]
        share = size // self.world_size
        slots = range(self.rank * share, (self.rank + 1) * share)
        images, labels, distances, names, known, undrawn = [], [], [], [], [], []
        for slot in slots:
            case = cases[stream_case(self.seed, stream, step * size + slot, len(cases))]
            rng = np.random.default_rng([self.seed, zlib.crc32(stream.encode()), step, slot])
            image, label, *maps = self.augmentation(*self._crop(case, rng), rng=rng)
            images.append(torch.from_numpy(image))
            labels.append(torch.from_numpy(label.astype(np.int64)))  # a copy: the cache is read-only
            if self._has_unknown:
                known.append(torch.from_numpy(maps.pop()))
            distances += [torch.from_numpy(each.astype(np.float32)) for each in maps]
            names.append(case.case_id)
            undrawn.append([index in case.undrawn for index in range(self.num_classes)])
        return Patches(
            torch.stack(images),
            torch.stack(labels),
            names,
            torch.tensor(list(slots)),
            torch.stack(distances) if distances else None,
            torch.stack(known) if self._has_unknown else None,
            torch.tensor(undrawn) if self._has_undrawn else None,
        )

    def _crop(self, case: CachedCase, rng: np.random.Generator) -> tuple[NDArray[Any], ...]:
        """Random crop of image, label and, where asked for, distances and known voxels.

        A volume smaller than the patch is padded as in `padding.py`; label, distances and known voxels with
        background, infinity and true.
        """
        image, label, known = case.image(), case.label(), case.known()
        center = None
        if rng.random() < self.foreground_fraction:
            center = _foreground_voxel(label, known, rng)
        if center is None and known is not None:
            center = _known_voxel(known, rng)
        window = []
        for axis, side in enumerate(self.patch):
            room = label.shape[axis] - side
            if room < 0:
                window.append(slice(None))
                continue
            offset = int(rng.integers(room + 1))
            if center is not None:
                offset = min(max(int(center[axis]) - side // 2, 0), room)
            window.append(slice(offset, offset + side))
        padding = missing(label.shape, self.patch)
        crop = np.asarray(image[(slice(None), *window)], dtype=np.float32)
        mask = np.asarray(label[tuple(window)])
        maps = []
        if self.distance_classes is not None:
            distance = case.distance(self.distance_classes)
            maps.append(np.asarray(distance[(slice(None), *window)]))
        if any(amount for pair in padding for amount in pair):
            crop = pad(crop, padding, lowest(image))
            mask = np.pad(mask, padding)
            maps = [np.pad(part, [(0, 0), *padding], constant_values=np.inf) for part in maps]
        if self._has_unknown:
            there = np.ones(mask.shape, bool)
            if known is not None:
                there = np.pad(known[tuple(window)], padding, constant_values=True)
            maps.append(there)
        return crop, mask, *maps


def _known_voxel(known: NDArray[np.bool_], rng: np.random.Generator) -> tuple[int, ...]:
    """A random voxel that somebody labeled, of a volume that has one."""
    for _ in range(_TRIES):
        voxel = tuple(int(rng.integers(side)) for side in known.shape)
        if known[voxel]:
            return voxel
    voxels = np.flatnonzero(known)
    return tuple(int(i) for i in np.unravel_index(voxels[rng.integers(voxels.size)], known.shape))


def _foreground_voxel(
    label: NDArray[Any], known: NDArray[np.bool_] | None, rng: np.random.Generator
) -> tuple[int, ...] | None:
    """A random voxel of a random foreground class that the label `(X, Y, Z)` holds; None without any."""
    voxels = np.flatnonzero(label if known is None else np.where(known, label, 0))
    if not voxels.size:
        return None
    classes = label.ravel()[voxels]
    present = np.flatnonzero(np.bincount(classes))
    if len(present) > 1:
        voxels = voxels[classes == present[rng.integers(len(present))]]
    return tuple(int(i) for i in np.unravel_index(voxels[rng.integers(voxels.size)], label.shape))
