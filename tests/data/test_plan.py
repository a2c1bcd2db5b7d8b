"""A plan made from the headers of the training cases."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from alcseg.data.folder import Dataset
from alcseg.data.plan import make_plan
from alcseg.errors import DataError
from alcseg.records.cases import CaseRow
from alcseg.records.dataset import DatasetRecord
from alcseg.records.plan import Plan

MakeFolder = Callable[..., Dataset]


@pytest.fixture
def make_folder(tmp_path: Path, rng: np.random.Generator) -> MakeFolder:
    """A dataset whose cases have these shapes and spacings; intensities in the label are 100..199."""

    def make(
        cases: Sequence[tuple[tuple[int, int, int], tuple[float, float, float]]],
        *,
        channel: str = "MRI",
        qualities: Sequence[str] = (),
    ) -> Dataset:
        rows = []
        for index, (shape, spacing) in enumerate(cases):
            affine = np.diag([*spacing, 1.0])
            image = rng.integers(-1000, 0, shape).astype(np.float32)
            label = np.zeros(shape, np.uint8)
            quality = qualities[index] if qualities else "hq"
            label.flat[:100] = 1
            image.flat[:100] = np.arange(100) + (100 if quality == "hq" else 5000)
            for kind, array in (("imagesTr/c{}_0000", image), ("labelsTr/c{}", label)):
                path = tmp_path / f"{kind.format(index)}.nii.gz"
                path.parent.mkdir(exist_ok=True)
                nib.save(nib.Nifti1Image(array, affine), path)
            rows.append(
                CaseRow(case_id=f"c{index}", quality=quality, split="train", group=f"c{index}", source="")
            )
        CaseRow.write(tmp_path, rows)
        labels = {"background": 0, "organ": 1}
        DatasetRecord(
            name="made", channel_names={"0": channel}, labels=labels, num_training=len(cases)
        ).write(tmp_path)
        return Dataset.open(tmp_path)

    return make


@pytest.fixture
def thin(tmp_path: Path, rng: np.random.Generator) -> Callable[..., Dataset]:
    """Scans of 0.5 mm with an organ and a vessel of one voxel, and of 1 mm with the organ alone."""

    def make(fine: int, coarse: int) -> Dataset:
        rows = []
        for index in range(fine + coarse):
            step, size = (0.5, 24) if index < fine else (1.0, 12)
            label = np.zeros((size,) * 3, np.uint8)
            label[: size // 3, : size // 3, : size // 3] = 1
            if index < fine:
                label[size // 2, size // 2, 2:-2] = 2
            for kind, array in (
                ("imagesTr/c{}_0000", rng.normal(size=label.shape).astype(np.float32)),
                ("labelsTr/c{}", label),
            ):
                path = tmp_path / f"{kind.format(index)}.nii.gz"
                path.parent.mkdir(exist_ok=True)
                nib.save(nib.Nifti1Image(array, np.diag([step] * 3 + [1])), path)
            rows.append(CaseRow(case_id=f"c{index}"))
        CaseRow.write(tmp_path, rows)
        labels = {"background": 0, "organ": 1, "vessel": 2}
        DatasetRecord(name="thin", channel_names={"0": "MRI"}, labels=labels).write(tmp_path)
        return Dataset.open(tmp_path)

    return make


def test_a_class_that_would_vanish_keeps_a_finer_grid(
    thin: Callable[..., Dataset], caplog: pytest.LogCaptureFixture
) -> None:
    folder = thin(2, 3)
    plan = make_plan(folder)
    assert plan.spacing == (0.5, 0.5, 0.5)
    assert plan.kept == {}  # nothing is made coarser
    assert "planned at 0.5 x 0.5 x 0.5 mm: at the median of 1 x 1 x 1 mm class 'vessel' loses" in caplog.text
    assert "in 2 of 2 labels (0% is kept on average)" in caplog.text
    caplog.clear()
    asked = make_plan(folder, spacing=(1.0, 1.0, 1.0))  # what is given is taken
    assert asked.spacing == (1.0, 1.0, 1.0)
    assert asked.kept == {"organ": 1.0, "vessel": 0.0}
    assert "at 1 x 1 x 1 mm class 'vessel' loses more than half of its volume in 2 of 2" in caplog.text


def test_doubtful_labels_ask_for_no_finer_grid(
    thin: Callable[..., Dataset], caplog: pytest.LogCaptureFixture
) -> None:
    folder = thin(1, 3)
    rows = (folder.rows[0].model_copy(update={"quality": "lq"}), *folder.rows[1:])
    assert make_plan(replace(folder, rows=rows)).spacing == (1.0, 1.0, 1.0)
    assert not caplog.text


def test_spacing_is_the_median_and_patch_the_largest_multiples(make_folder: MakeFolder) -> None:
    # Median spacing 1.0; the case of 2 mm has 66 x 40 x 34 voxels of 1 mm, so median sides are 40 x 33 x 34:
    # the largest multiples of 16 below are 32.
    plan = make_plan(
        make_folder(
            [
                ((33, 20, 17), (2.0, 2.0, 2.0)),
                ((40, 33, 34), (1.0, 1.0, 1.0)),
                ((39, 36, 50), (1.0, 1.0, 1.0)),
            ]
        )
    )
    assert plan.spacing == (1.0, 1.0, 1.0)
    assert plan.patch == (32, 32, 32)
    assert plan.normalization == "zscore"
    assert plan.clip is None
    assert (plan.label_values, plan.label_names, plan.channel_names) == (
        (0, 1),
        ("background", "organ"),
        ("MRI",),
    )


def test_a_thick_axis_keeps_its_own_spacing(make_folder: MakeFolder) -> None:
    # Over three times the finest: 3.5 > 3 * 1.0; its patch side is in its own voxels, halved three times.
    plan = make_plan(make_folder([((40, 40, 8), (1.0, 1.5, 3.5)), ((40, 40, 9), (1.0, 1.5, 4.5))]))
    assert plan.spacing == (1.0, 1.5, None)
    assert (plan.patch, plan.flat_levels) == ((32, 32, 8), (0, 0, 1))


@pytest.mark.parametrize(
    ("spacing", "flat"),
    [
        ((1.0, 1.0, 1.0), (0, 0, 0)),
        ((1.0, 1.5, 2.0), (0, 0, 0)),  # at most twice
        ((1.0, 1.0, 2.1), (0, 0, 1)),
        ((1.5, 1.5, 10.0), (0, 0, 2)),  # 1.5, 3, 6: then 10 is less than twice as long
        ((3.0, 3.0, 10.0), (0, 0, 1)),
        ((8.0, 1.0, 1.0), (2, 0, 0)),
        ((1.0, 1.0, 90.0), (0, 0, 4)),  # of four halvings
    ],
)
def test_an_axis_is_flat_until_voxels_are_about_as_long_as_wide(
    spacing: tuple[float, float, float], flat: tuple[int, int, int], make_folder: MakeFolder
) -> None:
    folder = make_folder([((16, 16, 16), spacing)])
    plan = make_plan(folder, spacing=spacing)
    assert plan.flat_levels == flat
    assert plan.patch == tuple(16 // 2**levels * 2**levels for levels in flat)
    assert make_plan(folder, spacing=spacing, flat_levels=(0, 0, 0)).flat_levels == (0, 0, 0)


def test_the_patch_is_limited(make_folder: MakeFolder) -> None:
    plan = make_plan(make_folder([((130, 114, 100), (1.0, 1.0, 1.0))]))
    assert plan.patch == (112, 112, 80)


@pytest.mark.parametrize("channel", ["CT", "cta "])
def test_ct_is_clipped_to_percentiles_of_hq_foreground(channel: str, make_folder: MakeFolder) -> None:
    # HQ foreground holds 100..199: the 0.5 and 99.5 percentiles stand at 0.495 and 98.505 of 99 steps.
    size = ((16, 16, 16), (1.0, 1.0, 1.0))
    plan = make_plan(make_folder([size, size], channel=channel, qualities=("hq", "lq")))
    assert plan.normalization == "ct"
    assert plan.clip == pytest.approx((100.495, 198.505))


def test_ct_without_hq_foreground_names_the_setting(make_folder: MakeFolder) -> None:
    folder = make_folder([((16, 16, 16), (1.0, 1.0, 1.0))], channel="CT", qualities=("lq",))
    with pytest.raises(DataError, match=r"--set data\.clip"):
        make_plan(folder)
    assert make_plan(folder, clip=(0, 5)).clip == (0, 5)


def test_what_is_given_is_taken(make_folder: MakeFolder) -> None:
    folder = make_folder([((16, 16, 16), (1.0, 1.0, 1.0))])
    plan = make_plan(folder, patch=(48, 16, 20), spacing=(0.5, None, 2.0), normalization="none")
    assert (plan.patch, plan.spacing, plan.normalization) == ((48, 16, 20), (0.5, None, 2.0), "none")


def test_a_plan_comes_back_from_its_file(make_folder: MakeFolder, tmp_path: Path) -> None:
    plan = make_plan(make_folder([((16, 16, 16), (1.0, 1.0, 4.0))]), clip=(1.0, 2.0), normalization="ct")
    content = json.loads(plan.write(tmp_path).read_text())
    assert (content["format"], content["orientation"], content["spacing"]) == (1, "RAS", [1.0, 1.0, None])
    assert Plan.read(tmp_path) == plan
    (tmp_path / "plan.json").write_text('{"spacing": [1, 1, 1]}')
    with pytest.raises(DataError, match=r"plan\.json: expected plan\.json of `alcseg train`, got no 'patch'"):
        Plan.read(tmp_path)
