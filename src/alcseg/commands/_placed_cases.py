"""The cases of a source checked and put into the dataset folder under construction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from alcseg.commands._placed_raters import RaterPlacer
from alcseg.data.case import Volume
from alcseg.data.grids import compare_grids, in_axes_of, onto_grid, require_same_grid
from alcseg.data.incomplete import require_drawn, take_out, undrawn_classes
from alcseg.data.layout import LABELS
from alcseg.data.named_values import require_named_values
from alcseg.data.nifti import read_label
from alcseg.data.readers import SourceCase
from alcseg.data.writer import compress, renamed, write_image, write_label
from alcseg.errors import DataError
from alcseg.files import link_or_copy
from alcseg.records.cases import CaseRow

__all__ = ["CasePlacer", "common_ending"]

_IMAGES = {"train": "imagesTr", "val": "imagesTr", "test": "imagesTs"}


def common_ending(cases: Sequence[SourceCase]) -> str:
    """Ending of all files of the dataset: `.nii` if every image is such a file already."""
    plain = all(
        case.load is None and all(path.suffix.lower() == ".nii" for path in case.images) for case in cases
    )
    return ".nii" if plain else ".nii.gz"


@dataclass(frozen=True)
class CasePlacer:
    """Puts one case after the other into a folder.

    Attributes:
        root: The folder.
        ending: Of all volumes.
        channels: How many images each case has.
        labels: Class name to value, once `label_map` is applied.
        label_map: Label value in the files to value wanted.
        raters: Keeps the labels of readers; None where the source has none.
        ignore: Value of voxels that nobody labeled, once `label_map` is applied.
        rounded: Cases whose labels were stored scaled and came near to whole numbers only, so far.
        cropped: Cases whose labels covered a part of the image's grid.
        turned: Cases whose labels had their axes in another order or direction than the image.
        sheared: Cases whose axes are not perpendicular.
        ignoring: Cases in whose labels somebody left voxels unlabeled.
    """

    root: Path
    ending: str
    channels: int
    labels: Mapping[str, int]
    label_map: Mapping[int, int]
    raters: RaterPlacer | None = None
    ignore: int | None = None
    rounded: list[str] = field(default_factory=list)
    cropped: list[str] = field(default_factory=list)
    turned: list[str] = field(default_factory=list)
    sheared: list[str] = field(default_factory=list)
    ignoring: list[str] = field(default_factory=list)

    def place(self, source: SourceCase, row: CaseRow) -> bool:
        """Read, check and place one case; False if its label needs `alcseg check --fix`.

        Raises:
            DataError: If a volume cannot be used, or the number of channels is another.
        """
        case = source.read()
        if len(case.images) != self.channels:
            raise DataError(
                f"case '{source.case_id}': expected {self.channels} image(s), one per channel, found "
                f"{len(case.images)} ({', '.join(str(image.path) for image in case.images)}). Add what is "
                "missing or take the case out."
            )
        if case.images[0].sheared_axes is not None:
            self.sheared.append(source.case_id)
        folder = "imagesUn" if row.quality == "unlabeled" and row.split != "test" else _IMAGES[row.split]
        for index, volume in enumerate(case.images):
            target = self.root / folder / f"{source.case_id}_{index:04d}{self.ending}"
            if (
                volume.header is None
                or source.load is not None
                or source.stacked
                or _has_further_axes(volume)
            ):
                write_image(target, volume)
            elif target.suffix == ".gz" and volume.path.suffix.lower() != ".gz":
                compress(volume.path, target)
            else:
                link_or_copy(volume.path, target)
        if row.quality == "unlabeled":
            return True
        label = case.label
        if self.raters is not None and source.raters:
            image = case.images[0]
            fused = self.raters.place(source.case_id, source.raters, image, given=label is not None)
            if fused is not None:
                write_label(self._label_path(row), fused, image)
                return True
            label = label or read_label(next(iter(source.raters.values())))
        return label is None or self._place_label(label, case.images[0], row)

    def _place_label(self, given: Volume, image: Volume, row: CaseRow) -> bool:
        label = in_axes_of(image, given)
        if label is not given:
            self.turned.append(row.case_id)
        values = renamed(label.array, self.label_map)
        named = take_out(replace(label, array=values), self.ignore, next(iter(self.labels.values())))
        require_named_values(named, self.labels)
        require_drawn(named, undrawn_classes(row, self.labels), self.labels)
        grade = compare_grids(image, label).grade
        if grade == "fatal":
            require_same_grid(image, label, row.case_id)
        if named.known is not None:
            self.ignoring.append(row.case_id)
        if label.rounded:
            self.rounded.append(row.case_id)
        target = self._label_path(row)
        if label.shape != image.shape:
            self.cropped.append(row.case_id)
            write_label(target, renamed(onto_grid(image, label), self.label_map), image)
            return True
        # Not linked: an editor that later saves the label in place must not reach into the source.
        write_label(target, values, label)
        return grade == "ok"

    def _label_path(self, row: CaseRow) -> Path:
        return self.root / LABELS[row.split] / f"{row.case_id}{self.ending}"


def _has_further_axes(volume: Volume) -> bool:
    """Whether the file has axes behind the third, of length 1, over which other readers would stumble."""
    return volume.header is not None and len(volume.header.get_data_shape()) > 3
