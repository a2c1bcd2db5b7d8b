"""`correct.json`: how the labels of a dataset were corrected, and what clean labels told beforehand."""

from collections.abc import Mapping
from typing import Any, Literal, Self, TypeAlias

from alcseg.records.base import Document, Record
from alcseg.records.foretold import Foretold
from alcseg.types import Count, NotNegative, Positive, Uncertainty, Weighting

__all__ = [
    "Calibration",
    "CorrectionRecord",
    "Curve",
    "How",
    "NetworkName",
    "Perturbation",
    "ReferenceLabels",
    "Rehearsal",
]

How: TypeAlias = Literal["auto", "patched", "moved", "posterior", "refined"]
"""Which proposals may be written beside the given label: any, or one kind alone."""


NetworkName: TypeAlias = Literal["teacher", "predict"]


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
    curves: dict[str, Curve] = {}
    """By class name, and one over `all classes`; none without cases."""


class Rehearsal(Record):
    """The same correction of simulated errors on trusted labels, each by what other cases taught."""

    cases: int
    """Trusted cases that the network has not learned from."""
    errors: int
    """Simulated on them."""
    kinds: dict[str, float] = {}
    """Share of each kind of error in the labels that are corrected, as far as can be told; each simulated
    error counts as often as its kind occurs."""
    given_dice: float
    """Mean Dice of the simulated labels with the trusted ones."""
    written_dice: float
    """The same after correction."""
    worse_share: float
    """Share of the labels that lost more than a hundredth of Dice."""
    right_given_dice: float | None
    """Mean Dice before correction where nothing or next to nothing was simulated."""
    right_written_dice: float | None
    """The same after correction."""
    foretold_given: tuple[Foretold, ...] = ()
    """Expected and true errors of the simulated labels; none in older files."""
    foretold_written: tuple[Foretold, ...] = ()
    """The same of what was written for them."""


class CorrectionRecord(Document):
    """One round of `alcseg correct`."""

    NAME = "correct.json"
    MADE_BY = "`alcseg correct`"
    FORMAT = 2  # 1 aligned or refined all labels of a set, whatever that did to them

    versions: dict[str, str] = {}
    """Of Python and the packages that decide on the numbers."""
    run: str
    """The run folder, as it was given."""
    dataset: str
    """The dataset that was corrected, as it was given."""
    method: str
    """That the run was trained with."""
    network: NetworkName
    """Which network answered: that which agrees better with trusted labels, for want of them the teacher."""
    engine: str = ""
    """What computed its forward passes, as `--engine` names it; empty in older files."""
    perturbation: Perturbation
    """Of the passes."""
    out_of_fold: bool = False
    """Whether each case was looked at by the network of an audit that never saw it."""
    how: How
    """What could be written."""
    risk: float | None = None
    """How likely a change may do harm; None in files from before this was asked."""
    rehearsal: Rehearsal | None = None
    """What trusted labels told of this correction beforehand; None with fewer than two, or if `poor`."""
    poor: float | None = None
    """Mean Dice that the network reaches on trusted labels if that is too little to judge any, else None."""
    written: dict[str, int] = {}
    """How many LQ labels each proposal was written for."""
    untouched: tuple[str, ...] = ()
    """Classes that no trusted label holds, and which stayed as they were given."""
    clean_labels: ReferenceLabels | None = None
    """How the network sees trusted labels that it has not learned from; None where there are none."""
    offsets: tuple[str, ...] = ()
    """How the labels were drawn, a sentence per class."""
    added_undrawn: dict[str, tuple[str, ...]] = {}
    """Classes that nobody had drawn in a case and that were added as predicted, by case."""
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

    @classmethod
    def upgrade(cls, content: dict[str, Any], found: int) -> dict[str, Any]:
        """Labels that were aligned could be any but patched."""
        return content if found > 1 or content.get("how") != "aligned" else content | {"how": "auto"}
