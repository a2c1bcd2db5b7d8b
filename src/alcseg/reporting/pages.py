"""The report of a benchmark or of one run as a folder: the page, and every table and figure as files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alcseg.evaluation import Evaluation
from alcseg.files import write_text
from alcseg.metrics import METRICS
from alcseg.reporting.exhibits import Exhibit, FigureExhibit
from alcseg.reporting.figures import png_bytes, svg_bytes, training_curves
from alcseg.reporting.html import Block, Facts, Picture, Section, Text, write_report
from alcseg.reporting.markup import to_csv, to_html, to_latex, to_markdown
from alcseg.reporting.records import Benchmark
from alcseg.reporting.scored_cases import scored_cases
from alcseg.reporting.table import Column, DataTable, Line, Stat, printed_unit
from alcseg.run import Run

__all__ = ["write_benchmark_report", "write_run_report"]

_PRINT_DPI, _PAGE_DPI = 300, 200


def write_benchmark_report(benchmark: Benchmark, shown: Sequence[Exhibit], out: Path) -> list[str]:
    """Write the report of a benchmark, finished or not, and return the names of what it shows.

    Args:
        benchmark: With its records.
        shown: Its tables and figures, in the order of the page.
        out: Folder of the report.
    """
    plan = benchmark.plan
    facts: list[tuple[str, str]] = [
        ("protocol", plan.evaluate.protocol),
        ("scored on", plan.evaluate.split),
        ("window", plan.evaluate.window),
        ("seeds", ", ".join(map(str, plan.seeds))),
    ]
    total = len(plan.runs)
    lead = f"{total - len(benchmark.missing)} of {total} runs of this benchmark are done."
    sections = [_section(exhibit) for exhibit in shown]
    sections.append(Section("How it was made", [Facts(facts)]))
    return _write(out, plan.title, lead, shown, sections)


def write_run_report(run: Run, out: Path) -> list[str]:
    """Write the report of one run: curves, scores where it was evaluated, settings.

    Raises:
        CheckpointError: If its settings are damaged.
        DataError: If it was not trained, or a record is damaged.
    """
    tables = {stage.stage or run.method: stage.metrics for stage in run.stages}
    figure = training_curves(tables)
    caption = "Loss terms (smoothed) and validation Dice over the steps" + (
        ", one column per stage." if len(tables) > 1 else "."
    )
    shown: list[Exhibit] = [FigureExhibit("training", "Training", figure, caption, plot=True)]
    scores = Evaluation.open(run.path / "eval") if (run.path / "eval").is_dir() else None
    if scores is not None:
        shown.append(_scores_table(scores))
    shown.append(_settings_table(run.settings.dotted))
    record = run.record
    facts: list[tuple[str, str | int | None]] = [
        ("status", record.status),
        ("seed", record.seed),
        ("device", record.device),
        ("processor", record.processor),
        ("gpu", record.gpu),
        ("commit", record.commit),
        ("started", record.started),
        ("finished", record.finished),
    ]
    sections = [_section(exhibit) for exhibit in shown]
    cases = None if scores is None else scored_cases(scores)
    if cases is not None:
        order = "The worst first, in three planes through the largest difference, in radiological view (the "
        order += "patient's right on your left)."
        sections.insert(-1, Section("Cases", [Text(order), cases]))  # the settings stay last
    sections.insert(0, Section("Run", [Facts([fact for fact in facts if fact[1] is not None])]))
    state = "finished" if run.finished else "not finished"
    return _write(out, f"{run.method}: {run.path.resolve().name}", f"This run is {state}.", shown, sections)


def _write(
    out: Path, title: str, lead: str, shown: Sequence[Exhibit], sections: Sequence[Section]
) -> list[str]:
    for exhibit in shown:
        if isinstance(exhibit, FigureExhibit):
            folder = out / "figures"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{exhibit.name}.png").write_bytes(png_bytes(exhibit.figure, dpi=_PRINT_DPI))
            (folder / f"{exhibit.name}.svg").write_bytes(svg_bytes(exhibit.figure))
        else:
            for ending, to_text in (("md", to_markdown), ("csv", to_csv), ("tex", to_latex)):
                write_text(out / "tables" / f"{exhibit.name}.{ending}", to_text(exhibit))
    write_report(out / "report.html", title=title, lead=lead, sections=sections)
    return [exhibit.name for exhibit in shown]


def _section(exhibit: Exhibit) -> Section:
    block: Block
    if isinstance(exhibit, FigureExhibit):
        drawn = exhibit.figure if exhibit.plot else png_bytes(exhibit.figure, dpi=_PAGE_DPI)
        block = Picture(drawn, alt=exhibit.caption, caption=exhibit.caption, plot=exhibit.plot)
        files = f"figures/{exhibit.name}.png, .svg"
    else:
        block = to_html(exhibit, titled=False)
        files = f"tables/{exhibit.name}.md, .csv, .tex"
    return Section(exhibit.title, [block, Text(files, note=True)])


def _scores_table(scores: Evaluation) -> DataTable:
    lines = []
    for metric, unit in scores.units.items():
        if metric in METRICS:  # else its package is gone
            traits = METRICS[metric]
            mean = scores.mean(metric) * (100 if traits.percent else 1)
            stat = Stat(mean, digits=traits.digits, signed=traits.signed)
            lines.append(Line((traits.title, stat, printed_unit(metric, unit), traits.better)))
    columns = (
        Column("metric", "metric", numeric=False),
        Column("mean", "mean"),
        Column("unit", "unit", numeric=False),
        Column("better", "better", numeric=False),
    )
    cases = len(scores.by_case("dice"))
    return DataTable(
        "scores", "Scores", columns, tuple(lines), (f"Mean over {cases} cases and the classes.",)
    )


def _settings_table(settings: dict[str, Any]) -> DataTable:
    lines = [Line((name, str(value))) for name, value in settings.items()]
    columns = (Column("setting", "setting", numeric=False), Column("value", "value", numeric=False))
    return DataTable("settings", "Settings", columns, tuple(lines))
