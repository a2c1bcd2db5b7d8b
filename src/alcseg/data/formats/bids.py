"""Label maps as BIDS derivatives: names of files, a description of the dataset, and a table of the classes.

    dataset_description.json  README.md  .bidsignore  desc-alc_dseg.tsv
    sub-01/anat/sub-01_desc-alc_dseg.nii.gz  sub-01/anat/sub-01_desc-alc_dseg.json

Source:
    https://bids-specification.readthedocs.io/en/stable/derivatives/imaging.html
"""

import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from alcseg.data.formats.colors import class_colors, hex_color
from alcseg.errors import UsageError
from alcseg.files import write_json, write_text

__all__ = ["file_name", "write_description", "write_sidecar"]

_BIDS_VERSION = "1.10.0"
_ENTITIES = re.compile(
    r"sub-[A-Za-z0-9]+(?:_ses-[A-Za-z0-9]+)?(?:_(?:acq|ce|rec|dir|run|space)-[A-Za-z0-9]+)*"
)
_SUFFIX = re.compile(r"_[A-Za-z0-9]+")
_README = "Label maps by ALCSeg. Values, names and colors of the classes stand in desc-alc_dseg.tsv.\n"
_NOT_BIDS = "*_prob.nii.gz\n*_uncertainty.nii.gz\npredict.json\ndecisions.jsonl\n"


def file_name(case_id: str) -> str:
    """Where the label map of a case lies, from the root of the derivatives.

    A case that is named by BIDS, such as `sub-01_ses-2_T1w`, keeps its entities and loses its suffix; the
    letters and digits of any other name are those of the subject.

    Raises:
        UsageError: If the name has neither letters nor digits.
    """
    match = _ENTITIES.match(case_id)
    if match and _SUFFIX.fullmatch(case_id[match.end() :] or "_x"):
        entities = match[0]
    else:
        subject = re.sub(r"[^A-Za-z0-9]", "", case_id)
        if not subject:
            raise UsageError(f"--as bids: expected case names with letters or digits, got '{case_id}'.")
        entities = f"sub-{subject}"
    folders = "/".join(part for part in entities.split("_") if part.startswith(("sub-", "ses-")))
    return f"{folders}/anat/{entities}_desc-alc_dseg.nii.gz"


def write_sidecar(root: Path, case_id: str) -> None:
    """Write what is known of one label map beside it."""
    place = root / file_name(case_id).replace(".nii.gz", ".json")
    write_json(place, {"Description": f"Labels of case {case_id}, by ALCSeg", "Manual": False})


def write_description(root: Path, labels: Mapping[str, int]) -> None:
    """Write what describes all label maps: who made them, and names and colors of the classes.

    Args:
        root: Of the derivatives.
        labels: Class name to value, background first.
    """
    write_json(
        root / "dataset_description.json",
        {
            "Name": "ALCSeg label maps",
            "BIDSVersion": _BIDS_VERSION,
            "DatasetType": "derivative",
            "GeneratedBy": [{"Name": "alcseg", "Version": version("alcseg")}],
        },
    )
    background, *_ = labels
    colors = {background: "#000000"} | {
        name: hex_color(color) for name, color in class_colors(labels).items()
    }
    lines = ["index\tname\tcolor", *(f"{value}\t{name}\t{colors[name]}" for name, value in labels.items())]
    write_text(root / "desc-alc_dseg.tsv", "\n".join(lines) + "\n")
    write_text(root / "README.md", _README)
    write_text(root / ".bidsignore", _NOT_BIDS)
