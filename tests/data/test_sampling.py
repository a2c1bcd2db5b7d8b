"""Batches drawn by counters: what a step holds depends on the seed, the stream and the step alone."""

import dataclasses
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from alcseg.data.cache import CachedCase
from alcseg.data.sampling import Patches, StepDataset, stream_case
from alcseg.data.transforms import Augmentation
from alcseg.records.cached_case import CachedCaseRecord

MakeCase = Callable[..., CachedCase]
EVERYTHING = Augmentation((0, 1, 2), (0, 1), 0.2, 0.2)


@pytest.fixture
def make_case(tmp_path: Path, rng: np.random.Generator) -> MakeCase:
    """A cached case; its label is the image thresholded, so that a crop tells whether both went alike."""

    def make(name: str, shape: tuple[int, int, int] = (9, 8, 7), quality: str = "hq") -> CachedCase:
        image = rng.integers(-8, 8, (1, *shape)).astype(np.float16)
        np.save(tmp_path / f"{name}.image.npy", image)
        np.save(tmp_path / f"{name}.label.npy", (image[0] > 2).astype(np.uint8))
        return CachedCase(name, quality, tmp_path / name, "hash")

    return make


def cached(spacing: tuple[float, float, float]) -> CachedCaseRecord:
    return CachedCaseRecord(source_hash="hash", shape=(4, 4, 2), spacing=spacing, foreground_voxels=1)


@pytest.mark.parametrize("stream", ["hq", "union"])
@pytest.mark.parametrize("count", [1, 5])
def test_an_epoch_of_a_stream_takes_every_case_once(stream: str, count: int) -> None:
    for epoch in range(3):
        draws = [stream_case(7, stream, epoch * count + k, count) for k in range(count)]
        assert sorted(draws) == list(range(count))


def test_streams_seeds_and_epochs_have_orders_of_their_own() -> None:
    def order(seed: int, stream: str, epoch: int) -> tuple[int, ...]:
        return tuple(stream_case(seed, stream, epoch * 12 + k, 12) for k in range(12))

    orders = [order(*key) for key in ((0, "hq", 0), (0, "hq", 1), (0, "lq", 0), (1, "hq", 0))]
    assert len(set(orders)) == 4


def test_shares_of_processes_together_are_the_batch_of_one(make_case: MakeCase) -> None:
    streams = {"hq": [make_case("a"), make_case("b")], "lq": [make_case("c", quality="lq")]}
    sizes = {"hq": 2, "lq": 4}

    def batch(rank: int, world_size: int) -> dict:
        return StepDataset(streams, sizes, (4, 4, 4), EVERYTHING, seed=1, rank=rank, world_size=world_size)[5]

    whole, halves = batch(0, 1), [batch(0, 2), batch(1, 2)]
    for stream in streams:
        parts = [half[stream] for half in halves]
        assert torch.equal(torch.cat([part.image for part in parts]), whole[stream].image)
        assert torch.equal(torch.cat([part.label for part in parts]), whole[stream].label)
        assert torch.equal(torch.cat([part.slots for part in parts]), whole[stream].slots)
        assert [name for part in parts for name in part.case_ids] == whole[stream].case_ids


def test_a_step_is_the_same_whenever_it_is_asked_for(make_case: MakeCase) -> None:
    streams = {"hq": [make_case("a"), make_case("b")]}

    def dataset(seed: int) -> StepDataset:
        return StepDataset(streams, {"hq": 3}, (4, 4, 4), EVERYTHING, seed=seed)

    first = dataset(0)
    batches = [first[step]["hq"].image for step in range(4)]
    assert torch.equal(dataset(0)[3]["hq"].image, batches[3])
    assert not torch.equal(batches[0], batches[1])
    assert not torch.equal(dataset(1)[3]["hq"].image, batches[3])


def test_image_and_label_go_together(make_case: MakeCase) -> None:
    augmentation = Augmentation((0, 1, 2), (0, 1))
    dataset = StepDataset({"hq": [make_case("a")]}, {"hq": 4}, (4, 4, 3), augmentation, seed=2)
    for step in range(20):
        patches = dataset[step]["hq"]
        assert patches.image.shape == (4, 1, 4, 4, 3)
        assert patches.image.dtype == torch.float32
        assert patches.label.dtype == torch.int64
        assert torch.equal(patches.label, (patches.image[:, 0] > 2).long())


def test_every_offset_is_drawn_the_last_included(make_case: MakeCase) -> None:
    case = make_case("a", (6, 4, 4))
    image = np.asarray(case.image(), np.float32)[0]
    dataset = StepDataset({"hq": [case]}, {"hq": 1}, (4, 4, 4), Augmentation(), seed=0)
    found = Counter(
        next(x for x in range(3) if np.array_equal(dataset[step]["hq"].image[0, 0].numpy(), image[x : x + 4]))
        for step in range(60)
    )
    assert set(found) == {0, 1, 2}
    assert min(found.values()) > 8  # 20 expected of each


def test_a_volume_smaller_than_the_patch_is_centered(make_case: MakeCase) -> None:
    case = make_case("a", (3, 4, 4))
    image = np.asarray(case.image(), np.float32)[0]
    patches = StepDataset({"hq": [case]}, {"hq": 1}, (6, 4, 4), Augmentation(), seed=0)[0]["hq"]
    crop = patches.image[0, 0].numpy()
    assert crop.shape == (6, 4, 4)
    (start,) = (x for x in range(4) if np.array_equal(crop[x : x + 3], image))
    assert start in (1, 2)  # three missing slices: one on the one side, two on the other
    outside = np.delete(crop, range(start, start + 3), axis=0)
    assert (outside == image.min()).all()
    assert not patches.label[0, :start].any()


def test_foreground_crops_hold_foreground(make_case: MakeCase, tmp_path: Path) -> None:
    case = make_case("a", (20, 20, 20))
    label = np.zeros((20, 20, 20), np.uint8)
    label[0, 19, 10] = 1
    np.save(tmp_path / "a.label.npy", label)
    dataset = StepDataset(
        {"hq": [case]}, {"hq": 2}, (4, 4, 4), Augmentation(), seed=0, foreground_fraction=1.0
    )
    assert all(dataset[step]["hq"].label.sum((1, 2, 3)).tolist() == [1, 1] for step in range(5))
    np.save(tmp_path / "a.label.npy", np.zeros_like(label))
    assert dataset[0]["hq"].label.sum() == 0


def test_a_small_class_is_met_as_often_as_a_large_one(make_case: MakeCase, tmp_path: Path) -> None:
    case = make_case("a", (40, 40, 40))
    label = np.zeros((40, 40, 40), np.uint8)
    label[10:40, 10:40, 10:40] = 1
    label[2:4, 2:4, 2] = 3  # 4 voxels beside 27,000; class 2 is not there
    np.save(tmp_path / "a.label.npy", label)
    data = StepDataset({"hq": [case]}, {"hq": 4}, (6, 6, 6), Augmentation(), seed=0, foreground_fraction=1.0)
    met = sum(bool((patch == 3).any()) for step in range(25) for patch in data[step]["hq"].label)
    assert 35 < met < 65  # half of 100 patches; 0 if a voxel is drawn among all


def test_with_one_class_a_voxel_is_drawn_among_all(make_case: MakeCase, tmp_path: Path) -> None:
    case = make_case("a", (9, 9, 9))
    image, label = np.asarray(case.image(), np.float32), np.asarray(case.label())
    data = StepDataset({"hq": [case]}, {"hq": 1}, (3, 3, 3), Augmentation(), seed=3, foreground_fraction=1.0)
    rng = np.random.default_rng([3, zlib.crc32(b"hq"), 5, 0])
    assert rng.random() < 1
    voxels = np.flatnonzero(label)  # the draws of earlier releases
    center = np.unravel_index(voxels[rng.integers(voxels.size)], label.shape)
    x, y, z = (min(max(int(index) - 1, 0), 6) for index in center)
    assert np.array_equal(data[5]["hq"].image[0].numpy(), image[:, x : x + 3, y : y + 3, z : z + 3])


def test_distances_belong_to_the_whole_volume_and_go_with_the_label(make_case: MakeCase) -> None:
    case = make_case("a", (20, 8, 4))
    label = np.zeros((20, 8, 4), np.uint8)
    label[2:6, 3:6] = 1
    np.save(f"{case.stem}.label.npy", label)
    cached((2.0, 2.0, 2.0)).write_file(case.record_path)
    data = StepDataset({"hq": [case]}, {"hq": 4}, (4, 4, 4), EVERYTHING, seed=0, distance_classes=2)
    nearest = set()
    for step in range(10):
        patches = data[step]["hq"]
        assert patches.distance is not None
        assert patches.distance.shape == (4, 1, 4, 4, 4)
        assert torch.equal(patches.distance[:, 0] < 0, patches.label == 1)
        nearest |= set(patches.distance.flatten(1).min(1).values.tolist())
    # A patch without foreground still knows how far it lies from the organ outside of it.
    assert max(nearest) > 0
    assert np.isfinite(max(nearest))


def test_padding_is_infinitely_far(make_case: MakeCase) -> None:
    case = make_case("a", (4, 4, 2))
    np.save(f"{case.stem}.label.npy", np.eye(4, dtype=np.uint8)[..., None].repeat(2, 2))
    cached((1.0, 1.0, 1.0)).write_file(case.record_path)
    patches = StepDataset({"hq": [case]}, {"hq": 1}, (4, 4, 4), Augmentation(), seed=0, distance_classes=2)[
        0
    ]["hq"]
    assert patches.distance is not None
    assert torch.isinf(patches.distance[0, 0]).sum() == 4 * 4 * 2


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_no_patch_is_centered_where_nobody_labeled(
    fraction: float, make_case: MakeCase, tmp_path: Path
) -> None:
    case, other = make_case("a", (15, 9, 9)), make_case("b", (15, 9, 9))
    known = np.zeros((15, 9, 9), bool)
    known[4:7, 3:6, 3:6] = True
    np.save(tmp_path / "a.known.npy", known)
    data = StepDataset(
        {"hq": [case, other]}, {"hq": 2}, (3, 3, 3), EVERYTHING, seed=0, foreground_fraction=fraction
    )
    for step in range(20):
        patches = data[step]["hq"]
        assert patches.known is not None
        for name, there in zip(patches.case_ids, patches.known, strict=True):
            assert there.all() if name == "b" else there[1, 1, 1]
    assert patches.undrawn is None


def test_known_voxels_go_with_the_label_and_padding_is_known(make_case: MakeCase, tmp_path: Path) -> None:
    case = make_case("a", (6, 6, 2))
    np.save(tmp_path / "a.known.npy", np.asarray(case.label()) == 0)
    data = StepDataset({"hq": [case]}, {"hq": 3}, (4, 4, 4), EVERYTHING, seed=0, distance_classes=2)
    cached((1.0, 1.0, 1.0)).write_file(case.record_path)
    for step in range(5):
        patches = data[step]["hq"]
        assert patches.known is not None
        assert torch.equal(patches.known, patches.label == 0)
        assert patches.distance is not None
        assert torch.isinf(patches.distance[:, 0][~patches.known]).all()


def test_patches_tell_which_classes_were_not_drawn(make_case: MakeCase) -> None:
    partial, whole = dataclasses.replace(make_case("a"), undrawn=(2,)), make_case("b")
    data = StepDataset({"hq": [partial, whole]}, {"hq": 2}, (4, 4, 4), Augmentation(), seed=0, num_classes=3)
    patches = data[0]["hq"]
    assert patches.undrawn is not None
    told = dict(zip(patches.case_ids, patches.undrawn.tolist(), strict=True))
    assert told == {"a": [False, False, True], "b": [False, False, False]}
    assert patches.known is None


def test_patches_say_nothing_of_quality() -> None:
    assert {field.name for field in dataclasses.fields(Patches)} == {
        "image",
        "label",
        "case_ids",
        "slots",
        "distance",  # of the given label alone
        "known",  # where there is a label at all
        "undrawn",
    }
