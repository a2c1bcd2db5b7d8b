"""Patches that leave a layer one value to normalize, for methods and networks of different kinds."""

import pytest

from alcseg.config import resolve
from alcseg.errors import ConfigError
from alcseg.inference.load import build_method
from alcseg.records.plan import Plan
from alcseg.training.smallest_batch import require_statistics


def check(method: str, patch: tuple[int, int, int], *assignments: str) -> None:
    plan = Plan(
        spacing=(1.0, 1.0, 1.0),
        patch=patch,
        normalization="none",
        clip=None,
        label_values=(0, 1),
        label_names=("background", "organ"),
        channel_names=("MRI",),
    )
    both = ("data.hq_batch=2", "data.lq_batch=2", "network.filters=2", "trainer.steps=1", *assignments)
    settings = resolve(method, assignments=both)
    require_statistics(build_method(settings, plan), settings)


@pytest.mark.parametrize(
    ("method", "patch", "assignments"),
    [
        ("h_sup", (16, 16, 16), ()),
        ("h_sup", (16, 16, 17), ("data.hq_batch=1",)),  # padded to two voxels at the deepest level
        ("hl_sup", (16, 16, 16), ("data.hq_batch=1", "data.lq_batch=1")),  # two patches pass together
        ("alc", (16, 16, 16), ("data.hq_batch=1",)),  # the student sees three patches, the teacher two
        ("mean_teacher", (32, 16, 16), ("data.hq_batch=1", "data.lq_batch=1")),
        ("h_sup", (8, 8, 8), ("network.name=segresnet", "network.filters=8", "data.hq_batch=1")),
    ],
)
def test_what_can_be_trained_passes(method: str, patch: tuple[int, int, int], assignments: tuple[str, ...]):
    check(method, patch, *assignments)


@pytest.mark.parametrize(
    ("method", "patch", "assignments", "remedy"),
    [
        ("h_sup", (16, 16, 16), ("data.hq_batch=1",), r"\[16, 16, 32\] or data\.hq_batch=2\."),
        ("h_sup", (10, 12, 9), ("data.hq_batch=1",), r"\[10, 32, 9\] or data\.hq_batch=2\."),
        ("alc", (16, 16, 16), ("data.lq_batch=1",), r"\[16, 16, 32\] or data\.lq_batch=2\."),
        # DynUNet normalizes every patch by itself: no batch helps.
        ("h_sup", (16, 16, 16), ("network.name=dynunet",), r"\[16, 16, 32\]\.$"),
    ],
)
def test_one_value_is_refused_with_what_works(
    method: str, patch: tuple[int, int, int], assignments: tuple[str, ...], remedy: str
):
    with pytest.raises(
        ConfigError, match=rf"^data\.patch=.*got one voxel of one patch\. .*{remedy}"
    ) as caught:
        check(method, patch, *assignments)
    first = str(caught.value).split("Use ")[1].split(" or ")[0].rstrip(".")
    sides = tuple(int(side) for side in first.removeprefix("data.patch=[").rstrip("]").split(","))
    check(method, sides, *assignments)
