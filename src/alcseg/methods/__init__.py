"""All training methods by name."""

import importlib.metadata
from typing import Any

from alcseg.methods.alc import ALC
from alcseg.methods.alc_aligned import ALCAligned
from alcseg.methods.base import Method, Stage, Task, stage_seed
from alcseg.methods.decoupled import Decoupled
from alcseg.methods.kdem import KDEM
from alcseg.methods.mean_teacher import MeanTeacher
from alcseg.methods.mixsegnet import MixSegNet
from alcseg.methods.ms_tfal import MSTFAL
from alcseg.methods.mtcl import MTCL
from alcseg.methods.pick_and_learn import PickAndLearn
from alcseg.methods.supervised import HLSup, HSup
from alcseg.methods.tbrats import TBraTS
from alcseg.methods.trinet import TriNet
from alcseg.methods.two_stage_rnt import TwoStageRNT

__all__ = ["METHODS", "Method", "Stage", "Task", "available_methods", "stage_seed"]

METHODS: dict[str, tuple[type[Method], dict[str, Any]]] = {
    "alc": (ALC, {}),
    "alc_aligned": (ALCAligned, {}),
    "alc_wo_lr": (ALC, {"label_refinement": False}),
    "alc_wo_ls": (ALC, {"select_fraction": 1.0}),
    "decoupled": (Decoupled, {}),
    "h_sup": (HSup, {}),
    "hl_sup": (HLSup, {}),
    "kdem": (KDEM, {}),
    "mean_teacher": (MeanTeacher, {}),
    "mixsegnet": (MixSegNet, {}),
    "ms_tfal": (MSTFAL, {}),
    "mtcl_fs": (MTCL, {"smoothing": "fixed"}),
    "mtcl_hard": (MTCL, {"smoothing": "hard"}),
    "mtcl_uds": (MTCL, {"smoothing": "uncertainty"}),
    "pick_and_learn": (PickAndLearn, {}),
    "tbrats": (TBraTS, {}),
    "trinet": (TriNet, {}),
    "two_stage_rnt": (TwoStageRNT, {}),
}
"""Word on the command line to class and fixed settings."""


def available_methods() -> dict[str, tuple[type[Method], dict[str, Any]]]:
    """`METHODS` and those that other packages register under the entry point group `alcseg.methods`."""
    found: dict[str, tuple[type[Method], dict[str, Any]]] = {
        entry.name: (entry.load(), {}) for entry in importlib.metadata.entry_points(group="alcseg.methods")
    }
    return dict(sorted((found | METHODS).items()))
