"""One row of a benchmark against all others, paired over cases and the seeds that both have.

    python benchmarks/compare_rows.py OUT ROW [test|lq|corrected] [METRIC]

OUT is the folder of `alcseg benchmark`. Prints a Markdown table per dataset: mean of the metric (fractions in
percent), and ROW minus each other row with the 95 % percentile bootstrap interval over cases and seeds, by
the functions of `alcseg report`.
"""

import sys
from pathlib import Path

from alcseg.reporting.intervals import crossed_interval
from alcseg.reporting.records import Benchmark
from alcseg.reporting.table import printed, stat_of_runs


def main(out: str, name: str, kind: str = "test", metric: str = "dice") -> None:
    """Print the tables."""
    benchmark = Benchmark.open(Path(out))
    for dataset in benchmark.datasets:
        mine = benchmark.values(dataset.name, name, metric, kind)
        if mine is None:
            continue
        print(f"\n{dataset.title}\n\n| row | {metric} | seeds | {name} minus it (seeds) | 95 % interval |")
        print("|---|---|---|---|---|")
        for row in benchmark.rows:
            values = benchmark.values(dataset.name, row.row, metric, kind)
            if values is None:
                continue
            mean = stat_of_runs(values, metric).text
            difference = None if row.row == name else mine.minus(values)
            compared = "| – | – |"
            if difference is not None:
                low, high = crossed_interval(printed(difference, metric))
                by = printed(difference, metric).mean()
                compared = f"| {by:+.1f} ({len(difference.seeds)}) | {low:+.1f} to {high:+.1f} |"
            print(f"| {row.title} | {mean} | {len(values.seeds)} {compared}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
