"""The values of the ALC paper's tables, to be printed under ours.

Source: C. Qian, K. Han et al., arXiv:2503.12218, Tables I to III. Dice and Jaccard are in percent. Distances
are in voxels: the paper says mm, but the lineage measures with spacing 1 whatever the header says. They are
the pooled 95th percentile of both directions (95HD) and the mean distance one way (ASD).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from alcseg.reporting.entries import DatasetEntry
from alcseg.reporting.records import Benchmark
from alcseg.reporting.results import Published, units_of

__all__ = ["METRICS", "PAPER_TABLES", "PaperTable", "paper_rows", "published"]

METRICS = ("dice", "jaccard", "hd95", "asd")
"""What the four numbers of a row are."""

_UNITS_REMARK = 'The distances that the paper gives in "mm" are voxels: spacing 1 whatever the header says.'

Values = tuple[float, float, float, float]


@dataclass(frozen=True)
class PaperTable:
    """One table of the paper.

    Attributes:
        number: As the paper counts.
        data: What it was measured on.
        train_cases: Training cases of the paper's split.
        test_cases: Test cases of it.
        official_split: Whether the split is public, so that ours can be the same.
        rows: Percentage of HQ labels to row word to values in the order of `METRICS`.
    """

    number: str
    data: str
    train_cases: int
    test_cases: int
    official_split: bool
    rows: Mapping[float, Mapping[str, Values]]

    def remark(self, train_cases: int, test_cases: int, *, split: str = "test", halved: bool = False) -> str:
        """Why the paper's values are not of the same experiment as ours; empty if nothing is known to differ.

        Args:
            train_cases: Of our split, HQ and LQ.
            test_cases: Of our split.
            split: What we scored: `test` or `val`.
            halved: Whether our volumes have half the resolution.
        """
        same = (train_cases, test_cases) == (self.train_cases, self.test_cases) and split == "test"
        remarks = ["other split"]
        if self.official_split and train_cases == self.train_cases:
            remarks = [] if same else ["other test set"]
        return ", ".join(remarks + (["full resolution"] if halved else []))


PAPER_TABLES: dict[str, PaperTable] = {
    "table1": PaperTable(
        "Table I", "NIH pancreas, all methods", 62, 20, False,
        {
            10: {
                "h_sup": (70.86, 56.50, 21.15, 8.87),
                "hl_sup": (69.45, 54.68, 22.18, 9.75),
                "tbrats": (71.19, 56.92, 23.06, 7.06),
                "trinet": (73.76, 59.59, 21.48, 6.77),
                "two_stage_rnt": (72.56, 58.13, 20.40, 6.08),
                "pick_and_learn": (72.67, 57.93, 19.42, 6.19),
                "ms_tfal": (72.83, 58.63, 18.43, 6.24),
                "decoupled": (73.16, 59.21, 19.79, 5.98),
                "kdem": (73.57, 59.57, 18.89, 5.77),
                "mixsegnet": (74.06, 59.66, 18.31, 6.46),
                "mtcl_hard": (74.88, 60.49, 19.50, 5.54),
                "mtcl_fs": (73.95, 60.01, 18.33, 6.17),
                "mtcl_uds": (74.30, 59.94, 19.54, 6.09),
                "alc": (75.21, 60.94, 18.13, 5.37),
            },
            20: {
                "h_sup": (73.64, 59.98, 12.18, 4.65),
                "hl_sup": (72.90, 58.68, 13.72, 4.83),
                "tbrats": (75.28, 61.21, 8.69, 4.95),
                "trinet": (76.13, 62.23, 9.35, 3.84),
                "two_stage_rnt": (75.72, 61.66, 11.23, 4.32),
                "pick_and_learn": (76.95, 63.22, 9.57, 3.83),
                "ms_tfal": (75.56, 61.36, 10.05, 4.15),
                "decoupled": (78.13, 64.90, 9.33, 3.48),
                "kdem": (77.36, 64.01, 6.24, 2.73),
                "mixsegnet": (77.07, 63.94, 8.22, 2.76),
                "mtcl_hard": (78.97, 65.86, 9.24, 2.13),
                "mtcl_fs": (77.65, 64.17, 9.83, 3.07),
                "mtcl_uds": (78.19, 65.88, 7.21, 2.32),
                "alc": (79.62, 66.32, 5.86, 2.02),
            },
        },
    ),
    "table2": PaperTable(
        "Table II", "left atrium, ablation", 80, 20, True,
        {
            10: {
                "mean_teacher": (83.79, 72.62, 20.07, 4.01),
                "alc_wo_ls": (84.42, 73.59, 10.49, 2.87),
                "alc_wo_lr": (87.31, 77.81, 8.79, 2.81),
                "alc": (88.87, 80.23, 8.36, 2.29),
            },
            20: {
                "mean_teacher": (87.51, 77.92, 8.83, 2.86),
                "alc_wo_ls": (88.11, 79.19, 6.76, 1.99),
                "alc_wo_lr": (88.53, 79.53, 9.13, 2.77),
                "alc": (89.29, 80.99, 6.30, 1.22),
            },
        },
    ),
    "table3": PaperTable(
        "Table III", "NIH pancreas, ablation", 62, 20, False,
        {
            10: {
                "h_sup": (70.86, 56.50, 21.15, 8.87),
                "hl_sup": (69.45, 54.68, 22.18, 9.75),
                "mean_teacher": (70.59, 55.48, 23.58, 7.43),
                "alc_wo_ls": (71.17, 56.12, 22.56, 6.38),
                "alc_wo_lr": (73.23, 58.66, 19.67, 6.51),
                "alc": (75.21, 60.94, 18.13, 5.37),
            },
            20: {
                "h_sup": (73.64, 59.98, 12.18, 4.65),
                "hl_sup": (72.90, 58.68, 13.72, 4.83),
                "mean_teacher": (74.77, 60.51, 15.09, 4.78),
                "alc_wo_ls": (75.48, 61.50, 11.07, 3.96),
                "alc_wo_lr": (76.23, 62.29, 10.45, 3.74),
                "alc": (79.62, 66.32, 5.86, 2.02),
            },
        },
    ),
}  # fmt: skip
"""Word behind `reference:` of a plan to table."""


def paper_rows(benchmark: Benchmark, dataset: DatasetEntry) -> Mapping[str, Values]:
    """Rows of the table that the plan refers to, for the dataset's percentage of HQ labels."""
    table, percent = PAPER_TABLES.get(benchmark.plan.reference or ""), dataset.spec.hq_percent
    return {} if table is None or percent is None else table.rows.get(percent, {})


def published(benchmark: Benchmark, dataset: DatasetEntry) -> Published | None:
    """The paper's values, each under our row that names it, else under that of the same word."""
    table = PAPER_TABLES.get(benchmark.plan.reference or "")
    if table is None:
        return None
    found: dict[str, dict[str, float]] = {}
    for word, numbers in paper_rows(benchmark, dataset).items():
        named = next((row for row in benchmark.rows if row.reference == word), None)
        row = named or benchmark.row(word)
        if row is not None:
            found[row.row] = dict(zip(METRICS, numbers, strict=True))
    hq, lq, test = benchmark.cases(dataset.name)
    remarks = [
        table.remark(hq + lq, test, split=benchmark.plan.evaluate.split, halved=dataset.spec.halve),
        "voxels" if units_of(benchmark, dataset).get("hd95") == "mm" else "",
    ]
    note = f"{table.number} of arXiv:2503.12218 ({table.data}). {_UNITS_REMARK}"
    return Published(found, ", ".join(filter(None, remarks)), note)
