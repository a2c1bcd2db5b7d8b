"""Patches from disk: the lineage reads the whole h5 volume for each."""

import tempfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import torch
from race import Growth, Race

from alcseg.data.cache import CachedCase
from alcseg.data.sampling import StepDataset
from alcseg.data.transforms import Augmentation

VOLUME = (240, 180, 88)  # of a left atrium, cropped as the benchmark crops it
STEP, SEED = 3, 0


def paths() -> list[Race]:
    """Four patches of the preset `la` and of `hippocampus` from volumes of a left atrium."""
    return [_race((112, 112, 80)), _race((48, 48, 32))]


def growths() -> list[Growth]:
    """Against the volume around a patch, which is to make no difference, and the patches."""
    folder = Path(tempfile.mkdtemp())

    def volume(side: int):
        return _ours(cached_case(folder, f"side-{side}", (side,) * 3), (48, 48, 32))

    def batch(count: int):
        return _ours(cached_case(folder, f"batch-{count}", (128,) * 3), (48, 48, 32), count)

    return [
        Growth("4 patches of 48x48x32", "side of the volume", (64, 128, 256), volume, 0, 0),
        Growth("patches of 48x48x32", "patches", (4, 16, 64), batch, 1, 1),
    ]


def _ours(case: CachedCase, patch, count: int = 4):
    batches = StepDataset({"lq": [case]}, {"lq": count}, patch, Augmentation(), seed=SEED)
    return lambda: batches[STEP]["lq"]


def cached_case(folder: Path, name: str, shape) -> CachedCase:
    """A volume in the cache; values that float16 holds."""
    rng = np.random.default_rng(0)
    image = rng.normal(size=(1, *shape)).astype(np.float16)
    label = np.zeros(shape, np.uint8)
    label[tuple(slice(side // 3, 2 * side // 3) for side in shape)] = 1
    np.save(folder / f"{name}.image.npy", image)
    np.save(folder / f"{name}.label.npy", label)
    return CachedCase(name, "lq", folder / name, "")


def _race(patch) -> Race:
    folder = Path(tempfile.mkdtemp())
    case = cached_case(folder, "case", VOLUME)
    with h5py.File(folder / "case.h5", "w") as file:
        file.create_dataset("image", data=case.image()[0].astype(np.float32), compression="gzip")
        file.create_dataset("label", data=case.label(), compression="gzip")

    def theirs():
        images, labels = [], []
        for slot in range(4):
            with h5py.File(folder / "case.h5") as file:
                image, label = file["image"][:], file["label"][:]
            rng = np.random.default_rng([SEED, zlib.crc32(b"lq"), STEP, slot])
            rng.random()  # as ours: whether the patch lies on foreground
            start = [
                int(rng.integers(have - side + 1)) for have, side in zip(image.shape, patch, strict=True)
            ]
            window = tuple(slice(first, first + side) for first, side in zip(start, patch, strict=True))
            images.append(torch.from_numpy(image[window][None].copy()))
            labels.append(torch.from_numpy(label[window].astype(np.int64)))
        return torch.stack(images), torch.stack(labels)

    size = "x".join(map(str, patch))
    inside = "x".join(map(str, VOLUME))
    return Race(
        f"4 patches of {size} out of {inside}",
        "h5 gzip, whole volume",
        _ours(case, patch),
        theirs,
        _equal,
        20,
    )


def _equal(ours, theirs) -> str:
    torch.testing.assert_close(ours.image, theirs[0], rtol=0, atol=0)
    torch.testing.assert_close(ours.label, theirs[1], rtol=0, atol=0)
    return "the same voxels"
