"""A network as a `.pt2` file of `torch.export`, with `alcseg.json` among its extra files."""

import json
from pathlib import Path

import torch
from torch.export import ExportedProgram

from alcseg.files import atomic_path
from alcseg.records.export import ExportRecord

__all__ = ["write_pt2"]


def write_pt2(program: ExportedProgram, record: ExportRecord, path: Path) -> None:
    """Write the file, whole or not at all; `torch.export.load` reads it."""
    content = json.dumps(record.content(), ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as partial, partial.open("wb") as stream:
        torch.export.save(program, stream, extra_files={ExportRecord.NAME: content})
