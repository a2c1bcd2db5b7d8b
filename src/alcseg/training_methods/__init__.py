"""All training methods by name."""

from typing import Any

from alcseg.plugins import Registry
from alcseg.training_methods.alc import ALC
from alcseg.training_methods.alc_aligned import ALCAligned
from alcseg.training_methods.base import Method, Stage, Task, stage_seed
from alcseg.training_methods.decoupled import Decoupled
from alcseg.training_methods.kdem import KDEM
from alcseg.training_methods.mean_teacher import MeanTeacher
from alcseg.training_methods.mixsegnet import MixSegNet
from alcseg.training_methods.ms_tfal import MSTFAL
from alcseg.training_methods.mtcl import MTCL
from alcseg.training_methods.pick_and_learn import PickAndLearn
from alcseg.training_methods.supervised import HLSup, HSup
from alcseg.training_methods.tbrats import TBraTS
from alcseg.training_methods.trinet import TriNet
from alcseg.training_methods.two_stage_rnt import TwoStageRNT

__all__ = ["METHODS", "Method", "Stage", "Task", "stage_seed"]


def _as_entry(found: Any) -> tuple[type[Method], dict[str, Any]] | None:
    """A method of another package, which fixes no settings."""
    stated = isinstance(found, type) and all(hasattr(found, name) for name in ("card", "streams", "terms"))
    return (found, {}) if stated and issubclass(found, Method) else None


METHODS: Registry[tuple[type[Method], dict[str, Any]]] = Registry(
    "method",
    {
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
    },
    group="alcseg.methods",
    wanted="a subclass of alcseg.training_methods.Method with card, streams and terms",
    accept=_as_entry,
)
"""Word on the command line to class and fixed settings."""
