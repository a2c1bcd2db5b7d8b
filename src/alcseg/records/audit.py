"""What `alcseg audit` writes: `audit.json`, and the tables `ranking.csv` and `regions.csv` beside it."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from alcseg.records.base import Decimals, Document, Record, Row
from alcseg.records.foretold import Foretold

__all__ = ["AuditRater", "AuditRecord", "AuditRound", "AuditRow", "RegionRow", "knows_little"]


class AuditRow(Row):
    """One class of one label, judged by a network that never saw its case; a case has one rank."""

    NAME: ClassVar[str] = "ranking.csv"
    MADE_BY: ClassVar[str] = "`alcseg audit`"

    rank: int
    """Place of the case, 1 is the worst label."""
    case_id: str
    """The case."""
    class_name: str = Field(alias="class")
    """Name of a foreground class."""
    dice: Annotated[float, Decimals(4)]
    """Expected Dice of the given label with the right one."""
    dice_low: Annotated[float, Decimals(4)]
    """Lower end of its 90 % interval."""
    dice_high: Annotated[float, Decimals(4)]
    """Upper end."""
    surface_mm: Annotated[float, Decimals(3)]
    """Expected mean distance between the given and the right surface."""
    kind: str
    """Most probable kind of error; `none` if the label seems right."""
    kind_probability: Annotated[float, Decimals(3)]
    """Of that kind."""
    agreement: Annotated[float, Decimals(4)]
    """Plain Dice of the given label with the prediction; for comparison, nothing is decided by it."""
    quality: str
    """Of the label, as `cases.csv` states it."""
    rater: str = ""
    """Who drew it, as `cases.csv` states it; names with a `+` between them drew a consensus."""
    in_sample: bool = False
    """Whether the network that judged it was trained on it."""
    unsure: bool = False
    """Whether what is predicted is unlike all other predictions: then the network may be wrong instead."""
    fold: int
    """Which network judged it."""
    words: str
    """The judgment in a sentence."""


class RegionRow(Row):
    """One connected region where the given label and the prediction differ; largest of a case first."""

    NAME: ClassVar[str] = "regions.csv"
    MADE_BY: ClassVar[str] = "`alcseg audit`"

    case_id: str
    """The case."""
    class_name: str = Field(alias="class")
    """Name of the class."""
    region: int
    """Number within the case."""
    what: Literal["missing", "extra"]
    """`missing` where only the prediction has the class, `extra` where only the label has it."""
    mm3: Annotated[float, Decimals(1)]
    """Volume."""
    axis: int
    """Array axis across the slices."""
    best_slice: int
    """Index along it, from 0, of the slice with most of the region."""
    x_low: int
    """First voxel of its box along the first array axis, from 0."""
    x_high: int
    """Last voxel."""
    y_low: int
    """The same along the second axis."""
    y_high: int
    """Last voxel."""
    z_low: int
    """The same along the third axis."""
    z_high: int
    """Last voxel."""


class AuditRound(Record):
    """One round of trainings."""

    left_out: tuple[str, ...] = ()
    """Cases that no network of the round was trained on, since the round before found their labels wrong."""
    believed: int
    """Labels that errors were simulated on."""
    wrong_share: float
    """Share of the labels whose expected Dice is below `bad_below`."""


class AuditRater(Record):
    """The labels of one reader, or of a consensus of several, without cases that cannot be judged."""

    rater: str
    """The reader; names with a `+` between them are a consensus."""
    labels: int
    """Labels that were judged."""
    wrong: int
    """Those of them that count as wrong."""
    dice: float
    """Mean of their expected Dice."""
    dice_low: float
    """Lower end of its 95 % interval over labels."""
    dice_high: float
    """Upper end."""
    kind: str = "none"
    """Most frequent kind of error of the wrong ones."""
    kind_count: int = 0
    """How many of their classes have it."""


class AuditRecord(Document):
    """What an audit did and found."""

    NAME = "audit.json"
    MADE_BY = "`alcseg audit`"

    dataset: str
    """The dataset folder, as it was given."""
    method: str
    """That the networks were trained with."""
    steps: int
    """Of each training, if there was one: none where `run` judged."""
    folds: int
    """Parts of the set, each judged by a network of the others; undivided where `run` judged."""
    seed: int
    """Of folds, trainings and simulated errors."""
    draws: int
    """Simulated errors per believed label."""
    cases: int
    """Labels that were judged."""
    bad_below: float
    """Labels of less expected Dice count as wrong."""
    rounds: tuple[AuditRound, ...]
    """One, or two where many labels were wrong."""
    wrong: int
    """Labels that count as wrong."""
    kinds: dict[str, int]
    """How many of their classes have which kind of error."""
    blind: int = 0
    """Labels whose Dice may be anything, by the intervals of all their classes."""
    trusted: tuple[str, ...]
    """Cases whose labels can be trusted, best first; also in `trusted.txt`."""
    unsure: tuple[str, ...] = ()
    """Cases whose predictions are unlike all others: the networks may have lost the organ there."""
    doubted_hq: tuple[str, ...] = ()
    """Those that `cases.csv` calls hq and that seem wrong, the worst first."""
    run: str | None = None
    """The run that judged, as it was given; None where networks were trained that saw none of their cases."""
    repeats: int = 1
    """Times that the set was dealt into folds anew."""
    duplicates: tuple[tuple[str, str], ...] = ()
    """Pairs of cases with one and the same label map."""
    failed: dict[str, str] = {}
    """Message of each case that could not be judged."""
    raters: tuple[AuditRater, ...] = ()
    """Of readers that `cases.csv` names, and of their own labels of fused cases; the worst first."""
    foretold: tuple[Foretold, ...] = ()
    """Expected and true errors of simulated labels, by class; none in older files."""
    verdict: str
    """The whole set in words."""
    versions: dict[str, str] = {}
    """Of Python and the packages that decide on the numbers."""
    time_s: float = 0.0
    """Wall time of this call."""
    peak_memory_mib: float | None = None
    """Largest resident memory of the process."""

    @property
    def knows_little(self) -> bool:
        """Whether nothing can be said of most labels, so that no step should follow from the audit."""
        return knows_little(self.blind, self.cases)


def knows_little(blind: int, labels: int) -> bool:
    """Whether the networks of an audit know too little: of most `labels` the intervals say nothing."""
    return 2 * blind > labels
