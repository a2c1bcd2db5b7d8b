"""Generated scans with known labels, for the demonstration and the tests.

A phantom is a soft-tissue background with a rounded organ in two parts (`body` and an elongated `tail` that
grows out of it) between look-alike structures of the same brightness. Texture, a smooth bias field and Rician
noise make the intensities of all of them overlap, so that position and shape must be learned and no threshold
solves the task. Pose, size and shape vary; some scans are stored flipped, permuted or oblique, as real ones
are.
"""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from alcseg.errors import UsageError
from alcseg.outputs import output_folder
from alcseg.records.cases import CaseRow, Split
from alcseg.records.dataset import DatasetRecord
from alcseg.seeds import require_seed
from alcseg.types import Affine, FloatArray, LabelMap, Mask, Spacing

__all__ = ["LABELS", "Phantom", "make_phantom", "write_phantoms"]

LABELS = {"background": 0, "body": 1, "tail": 2}

# How the k-th scan of a data set lies on disk; every fourth is also oblique (its axes are not the patient's).
_ORIENTATIONS = ("RAS", "LAS", "LPS", "RAS", "PIR")
_OBLIQUE_DEGREES = (4.0, -7.0, 11.0)


@dataclass(frozen=True, eq=False)
class Phantom:
    """One generated scan in RAS voxel order.

    Attributes:
        image: Intensities, about 0 to 1500, `(X, Y, Z)`, int16.
        label: 0 background, 1 body, 2 tail, `(X, Y, Z)`, uint8.
        affine: Voxel index to RAS millimetres.
    """

    image: LabelMap
    label: LabelMap
    affine: Affine


def make_phantom(rng: np.random.Generator, *, shape: tuple[int, int, int], spacing: Spacing) -> Phantom:
    """Draw one phantom.

    Args:
        rng: Source of everything random in it.
        shape: Voxels per axis.
        spacing: Voxel size in mm, one value per axis. Structures scale with the field of view.

    Returns:
        Image, label and an axis-aligned affine with the origin at the centre of the volume.
    """
    size_mm = np.asarray(shape) * np.asarray(spacing)
    unit = float(size_mm.min()) / 48.0  # the numbers below are mm in a field of view of 48 mm
    points = _points_mm(shape, spacing) / unit
    noise = _NoiseSource(rng, shape, tuple(s / unit for s in spacing))

    pose = Rotation.from_euler("xyz", rng.uniform(-10, 10, size=3), degrees=True).as_matrix()
    center = np.array([-5.0, 0.5, 0.0]) + rng.uniform(-2.5, 2.5, size=3)
    scale = rng.uniform(1.02, 1.22)

    def blob(offset: FloatArray, radii: FloatArray, roughness: float) -> Mask:
        local = (
            points - center - pose @ offset
        ) @ pose  # rows times `pose` turns them back into the organ's own axes
        distance = np.sqrt(((local / radii) ** 2).sum(axis=-1))
        inside: Mask = distance + noise(5.0, roughness) < 1.0
        return inside

    body = blob(np.zeros(3), scale * np.array([8.5, 10.5, 8.0]) * rng.uniform(0.9, 1.1, size=3), 0.13)
    tail_radii = scale * np.array([11.0, 6.0, 6.4]) * rng.uniform(0.9, 1.1, size=3)
    tail = blob(scale * np.array([12.5, 4.0, 1.5]), tail_radii, 0.10) & ~body
    organ = body | tail

    # Look-alikes, as bright as the organ: a mass behind the tail, a rod along the body, two flat ones.
    others = np.zeros(shape, dtype=bool)
    for offset, radii in (
        ([12.0, -10.5, -2.0], [6.0, 5.5, 7.0]),
        ([-13.5, 0.0, 2.0], [3.2, 4.0, 17.0]),
        ([0.0, 17.5, -3.0], [11.0, 3.6, 8.0]),
        ([2.0, -15.5, 4.0], [9.0, 3.4, 6.0]),
    ):
        jitter = rng.uniform(-1.8, 1.8, size=3)
        others |= blob(
            scale * np.array(offset) + jitter, scale * np.array(radii) * rng.uniform(0.85, 1.15, size=3), 0.15
        )
    others &= ~organ

    tissue = 0.44 + noise(3.0, 0.07) + noise(9.0, 0.045)
    tissue = np.where(others, rng.uniform(0.62, 0.82) + noise(2.0, 0.05), tissue)
    tissue = np.where(body, rng.uniform(0.62, 0.70) + noise(2.0, 0.06), tissue)
    tissue = np.where(tail, rng.uniform(0.78, 0.88) + noise(2.0, 0.06), tissue)
    outside = ((points / (size_mm / unit / 2 * 0.98)) ** 2).sum(axis=-1) + noise(9.0, 0.08) > 1.55
    tissue = np.where(outside, 0.03, tissue)
    tissue = gaussian_filter(tissue, 0.6 * unit / np.asarray(spacing))  # partial volume
    magnitude = np.clip(tissue, 0.0, None) * np.exp(noise(20.0, 0.14))
    sigma = rng.uniform(0.045, 0.065)
    rician = np.hypot(magnitude + rng.normal(0, sigma, shape), rng.normal(0, sigma, shape))

    label = np.zeros(shape, dtype=np.uint8)
    label[body] = LABELS["body"]
    label[tail] = LABELS["tail"]
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -(np.asarray(shape) - 1) / 2 * np.asarray(spacing)
    return Phantom(np.round(rician * 1000.0).astype(np.int16), label, affine)


def write_phantoms(
    root: str | PathLike[str],
    *,
    train: int,
    val: int,
    test: int,
    shape: tuple[int, int, int] = (48, 48, 32),
    spacing: Spacing = (1.0, 1.0, 1.5),
    seed: int = 0,
    overwrite: bool = False,
) -> Path:
    """Write a dataset folder of phantoms with clean labels; case k depends on `seed` and k alone.

    Args:
        root: Folder to make.
        train: Training cases; all are `hq` until `alcseg corrupt` spoils some.
        val: Validation cases.
        test: Test cases.
        shape: Voxels per axis.
        spacing: Voxel size in mm.
        seed: Seed of the whole set.
        overwrite: Replace what `root` holds.

    Returns:
        `root`.

    Raises:
        UsageError: If a count is negative or all are zero, `seed` is none, or `root` holds files and
            `overwrite` is not set.
    """
    root = Path(root)
    require_seed(seed)
    if min(train, val, test) < 0 or train + val + test == 0:
        raise UsageError(
            f"phantoms: expected counts of at least 0 and one case in all, "
            f"got train={train}, val={val}, test={test}. Ask for more cases."
        )
    counts: dict[Split, int] = {"train": train, "val": val, "test": test}
    splits = [split for split, count in counts.items() for _ in range(count)]
    rows = []
    with output_folder(root, overwrite=overwrite, writes=DatasetRecord.NAME) as folder:
        for index, split in enumerate(splits):
            rng = np.random.default_rng([seed, index])
            case_id = f"phantom_{index + 1:03d}"
            image, label = _stored(make_phantom(rng, shape=shape, spacing=spacing), index)
            end = "Ts" if split == "test" else "Tr"
            for name, volume in ((f"images{end}/{case_id}_0000", image), (f"labels{end}/{case_id}", label)):
                path = folder / f"{name}.nii.gz"
                path.parent.mkdir(parents=True, exist_ok=True)
                nib.save(volume, path)
            rows.append(CaseRow(case_id=case_id, split=split, source="phantom"))
        CaseRow.write(folder, rows)
        DatasetRecord(
            name="Phantoms", channel_names={"0": "MRI"}, labels=LABELS, num_training=train + val
        ).write(folder)
    return root


def _points_mm(shape: tuple[int, int, int], spacing: Spacing) -> FloatArray:
    """Voxel centres in mm around the centre of the volume, `(X, Y, Z, 3)`."""
    axes = [(np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, spacing, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


class _NoiseSource:
    """Smooth random fields on one grid."""

    def __init__(self, rng: np.random.Generator, shape: tuple[int, int, int], spacing: Spacing) -> None:
        self.rng = rng
        self.shape = shape
        self.spacing = np.asarray(spacing)

    def __call__(self, wavelength: float, amplitude: float) -> FloatArray:
        """Draw a field of standard deviation `amplitude` whose features are about `wavelength` long."""
        field = gaussian_filter(
            self.rng.standard_normal(self.shape), wavelength / self.spacing, mode="reflect"
        )
        field -= field.mean()
        result: FloatArray = field * (amplitude / max(float(field.std()), 1e-12))
        return result


def _stored(phantom: Phantom, index: int) -> tuple[nib.Nifti1Image, nib.Nifti1Image]:
    """Image and label as files that lie on disk as in a real archive: flipped, permuted, oblique by turns."""
    wanted = axcodes2ornt(_ORIENTATIONS[index % len(_ORIENTATIONS)])
    change = ornt_transform(io_orientation(phantom.affine), wanted)
    affine = phantom.affine @ inv_ornt_aff(change, phantom.image.shape)
    if index % 4 == 3:
        angles = np.roll(_OBLIQUE_DEGREES, index // 4)
        turn = np.eye(4)
        turn[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
        affine = turn @ affine
    volumes = []
    for array in (phantom.image, phantom.label):
        volume = nib.Nifti1Image(apply_orientation(array, change), affine)
        volume.header.set_xyzt_units("mm")
        volume.set_sform(affine, code=1)
        volume.set_qform(affine, code=1)
        volumes.append(volume)
    return volumes[0], volumes[1]
