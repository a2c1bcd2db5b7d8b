"""Results of the verbs on stdout: a table for people, or with `--json` one document for programs."""

import dataclasses
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from shlex import quote
from typing import Any

from pydantic import BaseModel
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from alcseg.cli.rater_lines import RATER_COLUMNS, judged_readers, rater_lines
from alcseg.listing import has_file
from alcseg.records.predictions import PredictionRecord
from alcseg.records.ranking import RankingRow
from alcseg.records.raters import COMPARISON, RaterRow
from alcseg.records.scores import ScoreRow
from alcseg.records.summary import EvaluationSummary
from alcseg.reporting.review_link import ReviewLink

__all__ = ["document", "show"]

_CARD = {
    "paper": "paper",
    "quality_aware": "uses HQ/LQ",
    "networks": "networks",
    "predicts": "predicts with",
    "cost": "cost of a step",
    "distribution": "installed by",
}
_LISTED_RUNS = 12
_RANKED_CASES = 10  # as many as one looks through in a sitting; the others are in the file


def show(function: str, result: Any, *, as_json: bool) -> None:
    """Print what the function of that name behind a verb returned."""
    if as_json:
        sys.stdout.write(json.dumps(document(result), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        return
    # Piped output has no terminal width to fit into; wide enough that no cell is ever cut.
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    with console.capture() as capture:  # rich would end the process where the reader of a pipe has gone
        for part in _VIEWS.get(function, _facts)(result):
            console.print(part, markup=False)
    sys.stdout.write(capture.get())


def document(value: Any) -> Any:
    """Make `value` of plain JSON types; paths become strings, numbers that are not finite null."""
    if hasattr(value, "to_document"):
        return document(value.to_document())
    if isinstance(value, BaseModel):
        return document(value.model_dump(mode="json", by_alias=True))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: document(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): document(item) for key, item in value.items()}
    if hasattr(value, "dtype") and value.ndim == 0:  # a NumPy scalar
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Sequence | set | frozenset):
        return [document(item) for item in value]
    return str(value)


def _facts(result: Any) -> list[RenderableType]:
    """Any result as names and values, one a line."""
    content = document(result)
    if not isinstance(content, dict):
        return [str(content)]
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in content.items():
        if name == "record":  # the whole of a file that was written; shown by --json alone
            continue
        table.add_row(Text(name.replace("_", " ")), _cell(value))
    return [table]


def _table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> Table:
    """One line per row; `columns` maps keys of the rows to headings."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in columns.values():
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(key)) for key in columns))
    return table


def _cell(value: Any) -> Text:
    """A value as text; never read as markup, since names and messages may hold brackets."""
    if value is None or value in ([], {}, ()):
        return Text("-")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, float):
        return Text(f"{value:.4g}")
    if isinstance(value, Mapping):
        lines = [Text.assemble(str(name), " ", _cell(item)) for name, item in value.items()]
        return Text("\n").join(lines)
    if isinstance(value, list | tuple):
        return Text(", ").join([_cell(item) for item in value])
    return Text(str(value))


def _import(result: Any) -> list[RenderableType]:
    counts = Counter(f"{row.split} {row.quality}" for row in result.rows)
    facts = {
        "dataset": result.root,
        "channels": list(result.channel_names.values()),
        "labels": result.labels,
        "cases": dict(sorted(counts.items())),
    }
    compared = result.root / COMPARISON
    if not has_file(RaterRow.path(compared)):
        return _facts(facts)
    return [
        *_facts(facts),
        "",
        _table(rater_lines(RaterRow.read(compared)), RATER_COLUMNS),
        "",
        f"How each reader draws, with pictures and pairs: {compared / 'report.html'}",
    ]


def _report(result: Any) -> list[RenderableType]:
    """Of many runs without a result the first, and where all are listed."""
    facts = document(result)
    wanting = facts["not_done"]
    if len(wanting) > _LISTED_RUNS:
        facts["not_done"] = dict(list(wanting.items())[:_LISTED_RUNS])
        facts["and"] = f"{len(wanting) - _LISTED_RUNS} more, see the page and tables/missing.md beside it"
    return _facts(facts)


def _raters(result: Any) -> list[RenderableType]:
    facts = {"out": result.out, "consensus": result.fusion, "cases": result.drew}
    facts["report"] = result.out / "report.html"
    return [_table(rater_lines(result.raters), RATER_COLUMNS), "", result.verdict, "", *_facts(facts)]


def _check(result: Any) -> list[RenderableType]:
    facts = document(result)
    findings = facts.pop("findings")
    del facts["volumes_ml"]  # a number per case and class, for programs
    if not any(facts["incomplete"].values()):
        del facts["incomplete"]
    else:
        facts["incomplete"] = {
            case_id: ", ".join(
                [f"{gaps['ignored_share']:.1%} of the voxels not labeled"] * (gaps["ignored_share"] > 0)
                + [f"not drawn: {', '.join(gaps['undrawn'])}"] * bool(gaps["undrawn"])
            )
            for case_id, gaps in facts["incomplete"].items()
        }
    facts["classes"] = {
        name: ", ".join(f"{count} {quality}" for quality, count in counts.items())
        for name, counts in facts["classes"].items()
    }
    if not findings:
        return _facts(facts)
    columns = {"grade": "grade", "case_id": "case", "message": "finding"}
    return [_table(findings, columns), "", *_facts(facts)]


_AFTER_AUDIT = (
    "Go on from here: alcseg correct {out} {dataset} --oof --out NEW mends what is not trusted, "
    "alcseg train {dataset} --hq-from {out} --out RUN trains with what is."
)
_AFTER_AUDIT_BY_RUN = (
    "Go on from here: alcseg train {dataset} --hq-from {out} --out RUN trains with what is trusted, "
    "alcseg correct RUN {dataset} --out NEW mends the rest by that run."
)


def _audit(result: Any) -> list[RenderableType]:
    rows = [row.cells() for row in result.worst[:_RANKED_CASES]]
    columns = {
        "rank": "rank",
        "case_id": "case",
        "dice": "expected Dice",
        "kind": "kind",
        "words": "in words",
    }
    record = result.record
    go_on = (_AFTER_AUDIT if record.run is None else _AFTER_AUDIT_BY_RUN).format(
        out=quote(str(result.out)), dataset=quote(record.dataset)
    )
    told_apart = any(row.quality != "hq" for row in result.ranking)  # else all are hq, and nothing is news
    facts = {
        "out": result.out,
        "labels": record.cases,
        "seem wrong": record.wrong,
        "kinds of error": record.kinds,
        **({"by reader": judged_readers(record.raters)} if record.raters else {}),
        "trusted": len(record.trusted),
        "cannot be judged": list(record.unsure),
        **({"hq, but seem wrong": list(record.doubted_hq)} if told_apart else {}),
        "equal label maps": [" and ".join(pair) for pair in record.duplicates],
        "failed": len(record.failed),
        "report": result.path / "report.html",
    }
    return [
        *_failures(result),
        "Look at these first:",
        _table(rows, columns),
        "",
        *_facts(facts),
        "",
        record.verdict,
        *(["", go_on] if record.trusted and not record.knows_little else []),
        *_look(result.out),
    ]


def _look(folder: Any) -> list[RenderableType]:
    """How to go through the result in the browser."""
    return ["", f"Look, decide and mend in the browser: {ReviewLink(folder).command}"]


def _evaluate(result: Any) -> list[RenderableType]:
    summary = result.summary
    rows = [
        document(statistics)
        | {
            "class": name,
            "metric": metric,
            "unit": summary.units[metric],
            "interval": " to ".join(str(_cell(end)) for end in statistics.interval_95),
        }
        for name, metrics in {"foreground mean": summary.foreground_mean, **summary.per_class}.items()
        for metric, statistics in metrics.items()
    ]
    columns = ["class", "metric", "unit", "mean", "std", "median", "interval", "n", "n_missed", "n_spurious"]
    if any(row["n_not_drawn"] for row in rows):
        columns.append("n_not_drawn")
    headings = {name: name.removeprefix("n_") for name in columns} | {"interval": "95 % interval"}
    files: dict[str, Any] = {} if not summary.ignored_voxels else {"ignored voxels": summary.ignored_voxels}
    files |= {"per case": ScoreRow.path(result.path), "summary": EvaluationSummary.path(result.path)}
    return [_table(rows, headings), "", *_facts(files)]


def _train(result: Any) -> list[RenderableType]:
    facts = {"run": result.path, "method": result.method, "finished": result.finished}
    return _facts(facts)


def _predict(result: Any) -> list[RenderableType]:
    facts = {"out": result.out, "written": len(result.written), "failed": len(result.failed)}
    return [*_failures(result), *_facts(facts | {"details": PredictionRecord.path(result.out)})]


def _export(result: Any) -> list[RenderableType]:
    facts = {
        "out": result.out,
        "takes": result.takes,
        "compared on": result.compared_on,
        "differs by": result.differs_by,
        "validation Dice": result.record.trained_on.val_dice,
    }
    return _facts(facts)


def _correct(result: Any) -> list[RenderableType]:
    worst = [max(rows, key=lambda row: row.given_error) for rows in result.ranked.values()]
    columns = {"rank": "rank", "case_id": "case", "class": "class"}
    columns |= {"given_error": "error given", "written_error": "written", "changed_mm3": "changed mm3"}
    columns |= {"reason": "reason"}
    ranking = RankingRow.path(result.out)
    record = result.record
    said = record.rehearsal
    facts = {
        "out": result.out,
        "looked at": len(result.corrected),
        "written": ", ".join(f"{count} {name}" for name, count in sorted(record.written.items())),
        "pseudo labeled": len(result.pseudo_labeled),
        "failed": len(result.failed),
        "rehearsal": said
        and f"{said.errors} errors simulated on {said.cases} trusted labels: Dice {said.given_dice:.3f} -> "
        f"{said.written_dice:.3f}, worse by more than a point in {said.worse_share:.1%}",
        "labels were": "; ".join(record.offsets) or None,
        "report": result.report,
        "ranking": f"{ranking} ({len(worst)} cases, the first {_RANKED_CASES} above)"
        if len(worst) > _RANKED_CASES
        else ranking,
    }
    table = _table([row.cells() for row in worst[:_RANKED_CASES]], columns)
    return [*_failures(result), "Look at these first:", table, "", *_facts(facts), *_look(result.out)]


def _failures(result: Any, what: str = "case") -> list[RenderableType]:
    """Cases or runs that failed, each with its message; nothing if none did."""
    if not result.failed:
        return []
    rows = [{what: name, "message": message} for name, message in result.failed.items()]
    return [_table(rows, {what: f"failed {what}", "message": "why"}), ""]


def _benchmark(result: Any) -> list[RenderableType]:
    columns = {"run": "run", "state": "state", "dice": "Dice", "train_s": "trained (s)"}
    if result.cost is not None:
        columns |= {"estimated_hours": "estimated (h)"}
    states = Counter(line.state for line in result.runs)
    facts: dict[str, Any] = {"title": result.title, "out": result.out, "runs": dict(states)}
    if result.cost is not None:
        cost = document(result.cost)
        facts |= {
            name: cost[name] for name in ("side_by_side", "threads", "total_hours", "disk_gib", "free_gib")
        }
        facts["not counted"] = "; ".join(cost["left_out"]) or "nothing"
    return [_table(document(result.runs), columns), "", *_failures(result, "run"), *_facts(facts)]


def _methods(result: Any) -> list[RenderableType]:
    notes = [f"\nnetworks: {', '.join(result.networks)}", "`alcseg methods NAME` lists every setting."]
    if result.measured:
        conditions = ", ".join(f"{name} {value}" for name, value in document(result.measured).items())
        notes.insert(1, f"cost of a step: that of hl_sup is 1; {conditions}")
    columns = {"name": "method"} | _CARD
    if all(info.distribution is None for info in result.methods):
        del columns["distribution"]
    return [_table(document(result)["methods"], columns), *notes]


def _one_method(result: Any) -> list[RenderableType]:
    rows = document(result)["settings"]
    for row in rows:
        default = json.dumps(row["default"]).strip('"')  # as it would be typed behind --set
        row["default"] = f"{default} (fixed)" if row["fixed"] else default
        row["range"] = row["range"] or None
    columns = {"name": "setting", "default": "default", "choices": "one of", "range": "range"}
    columns |= {"meaning": "meaning"}
    facts = {heading: getattr(result, name) for name, heading in _CARD.items()}
    facts |= {"loss terms": result.terms, "also logged": result.readings}
    return [
        result.description + "\n",
        *_facts(facts),
        "",
        _table(rows, columns),
        "\nChange one with --set method.SETTING=VALUE.",
    ]


def _demo(result: Any) -> list[RenderableType]:
    record = result.record
    tests = [{"method": name, **document(scores)} for name, scores in record.test.items()]
    facts = {"report": result.report, "time_s": record.time_s, "peak_memory_mib": record.peak_memory_mib}
    return [
        _table([record.labels], {"given": "LQ labels, Dice as given", "refined": "after correction"}),
        "",
        _table(tests, {"method": "test cases", "dice": "Dice", "hd95_mm": "HD95 (mm)"}),
        "",
        *_facts(facts),
        "\nEach step by hand:",
        *record.commands,
        *_look(result.corrected),
    ]


_VIEWS: dict[str, Callable[[Any], list[RenderableType]]] = {
    "audit": _audit,
    "benchmark": _benchmark,
    "check": _check,
    "correct": _correct,
    "demo": _demo,
    "describe_method": _one_method,
    "evaluate": _evaluate,
    "export": _export,
    "import_dataset": _import,
    "methods": _methods,
    "predict": _predict,
    "raters": _raters,
    "report": _report,
    "train": _train,
}
"""What a result looks like by the function that returned it; any other is shown as names and values."""
