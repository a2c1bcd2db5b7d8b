"""Phantoms: reproducible, two connected classes, no threshold solves them, stored in several orientations."""

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import label as components

from alcseg.data.folder import Dataset
from alcseg.data.phantoms import make_phantom, write_phantoms
from alcseg.errors import UsageError

SHAPE, SPACING = (48, 48, 32), (1.0, 1.0, 1.5)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("phantoms") / "set"
    return write_phantoms(root, train=4, val=1, test=1, shape=(24, 24, 16), spacing=(2.0, 2.0, 3.0), seed=3)


def test_a_phantom_depends_on_its_generator_alone():
    first, again, other = (
        make_phantom(np.random.default_rng(s), shape=SHAPE, spacing=SPACING) for s in (1, 1, 2)
    )
    assert (first.image == again.image).all()
    assert (first.label == again.label).all()
    assert (first.label != other.label).any()


@pytest.mark.parametrize("seed", range(4))
def test_both_classes_exist_and_touch(seed):
    phantom = make_phantom(np.random.default_rng(seed), shape=SHAPE, spacing=SPACING)
    body, tail = ((phantom.label == value).sum() * 1.5 for value in (1, 2))  # 1 x 1 x 1.5 mm voxels
    assert 1000 < body < 9000
    assert 200 < tail < 3000
    labeled, count = components(phantom.label > 0)
    assert max(np.bincount(labeled.ravel())[1:]) > 0.95 * (phantom.label > 0).sum(), f"{count} pieces"


@pytest.mark.parametrize("seed", range(4))
def test_no_threshold_solves_the_task(seed):
    phantom = make_phantom(np.random.default_rng(seed), shape=SHAPE, spacing=SPACING)
    organ = phantom.label > 0
    best = max(
        2 * ((phantom.image > t) & organ).sum() / ((phantom.image > t).sum() + organ.sum())
        for t in np.quantile(phantom.image, np.linspace(0.5, 0.99, 40))
    )
    assert best < 0.75


def test_the_folder_is_a_dataset(dataset):
    folder = Dataset.open(dataset)
    assert folder.labels == {"background": 0, "body": 1, "tail": 2}
    assert [row.split for row in folder.rows] == ["train"] * 4 + ["val", "test"]
    assert {row.quality for row in folder.rows} == {"hq"}
    for row in folder.rows:
        case = folder.read(row.case_id)
        assert case.images[0].array.shape == case.label.array.shape
        assert sorted(case.images[0].spacing) == pytest.approx([2.0, 2.0, 3.0])


def test_scans_lie_on_disk_in_several_orientations(dataset):
    affines = [nib.load(path).affine for path in sorted((dataset / "imagesTr").iterdir())]
    assert len({nib.aff2axcodes(affine) for affine in affines}) >= 3
    oblique = [
        affine for affine in affines if (np.count_nonzero(np.abs(affine[:3, :3]) > 1e-6, axis=0) > 1).any()
    ]
    assert len(oblique) == 1  # the fourth


def test_anatomy_keeps_its_place_in_the_world(dataset):
    for path in sorted((dataset / "labelsTr").iterdir()):
        volume = nib.load(path)
        values = np.asarray(volume.dataobj)
        body, tail = (
            nib.affines.apply_affine(volume.affine, np.argwhere(values == v).mean(axis=0)) for v in (1, 2)
        )
        assert tail[0] > body[0] + 5.0  # the tail grows to the patient's right however the file is stored


def test_more_cases_leave_the_first_ones_alone(dataset, tmp_path):
    write_phantoms(tmp_path, train=1, val=0, test=0, shape=(24, 24, 16), spacing=(2.0, 2.0, 3.0), seed=3)
    name = "imagesTr/phantom_001_0000.nii.gz"
    assert (nib.load(tmp_path / name).get_fdata() == nib.load(dataset / name).get_fdata()).all()


def test_bad_counts_and_a_full_folder_are_refused(dataset):
    with pytest.raises(UsageError, match="train=-1"):
        write_phantoms(dataset, train=-1, val=0, test=0)
    with pytest.raises(UsageError, match="empty or new output folder"):
        write_phantoms(dataset, train=1, val=0, test=0)
