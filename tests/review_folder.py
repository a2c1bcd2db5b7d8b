"""A corrected dataset as `alcseg review` finds it: four cases, each stored in another way, four classes."""

from pathlib import Path

import nibabel as nib
import numpy as np

from alcseg.records.cases import CaseRow
from alcseg.records.dataset import DatasetRecord
from alcseg.records.ranking import RankingRow

SHAPE = (20, 16, 12)
VALUES = {"background": 0, "left": 1, "right": 7, "middle": 300}
AFFINES = {
    "ras": np.diag([1.0, 1.0, 1.0, 1.0]),
    "thick_lps": np.array([[-0.8, 0, 0, 40], [0, -0.8, 0, 20], [0, 0, 4, -30], [0, 0, 0, 1]], float),
    "permuted": np.array([[0, 0, 1.5, -10], [-1, 0, 0, 30], [0, -2, 0, 5], [0, 0, 0, 1]], float),
    "oblique": np.array(
        [[0.9, -0.3, 0.1, -12], [0.3, 0.9, -0.2, 7], [-0.05, 0.22, 1.9, 3], [0, 0, 0, 1]], float
    ),
}


def make_corrected(folder: Path, copies: int = 1, labels: dict[str, int] = VALUES) -> Path:
    """Write the dataset; of each case the proposal adds one block and removes another.

    Args:
        folder: Where.
        copies: How many cases of each affine; the further ones are called `ras-2` and so on.
        labels: Class names and values; the blocks are of the first two and of the last class.
    """
    names = {
        name if copy == 0 else f"{name}-{copy + 1}": affine
        for copy in range(copies)
        for name, affine in AFFINES.items()
    }
    first, second, *_, last = list(labels.values())[1:]
    rng = np.random.default_rng(5)
    DatasetRecord(
        name="Blocks",
        labels=labels,
        channel_names={"0": "MR"},
        num_training=len(names),
        file_ending=".nii.gz",
    ).write(folder)
    rows, ranked = [], []
    for rank, (name, affine) in enumerate(names.items(), start=1):
        given = np.zeros(SHAPE, np.uint16)
        given[2:8, 3:9, 3:8] = first
        given[10:15, 3:9, 3:8] = second
        given[2:8, 10:14, 3:8] = last
        proposed = given.copy()
        proposed[8, 4:8, 4:7] = first
        proposed[10:15, 3:9, 7] = 0
        image = rng.normal(100, 10, SHAPE).astype(np.float32) + 40 * (given > 0)
        write(folder / "imagesTr" / f"{name}_0000.nii.gz", image.astype(np.int16), affine)
        write(folder / "labelsTr" / f"{name}.nii.gz", proposed, affine)
        write(folder / "labelsGiven" / f"{name}.nii.gz", given, affine)
        write(folder / "uncertainty" / f"{name}.nii.gz", rng.random(SHAPE).astype(np.float32), affine)
        rows.append(CaseRow(case_id=name, quality="lq", split="train"))
        ranked += [
            RankingRow(
                rank=rank, written_rank=rank, case_id=name, class_name=one,
                given_error=max(0.5 - rank / 10, 0.01),
                written_error=0.1, uncertainty=0.1, changed_mm3=1, added_mm3=1, removed_mm3=0, shift_mm=0,
                in_sample=False, reason="it was made so",
            )
            for one in list(labels)[1:4]
        ]  # fmt: skip
    CaseRow.write(folder, rows)
    RankingRow.write(folder, ranked)
    return folder


def write(path: Path, array: np.ndarray, affine: np.ndarray) -> None:
    """Write a NIfTI file with both forms where a quaternion holds the affine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nifti = nib.Nifti1Image(array, affine, dtype=array.dtype)
    nifti.set_sform(affine, code=1)
    nib.save(nifti, path)
