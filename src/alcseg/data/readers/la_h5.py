"""The h5 files in which the 2018 left atrium challenge goes round the community.

Layout: `<any folder>/<case>/mri_norm2.h5` with the keys `image` (float32) and `label` (uint8), and
`train.list`, `test.list` beside it, one case a line. The order of the lists is kept, since "the first 8
cases" in the literature means that order; cases in no list follow by name.

Two things were lost when the files were made. The spacing: it is 0.625 mm along each axis unless `--spacing`
says otherwise. The surroundings: each volume was cropped around its clean label with a margin, which gives
away roughly where the target lies, so scores are better than on whole scans. Intensities stay as stored.

Source:
    Xiong et al., Medical Image Analysis 67, 2021, doi:10.1016/j.media.2020.101832; the files of Yu et al.,
    MICCAI 2019, arXiv:1907.07034.
"""

from functools import partial
from pathlib import Path

import numpy as np

from alcseg.data.case import CaseVolumes, Volume
from alcseg.data.placement import check_steps
from alcseg.data.readers.base import Reader, ReaderOptions, SourceCase, SourceDataset, read_lists
from alcseg.data.readers.nifti import holds_cases
from alcseg.data.voxel_values import check_intensities, whole_numbers
from alcseg.errors import DataError, ResourceError, ShapeError
from alcseg.listing import by_name, has_folder, list_files
from alcseg.types import Spacing

__all__ = ["LAH5Reader", "read_h5_case"]

_SPACING = (0.625, 0.625, 0.625)
_BELOW = 2  # folders between the source and a file


class LAH5Reader(Reader):
    """A folder with h5 files, one per case, named by the file or by its folder."""

    uses_spacing = True

    @classmethod
    def detect(cls, source: Path) -> bool:
        """Whether there are h5 files up to two folders down, and no NIfTI images instead of them."""
        return has_folder(source) and bool(_files(source)) and not holds_cases(source)

    def scan(self, source: Path, options: ReaderOptions) -> SourceDataset:
        """List the cases in the order of the lists; no file is opened."""
        files = by_name((_case_id(path), path) for path in _files(source))
        if not files:
            raise DataError(
                f"{source}: expected h5 files such as <case>/mri_norm2.h5, found none. Check the folder."
            )
        lists = read_lists(source, files)
        spacing = options.spacing or _SPACING
        cases = tuple(
            SourceCase(
                name,
                (files[name],),
                load=partial(read_h5_case, files[name], spacing),
                split="test" if name in lists.test else None,
                source=files[name].relative_to(source).as_posix(),
            )
            for name in lists.order
        )
        return SourceDataset("LeftAtrium", {"0": "MRI"}, {"background": 0, "left_atrium": 1}, cases)


def read_h5_case(path: Path, spacing: Spacing = _SPACING) -> CaseVolumes:
    """Read image and label of one h5 file.

    Args:
        path: File with the keys `image` and `label`, both `(X, Y, Z)`.
        spacing: Voxel size in mm.

    Raises:
        ResourceError: If h5py is not installed.
        DataError: If the file cannot be read, lacks a key, or holds an unusable image or label.
        ShapeError: If image and label are not 3D arrays of one shape.
        GeometryError: If a voxel size is not above 0.
    """
    try:
        import h5py
    except ImportError:
        raise ResourceError('reading h5 files needs h5py: pip install "alcseg[h5]"') from None
    try:
        with h5py.File(path) as file:
            absent = [key for key in ("image", "label") if key not in file]
            if absent:
                raise DataError(
                    f"{path}: expected the keys image and label, found {sorted(file)}. Check the file."
                )
            image, label = np.asarray(file["image"], dtype=np.float32), np.asarray(file["label"])
    except OSError as error:
        raise DataError(
            f"{path}: expected a whole h5 file, cannot read it ({error}). Copy it again."
        ) from None
    if image.ndim != 3 or image.shape != label.shape:
        raise ShapeError(
            f"{path}: expected a 3D image and a label of its shape, found {image.shape} and {label.shape}. "
            "Check the file."
        )
    check_intensities(image, path)
    check_steps(spacing, path)
    affine = np.diag([*spacing, 1.0])
    values = whole_numbers(label, path)
    return CaseVolumes(
        _case_id(path), (Volume(image, affine, None, path),), Volume(values, affine, None, path)
    )


def _files(source: Path) -> list[Path]:
    return list_files(source, "*.h5", below=_BELOW)


def _case_id(path: Path) -> str:
    return path.parent.name if path.stem == "mri_norm2" else path.stem
