"""DICOM Segmentation objects (PS3.3, A.51), by highdicom.

Segments are numbered from 1 on, whatever their label values, so that a name alone tells a class. Frames
without any voxel are left out, and the frames of one segment follow those of another; highdicom brings them
back into one volume, which spans the occupied slices only and may run against the series.

Source:
    https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_A.51.html
"""

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alcseg.data.formats.colors import class_colors
from alcseg.data.formats.segments import Segment, Segments
from alcseg.data.placement import LPS_TO_RAS, check_affine
from alcseg.errors import DataError, PackageError
from alcseg.files import atomic_path
from alcseg.types import LabelMap, Mask

if TYPE_CHECKING:
    from alcseg.data.readers.dicom_slices import Slice

__all__ = ["NEEDED", "read_seg", "seg_values", "write_seg"]

NEEDED = "expected the DICOM series that the image was made of, onto which a DICOM-SEG is written"
"""Begins the message where it is not known."""

_SERIES_NUMBER = 1000  # beyond those that scanners give
_MAY_BE_EMPTY = (
    "AccessionNumber", "PatientBirthDate", "PatientID", "PatientName", "PatientSex", "ReferringPhysicianName",
    "StudyDate", "StudyID", "StudyTime",
)  # fmt: skip
"""What the standard wants to be there, with a value or without; anonymous files often lack it."""
_TO_RAS = np.diag([*LPS_TO_RAS, 1.0])


def write_seg(
    path: Path, values: LabelMap, series: "Sequence[Slice]", labels: Mapping[str, int], *, labelmap: bool
) -> None:
    """Write a label map onto the series it belongs to.

    Args:
        path: The file.
        values: `(columns, rows, slices)`, as a series is read.
        series: Its slices in the order of the last axis.
        labels: Class name to value, background first.
        labelmap: Whether the type is LABELMAP instead of BINARY.

    Raises:
        PackageError: If highdicom is not installed.
        DataError: If the series lacks what a DICOM-SEG has to state.
    """
    highdicom = _highdicom()
    from highdicom.sr.coding import CodedConcept

    numbers = {value: number for number, value in enumerate(list(labels.values())[1:], start=1)}
    frames = np.zeros((len(series), *series[0].size), np.min_scalar_type(len(numbers)))
    for place, one in enumerate(series):
        plane = values[:, :, place].T
        for value, number in numbers.items():
            frames[place if one.frame is None else one.frame][plane == value] = number
    tissue = CodedConcept("85756007", "SCT", "Tissue")  # as 3D Slicer codes what nobody has coded
    algorithm = highdicom.AlgorithmIdentificationSequence(
        name="ALCSeg",
        version=version("alcseg"),
        family=CodedConcept("123109", "DCM", "Artificial Intelligence"),
    )
    descriptions = [
        highdicom.seg.SegmentDescription(
            segment_number=number,
            segment_label=name[:64],
            segmented_property_category=tissue,
            segmented_property_type=tissue,
            algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=algorithm,
            display_color=highdicom.color.CIELabColor.from_rgb(*(round(255 * part) for part in color)),
        )
        for number, (name, color) in enumerate(class_colors(labels).items(), start=1)
    ]
    sources = list({id(one.dataset): one.dataset for one in series}.values())
    distance = float(np.linalg.norm(series[-1].position - series[0].position)) / max(len(series) - 1, 1)
    for source in sources:
        if not source.get("SliceThickness"):
            source.SliceThickness = f"{series[0].thickness or distance:.8g}"
        for tag in _MAY_BE_EMPTY:
            if tag not in source:
                setattr(source, tag, "")
    kinds = highdicom.seg.SegmentationTypeValues
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # advice on optional attributes of the series
            made = highdicom.seg.Segmentation(
                source_images=sources,
                pixel_array=frames,
                segmentation_type=kinds.LABELMAP if labelmap else kinds.BINARY,
                segment_descriptions=descriptions,
                series_instance_uid=highdicom.UID(),
                series_number=_SERIES_NUMBER,
                sop_instance_uid=highdicom.UID(),
                instance_number=1,
                manufacturer="ALCSeg",
                manufacturer_model_name="alcseg",
                software_versions=version("alcseg"),
                device_serial_number="0",
                omit_empty_frames=bool(frames.any()),
                series_description="Segmentation by ALCSeg",
            )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise DataError(
            f"{series[0].path.parent}: expected a series with what a DICOM-SEG has to state, highdicom "
            f"refuses it ({reason:.200}). Export the series again."
        ) from None
    with atomic_path(path) as unfinished:
        made.save_as(str(unfinished))


def seg_values(one: Any, path: Path) -> dict[str, int]:
    """Name and number of each segment.

    Raises:
        DataError: If there is none.
    """
    numbers = {str(item.SegmentLabel): int(item.SegmentNumber) for item in one.get("SegmentSequence", ())}
    if not numbers:
        raise DataError(f"{path}: expected segments, found none. Export it again.")
    return {name: number for name, number in numbers.items() if number > 0}  # 0 is a label map's background


def read_seg(one: Any, path: Path) -> Segments:
    """The segments of a SEG on a grid of its own, which spans the occupied slices.

    Args:
        one: The data set, with its pixels.
        path: Of the file.

    Raises:
        PackageError: If highdicom is not installed.
        DataError: If its frames are fractional or make no volume.
    """
    highdicom = _highdicom()
    if one.SegmentationType == "FRACTIONAL":
        raise DataError(f"{path}: expected segments of whole voxels, found FRACTIONAL. Export it as BINARY.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            found = highdicom.seg.Segmentation.from_dataset(one, copy=False)
            numbers = seg_values(one, path)
            geometry = found.get_volume_geometry()
            if geometry is None:
                raise ValueError("its frames are not evenly spaced")
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise DataError(
            f"{path}: expected a DICOM-SEG whose frames make a volume, cannot read it ({reason:.200}). "
            "Export it again."
        ) from None
    slices, rows, columns = geometry.spatial_shape
    affine = check_affine(_TO_RAS @ geometry.affine[:, [2, 1, 0, 3]], path)
    parts = tuple(Segment(name, number, partial(_mask, found, number)) for name, number in numbers.items())
    return Segments(parts, (columns, rows, slices), affine, path)


def _mask(found: Any, number: int) -> Mask:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        volume = found.get_volume(segment_numbers=[number], combine_segments=False)
    frames: NDArray[np.uint8] = volume.array
    inside: Mask = frames[..., 0].transpose(2, 1, 0) > 0
    return inside


def _highdicom() -> Any:
    try:
        import highdicom
    except ImportError:
        raise PackageError('DICOM-SEG needs highdicom: pip install "alcseg[dicom-seg]"') from None
    return highdicom
