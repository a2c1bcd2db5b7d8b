"""What the names of files and folders say: which is a label, and of which case."""

import re
from pathlib import Path

from alcseg.data.formats import file_stem

__all__ = [
    "IMAGE_FOLDERS",
    "IMAGE_NAMES",
    "LABEL_FOLDERS",
    "LABEL_NAMES",
    "case_of",
    "ends_like_label",
    "is_image_file",
    "is_named_like_label",
    "is_volume",
    "may_be_of",
    "possible_stems",
    "stem_of",
]

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "imagesTr", "volumes", "scans")
LABEL_FOLDERS = (
    "labels", "label", "masks", "mask", "segs", "seg", "segmentations", "labelsTr", "annotations", "gt",
    "groundtruth", "ground_truth",
)  # fmt: skip
IMAGE_NAMES = ("image", "img", "volume", "scan", "mri", "ct")
LABEL_NAMES = ("label", "labels", "mask", "seg", "segm", "segmentation", "gt")
_LABEL_ENDING = re.compile(r"[_\-. ](label|labels|mask|segm?|segmentation|gt)$", re.IGNORECASE)
_IMAGES = frozenset(
    {".gipl", ".gz", ".hdr", ".img", ".mgh", ".mgz", ".mha", ".mhd", ".mnc", ".nhdr", ".nii", ".nrrd"}
)
_VOLUMES = _IMAGES | {".dcm", ".h5", ".ima", ".mat", ".npy", ".npz", ".tif", ".tiff", ".vtk"}


def is_image_file(path: Path) -> bool:
    """Whether a file is NIfTI, or has the ending of another format of medical images; DICOM aside."""
    return path.suffix.lower() in _IMAGES


def is_volume(path: Path) -> bool:
    """Whether a file has the ending of a format that may hold an image, DICOM and arrays among them."""
    return path.suffix.lower() in _VOLUMES


def stem_of(path: Path) -> str:
    """Name of a file without the ending of its format; that of files of no known format as it is."""
    return file_stem(path) or path.name


def possible_stems(path: Path) -> list[str]:
    """Whatever a file name may be without its ending, since `.seg.nrrd` is one, too."""
    return [path.name[:end] for end, sign in enumerate(path.name) if sign == "."]


def ends_like_label(stem: str) -> bool:
    """Whether a name ends in `_label`, `-seg` or the like."""
    return _LABEL_ENDING.search(stem) is not None


def case_of(stem: str) -> str:
    """A name without the ending of a label."""
    return _LABEL_ENDING.sub("", stem)


def is_named_like_label(path: Path) -> bool:
    """Whether a file lies in a folder of labels or is called one, whatever its format."""
    called = any(name.lower() in LABEL_NAMES or ends_like_label(name) for name in possible_stems(path))
    return called or path.parent.name.lower() in {name.lower() for name in LABEL_FOLDERS}


def may_be_of(path: Path, case_id: str) -> bool:
    """Whether a file bears the name of a case; a label may bear more behind it or have its folder's."""
    stems = {name.lower() for stem in possible_stems(path) for name in (stem, case_of(stem))}
    case = case_id.lower()
    if case in stems or not is_named_like_label(path):
        return case in stems
    return path.parent.name.lower() == case or any(
        stem.startswith((f"{case}_", f"{case}-")) for stem in stems
    )
