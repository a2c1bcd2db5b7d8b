"""The claims of the ALC paper, each held against paired intervals over cases and seeds.

A claim is a difference that should be positive. Its verdict is `yes` where the whole 95 % interval lies above
zero, `no` where it lies below. An interval around zero that stays within a Dice point on either side says
`no, within a point`: if there is a difference, it is too small to choose a method by. All else is
`undecided`; also where a run is wanting. Intervals are not corrected for their number.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from alcseg.records.benchmark_plan import PlannedDataset
from alcseg.reporting.entries import DatasetEntry
from alcseg.reporting.intervals import crossed_interval, nested_interval
from alcseg.reporting.records import Benchmark
from alcseg.reporting.table import Column, DataTable, Interval, Line, Number
from alcseg.reporting.values import Values
from alcseg.reproduction.paper import paper_rows

__all__ = ["Finding", "claims_table", "findings"]

ORDER = ("alc", "alc_wo_lr", "alc_wo_ls", "mean_teacher", "h_sup", "hl_sup")
"""Best first, as the paper has it."""

MARGIN = 1.0
"""Dice points: two rows that differ by less for sure are taken as equal."""


@dataclass(frozen=True)
class Finding:
    """What the runs say of one claim.

    Attributes:
        claim: In words.
        data: On which dataset.
        difference: In Dice points, positive in the claim's favor; None without the runs.
        interval: 95 %, over cases and seeds.
        paper: The paper's own difference.
        verdict: `yes`, `no`, `no, within a point` or `undecided`.
        why: What the difference is, or why there is none.
    """

    claim: str
    data: str
    difference: float | None
    interval: tuple[float, float] | None
    paper: float | None
    verdict: str
    why: str


def findings(benchmark: Benchmark) -> list[Finding]:
    """All claims that the plan can speak of; one without its runs is undecided."""
    found: list[Finding] = []
    for dataset in benchmark.datasets:
        if any(run.record.done for run in benchmark.runs if run.record.dataset == dataset.name):
            found += _on_one_dataset(benchmark, dataset)
    found += _across_datasets(benchmark)
    return found


def claims_table(benchmark: Benchmark) -> DataTable | None:
    """The claims with their verdicts; None if no run speaks of any."""
    found = findings(benchmark)
    if all(finding.difference is None for finding in found):
        return None
    lines = []
    for finding in found:
        interval = finding.interval and Interval(*finding.interval, signed=True)
        cells = (
            finding.claim,
            finding.data,
            _signed(finding.difference),
            interval,
            _signed(finding.paper),
            finding.verdict,
            finding.why,
        )
        lines.append(Line(cells))
    return DataTable(
        "claims",
        "What the paper claims",
        (
            Column("claim", "claim", numeric=False),
            Column("dataset", "dataset", numeric=False),
            Column("difference", "difference"),
            Column("interval", "95 % interval"),
            Column("paper", "paper"),
            Column("verdict", "verdict", numeric=False),
            Column("meaning", "what is compared", numeric=False),
        ),
        tuple(lines),
        (
            "Differences in Dice points, positive where the claim holds.",
            "Intervals: paired percentile bootstrap over cases and, where there are several, seeds; with one "
            "seed they say nothing of how another would end.",
            "Yes: the interval lies above zero. No: below, or within a point around it. Not corrected for "
            "the number of claims.",
        ),
    )


def _signed(value: float | None) -> Number | None:
    return None if value is None else Number(value, f"{value:+.2f}")


def _on_one_dataset(benchmark: Benchmark, dataset: DatasetEntry) -> Iterator[Finding]:
    present = [word for word in ORDER if benchmark.row(word)]
    steps = [
        _compare(benchmark, dataset, better, worse, "{} is better than {}")
        for better, worse in pairwise(present)
    ]
    yield from steps
    if len(steps) > 1:
        yield _whole_order(benchmark, dataset, steps)
    if benchmark.row("alc_wo_lr") and benchmark.row("alc_wo_ls"):
        yield _compare(benchmark, dataset, "alc_wo_lr", "alc_wo_ls", "Selection matters more than refinement")
    if any(run.pseudo_labels for run in benchmark.runs if run.record.dataset == dataset.name):
        yield _refined_against_generated(benchmark, dataset)
    yield from _best_of_all(benchmark, dataset)


def _compare(benchmark: Benchmark, dataset: DatasetEntry, better: str, worse: str, claim: str) -> Finding:
    rows = [benchmark.row(word) for word in (better, worse)]
    titles = [row.title if row else word for row, word in zip(rows, (better, worse), strict=True)]
    gain = _gain(benchmark, dataset, better, worse)
    words = f"{titles[0]} minus {titles[1]}"
    return _finding(
        claim.format(*titles), dataset.title, gain, _paper_gain(benchmark, dataset, better, worse), words
    )


def _finding(claim: str, data: str, gain: Values | None, paper: float | None, words: str) -> Finding:
    if gain is None:
        return Finding(claim, data, None, None, paper, "undecided", f"{words}: not run")
    points = 100 * gain.array
    seeds, cases = points.shape
    interval = crossed_interval(points)
    extent = _extent(words, seeds, cases)
    return Finding(claim, data, float(points.mean()), interval, paper, _verdict(interval), extent)


def _extent(words: str, seeds: int, cases: int) -> str:
    return f"{words}; {cases} cases, {seeds} {'seed' if seeds == 1 else 'seeds'}"


def _verdict(interval: tuple[float, float]) -> str:
    low, high = interval
    if low > 0:
        return "yes"
    if high < 0:
        return "no"
    return "no, within a point" if max(-low, high) < MARGIN else "undecided"


def _gain(benchmark: Benchmark, dataset: DatasetEntry, better: str, worse: str) -> Values | None:
    """Dice of one row minus that of another, by seed and case."""
    rows = [benchmark.row(word) for word in (better, worse)]
    found = [row and benchmark.values(dataset.name, row.row, "dice") for row in rows]
    return found[0].minus(found[1]) if found[0] and found[1] else None


def _paper_gain(benchmark: Benchmark, dataset: DatasetEntry, better: str, worse: str) -> float | None:
    rows = paper_rows(benchmark, dataset)
    return rows[better][0] - rows[worse][0] if better in rows and worse in rows else None


def _whole_order(benchmark: Benchmark, dataset: DatasetEntry, steps: Sequence[Finding]) -> Finding:
    titles = [row.title for word in ORDER if (row := benchmark.row(word))]
    verdicts = [step.verdict.partition(",")[0] for step in steps]
    whole = "no" if "no" in verdicts else "yes" if set(verdicts) == {"yes"} else "undecided"
    counts = ", ".join(f"{verdicts.count(word)} {word}" for word in ("yes", "no", "undecided"))
    claim = "The order is " + " > ".join(titles)
    return Finding(claim, dataset.title, None, None, None, whole, f"the steps above: {counts}")


def _refined_against_generated(benchmark: Benchmark, dataset: DatasetEntry) -> Finding:
    """On the patches that were selected: their mean by case, since patches of a case are alike."""
    by_seed: dict[int, dict[str, list[float]]] = {}
    for run in benchmark.runs:
        if run.record.dataset == dataset.name:
            for label in run.pseudo_labels:
                gain = 100 * (label.refined - label.generated)
                if label.selected and not np.isnan(gain):
                    by_seed.setdefault(run.record.seed, {}).setdefault(label.case_id, []).append(gain)
    claim = "Refined labels are better than directly generated ones"
    if not by_seed:
        why = "no selected patch was recorded"
        return Finding(claim, dataset.title, None, None, None, "undecided", why)
    groups = [np.array([np.mean(gains) for gains in cases.values()]) for cases in by_seed.values()]
    interval = nested_interval(groups)
    cases = len(set().union(*by_seed.values()))
    words = "refined minus generated on selected patches"
    return Finding(
        claim,
        dataset.title,
        float(np.mean([group.mean() for group in groups])),
        interval,
        None,
        _verdict(interval),
        _extent(words, len(groups), cases),
    )


def _best_of_all(benchmark: Benchmark, dataset: DatasetEntry) -> Iterator[Finding]:
    """ALC against the best of the methods that are not ALC; the choice of the best is not corrected for."""
    baseline = benchmark.row("alc")
    others = {
        row.row: values
        for row in benchmark.rows
        if not row.upper_bound
        and not row.method.startswith("alc")
        and (values := benchmark.values(dataset.name, row.row, "dice")) is not None
    }
    if baseline is None or len(others) < 2:
        return
    best = max(others, key=lambda name: float(others[name].array.mean()))
    yield _compare(benchmark, dataset, "alc", best, "{} is better than every other method, here {}")


def _across_datasets(benchmark: Benchmark) -> Iterator[Finding]:
    """Gains over Mean Teacher with few and with more HQ labels of one kind, where the cases are the same."""
    kinds: dict[str, list[tuple[float, DatasetEntry]]] = {}
    for dataset in benchmark.datasets:
        if dataset.spec.hq_percent is not None:
            kinds.setdefault(_all_but_share(dataset.spec), []).append((dataset.spec.hq_percent, dataset))
    for shares in kinds.values():
        shares.sort(key=lambda share: share[0])
        for few, more in pairwise(shares):
            if few[0] < more[0]:
                yield from _shrinking_gain(benchmark, few, more)


def _all_but_share(spec: PlannedDataset) -> str:
    """Equal for datasets that differ in their share of HQ labels alone."""
    corrupt = {key: value for key, value in (spec.corrupt or {}).items() if not key.startswith("hq_")}
    same = spec.model_copy(update={"title": "", "hq_percent": None, "corrupt": corrupt})
    return repr(same)


def _shrinking_gain(
    benchmark: Benchmark, few: tuple[float, DatasetEntry], more: tuple[float, DatasetEntry]
) -> Iterator[Finding]:
    gains = [_gain(benchmark, dataset, "alc", "mean_teacher") for _, dataset in (few, more)]
    published = [_paper_gain(benchmark, dataset, "alc", "mean_teacher") for _, dataset in (few, more)]
    paper = published[0] - published[1] if published[0] is not None and published[1] is not None else None
    change = gains[0].minus(gains[1]) if gains[0] and gains[1] else None
    if gains[0] and gains[1] and change is None:
        return  # no case in common, so nothing to pair
    words = f"ALC minus Mean Teacher at {few[0]:g} % less that at {more[0]:g} %"
    data = f"{few[1].title}, {more[1].title}"
    yield _finding("The gain shrinks with more HQ labels", data, change, paper, words)
