"""The h5 files in which the 2018 left atrium challenge goes round the community, and others made like them.

Layout: `<any folder>/<case>/mri_norm2.h5`, or `<case>.h5`, with the keys `image` (float32) and `label`
(uint8), and the lists of `alcseg.data.readers.lists` beside it. Their order is kept, since "the first 8
cases" in the literature means that order; cases in no list follow by name.

Two things were lost when the files were made. The spacing: it is 0.625 mm along each axis for the left
atrium, which is known by the name `mri_norm2.h5` and the 88 slices of each scan; for other organs it has to
be given. The surroundings: each volume was cropped around its clean label with a margin, which gives away
roughly where the target lies, so scores are better than on whole scans. Intensities stay as stored. Classes
of other organs are named after the values found.

Source:
    Xiong et al., Medical Image Analysis 67, 2021, doi:10.1016/j.media.2020.101832; the files of Yu et al.,
    MICCAI 2019, arXiv:1907.07034.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from alcseg.arrays import values_in
from alcseg.data.case import CaseVolumes
from alcseg.data.readers.base import Reader, ReaderOptions, SourceCase, SourceDataset
from alcseg.data.readers.h5_files import read_h5_case, read_h5_label, read_h5_shape
from alcseg.data.readers.lists import CaseLists, read_lists
from alcseg.data.readers.nifti import holds_cases
from alcseg.data.voxel_values import looks_like_image, require_not_negative, tell_of_strangers
from alcseg.errors import DataError, LabelError
from alcseg.listing import by_name, has_folder, list_files
from alcseg.types import Spacing

__all__ = ["LAH5Reader"]

_NAME = "mri_norm2.h5"
_SLICES = 88
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
        """List the cases in the order of the lists; of other organs labels are read, for their values."""
        files = _by_case(source)
        other = next((path for path in files.values() if not _is_left_atrium(path)), None)
        if other is not None and options.spacing is None:
            raise _no_spacing(other)
        cases = _cases(source, files, read_lists(source, files), options.spacing, with_label=True)
        if other is None:
            return SourceDataset("LeftAtrium", {"0": "MRI"}, {"background": 0, "left_atrium": 1}, cases)
        labels = _name_values(files.values(), options, source)
        return SourceDataset(source.resolve().name, {"0": "image"}, labels, cases)

    def cases(self, source: Path, channels: int) -> tuple[SourceCase, ...]:
        """List the images alone, by name; no file is opened, and no list either."""
        files = _by_case(source)
        return _cases(source, files, CaseLists(tuple(sorted(files)), {}), None, with_label=False)


def _files(source: Path) -> list[Path]:
    return list_files(source, "*.h5", below=_BELOW)


def _by_case(source: Path) -> dict[str, Path]:
    files = by_name(
        (path.parent.name if path.name.lower() == _NAME else path.stem, path) for path in _files(source)
    )
    if not files:
        raise DataError(f"{source}: expected h5 files such as <case>/{_NAME}, found none. Check the folder.")
    return files


def _cases(
    source: Path, files: dict[str, Path], lists: CaseLists, spacing: Spacing | None, *, with_label: bool
) -> tuple[SourceCase, ...]:
    return tuple(
        SourceCase(
            name,
            (files[name],),
            load=partial(_load, files[name], name, spacing, with_label=with_label),
            split=None if lists.splits.get(name) == "train" else lists.splits.get(name),
            source=files[name].relative_to(source).as_posix(),
        )
        for name in lists.order
    )


def _load(path: Path, case_id: str, spacing: Spacing | None, *, with_label: bool) -> CaseVolumes:
    if spacing is None and not _is_left_atrium(path):
        raise _no_spacing(path)
    return read_h5_case(path, case_id, spacing or _SPACING, with_label=with_label)


def _is_left_atrium(path: Path) -> bool:
    """Whether name and size say that a file is of the challenge."""
    return path.name.lower() == _NAME and read_h5_shape(path)[2] == _SLICES


def _no_spacing(path: Path) -> DataError:
    return DataError(
        f"{path}: expected a voxel size, which h5 files do not state, and this is none of the left atrium "
        f"challenge (<case>/{_NAME} with {_SLICES} slices). Import it with --spacing X Y Z, in mm."
    )


def _name_values(paths: Iterable[Path], options: ReaderOptions, source: Path) -> dict[str, int]:
    """Names after values, `background` for 0; the label map counts as applied."""
    labels = []
    for path in paths:
        label = read_h5_label(path)
        if looks_like_image(label):
            raise LabelError(f"{path}: expected a label map under 'label', found an image. Check the file.")
        values = {options.label_map.get(int(value), int(value)) for value in values_in(label)}
        require_not_negative(values, path)
        labels.append(values - {0, options.ignore_label})
    foreground = sorted(set().union(*labels))
    if not foreground:
        raise DataError(f"{source}: expected labels with foreground, found only empty ones. Check the files.")
    tell_of_strangers(source, labels)
    return {"background": 0, **{f"class_{value}": value for value in foreground}}
