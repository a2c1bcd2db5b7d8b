"""`correct.json`: how the labels of a dataset were corrected, and what clean labels told beforehand."""

from collections.abc import Mapping
from typing import Any, Literal, Self, TypeAlias

from pydantic import Field

from alcseg.records.base import Document, Record
from alcseg.types import Count, NotNegative, Positive, Uncertainty, Weighting

__all__ = [
    "Calibration",
    "CorrectionRecord",
    "Curve",
    "Mode",
    "Perturbation",
    "ReferenceLabels",
    "Replacement",
    "WantedMode",
]

Mode: TypeAlias = Literal["refined", "aligned"]
"""`refined`: the fused passes replace the label; `aligned`: the given label is evidence, too."""

WantedMode: TypeAlias = Literal["auto", "refined", "aligned"]
"""A mode, or `auto`: aligned where the run has a teacher."""

Replacement: TypeAlias = Literal["all", "confident"]
"""Of all voxels, or of those alone where the new label is more often right than wrong."""


class Perturbation(Record):
    """How the T passes of a case are drawn and fused; the names are those of the method's settings."""

    passes: Count = 4
    """T."""
    seed: int = 0
    """That is mixed with the case's name and the number of the pass."""
    noise_std: NotNegative = 0.1
    """Standard deviation of the noise added to the image, in units of the normalized image."""
    noise_clip: NotNegative = 0.2
    """The noise is clipped to plus or minus this."""
    weighting: Weighting = "inverse"
    """How the divergence of a pass becomes its weight."""
    temperature: Positive = 1.0
    """Of exponential weights."""
    uncertainty: Uncertainty = "kl"
    """What the uncertainty of a voxel is."""

    @classmethod
    def like_method(cls, settings: Mapping[str, Any], *, passes: int, seed: int) -> Self:
        """Passes as a method was trained with; one without such settings gets the defaults."""
        shared = cls.model_fields.keys() & settings.keys() - {"passes", "seed"}
        if "weighting" not in settings:  # kdem has a temperature of another kind
            shared -= {"temperature"}
        return cls(passes=passes, seed=seed, **{name: settings[name] for name in shared})


class ReferenceLabels(Record):
    """How the network sees clean labels; by class name."""

    held_out: bool
    """Whether they are of cases that the run was not trained on."""
    agreement: dict[str, float]
    """Mean Dice of its predictions with them."""
    blur_mm: dict[str, float]
    """Mean width within which its predictions change across their boundaries."""


class Curve(Record):
    """A falling curve from uncertainty to Dice, straight between its knots and flat outside."""

    n: int
    """How many pairs of case and class were fitted."""
    spearman: float | None
    """Their rank correlation; None if one side is constant."""
    uncertainty: tuple[float, ...]
    """Knots, rising."""
    expected_dice: tuple[float, ...]
    """At the knots, falling."""


class Calibration(Record):
    """What an uncertainty is worth, told by cases with trusted labels that the run was not trained on."""

    note: str
    """How it was formed, or why it could not be."""
    cases: tuple[str, ...] = ()
    """Those that were used."""
    voxel_threshold: float | None = None
    """Uncertainty from which on a refined voxel is more often wrong than right; None if it never is."""
    curves: dict[str, Curve] = {}
    """By class name, and one over `all classes`; none without cases."""


class CorrectionRecord(Document):
    """One round of `alcseg correct`."""

    NAME = "correct.json"
    MADE_BY = "`alcseg correct`"

    versions: dict[str, str] = {}
    """Of Python and the packages that decide on the numbers."""
    run: str
    """The run folder, as it was given."""
    dataset: str
    """The dataset that was corrected, as it was given."""
    method: str
    """That the run was trained with."""
    network: Literal["teacher", "predict"]
    """Which network answered: the teacher, or for want of one that which predicts."""
    perturbation: Perturbation
    """Of the passes."""
    mode: Mode = Field(alias="how")
    """What became of labels."""
    clean_labels: ReferenceLabels | None = None
    """What given labels were held against; None where they were not aligned or there are no clean ones."""
    set_errs_by_offsets: bool | None = None
    """Whether the set errs by offsets alone, so that labels were moved; None without clean labels."""
    offsets: tuple[str, ...] = ()
    """How the labels were drawn, a sentence per class, where they were aligned."""
    replace: Replacement
    """What was replaced."""
    nnunet: bool
    """Whether labels were numbered consecutively."""
    ranking: str
    """What the ranking rests on."""
    calibration: Calibration
    """Of the uncertainty."""
    corrected: int
    """Number of LQ cases whose label was decided on."""
    pseudo_labeled: int
    """Number of unlabeled cases that got a label."""
    in_sample: int
    """Number of these cases, and of those that failed, that the run was trained on."""
    failed: dict[str, str] = {}
    """Why each case failed whose label stayed as it came."""
    time_s: float = 0.0
    """Wall time."""
    peak_memory_mib: float | None = None
    """Largest resident memory of the process."""
