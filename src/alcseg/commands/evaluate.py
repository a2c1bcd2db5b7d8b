"""`alcseg evaluate`: label maps against a reference, per case and class, with intervals over the cases."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Literal

import numpy as np

from alcseg.commands.progress import track
from alcseg.data.case import Volume
from alcseg.data.folder import DatasetFolder, require_named_values
from alcseg.data.nifti import nifti_stem, read_label, require_same_grid, shorten
from alcseg.errors import DataError, LabelError, UsageError
from alcseg.files import output_folder, require_apart, write_json, write_text
from alcseg.machine import timestamp, versions
from alcseg.metrics import METRICS, ClassScores, evaluate_pair, summarize

__all__ = ["EvaluateResult", "Protocol", "evaluate"]

Protocol = Literal["mm", "paper"]

_COLUMNS = ("case_id", "class", "metric", "value", "unit", "status")
_BACKGROUND = 0


@dataclass(frozen=True)
class EvaluateResult:
    """What an evaluation found.

    Attributes:
        per_case: Tidy table, one line per case, class and metric.
        summary_file: `summary` as a file.
        summary: What was compared how, and statistics `per_class` and of the `foreground_mean`.
    """

    per_case: Path
    summary_file: Path
    summary: dict[str, Any]


def evaluate(
    pred: Path,
    truth: Path,
    *,
    out: Path,
    protocol: Protocol = "mm",
    dataset: Path | None = None,
    quality: str | None = None,
    split: str | None = None,
    tolerance_mm: float = 1.0,
    overwrite: bool = False,
) -> EvaluateResult:
    """Score predicted label maps and write `per_case.csv` and `summary.json`.

    Every chosen case with a reference needs a prediction; predictions beyond these are left out and counted.
    A class that only one of the two holds enters the means with the worst value: 0 for fractions, the
    diagonal of the volume for distances. One that neither holds is left out and counted.

    Args:
        pred: Folder of predicted label maps, or one file.
        truth: Folder of reference label maps with the same names, or one file.
        out: Folder for the two files.
        protocol: `mm`, or `paper` for distances in voxels and no `nsd`.
        dataset: Dataset folder that names the classes; without it the classes are the values of the truth.
        quality: Only cases of this quality in `dataset`.
        split: Only cases of this split in `dataset`.
        tolerance_mm: Of `nsd`.
        overwrite: Replace an output folder that is not empty.

    Raises:
        UsageError: If the options do not fit together or `out` is not empty.
        DataError: If a file is absent or cannot be read.
        GeometryError: If a prediction is not on the grid of its reference.
        LabelError: If a file holds values that `dataset` does not name, or there is no foreground at all.
    """
    pred, truth, out = Path(pred), Path(truth), Path(out)
    if protocol not in ("mm", "paper"):
        raise UsageError(f"--protocol: expected mm or paper, got '{protocol}'.")
    if not (isfinite(tolerance_mm) and tolerance_mm >= 0):
        raise UsageError(f"--tolerance-mm: expected at least 0, got {tolerance_mm}.")
    if dataset is None and (quality is not None or split is not None):
        raise UsageError("--quality and --split: expected --dataset beside them, whose cases.csv knows both.")
    labels = [] if dataset is None else [Path(dataset) / "labelsTr", Path(dataset) / "labelsTs"]
    require_apart(out, pred, truth, *labels)
    folder = None if dataset is None else DatasetFolder.open(Path(dataset), require_images=False)
    chosen = None
    if folder is not None and (quality is not None or split is not None):
        chosen = [row.case_id for row in folder.select(split=split, quality=quality)]
    pairs, counts = _match(pred, truth, chosen)
    classes = _foreground(folder) if folder is not None else _values_of(path for _, path in pairs.values())
    metrics = [name for name in METRICS if protocol == "mm" or name != "nsd"]
    found: dict[str, tuple[ClassScores, ...]] = {}
    with output_folder(out, overwrite=overwrite) as root:
        for case_id, (pred_path, truth_path) in track(pairs.items(), "Scoring cases", len(pairs)):
            given, reference = read_label(pred_path), read_label(truth_path)
            require_same_grid(reference, given, case_id)
            _check_values((given, reference), folder, classes)
            found[case_id] = evaluate_pair(
                given.array,
                reference.array,
                list(classes.values()),
                reference.spacing if protocol == "mm" else (1.0, 1.0, 1.0),
                metrics=metrics,
                tolerance_mm=tolerance_mm,
            )
        names = {value: name for name, value in classes.items()}
        summary = {
            "protocol": protocol,
            "pred": str(pred),
            "truth": str(truth),
            "dataset": None if dataset is None else str(dataset),
            "quality": quality,
            "split": split,
            "tolerance_mm": tolerance_mm if protocol == "mm" else None,
            "classes": classes,
            "n_cases": len(found),
            **counts,
            "units": {name: _unit(name, protocol) for name in metrics},
            "foreground_mean": {name: _foreground_mean(found, name) for name in metrics},
            "per_class": {
                names[value]: {name: _one_class(found, value, name) for name in metrics} for value in names
            },
            "interval": "95 % percentile bootstrap of the mean over cases, 2000 resamples, seed 0",
            "created": timestamp(),
            "versions": versions(),
        }
        write_text(root / "per_case.csv", _table(found, names, protocol))
        write_json(root / "summary.json", summary)
    return EvaluateResult(out / "per_case.csv", out / "summary.json", summary)


def _match(
    pred: Path, truth: Path, chosen: list[str] | None
) -> tuple[dict[str, tuple[Path, Path]], dict[str, int]]:
    """Case id to prediction and reference, and how many files were left out."""
    if pred.is_file() and truth.is_file():
        if chosen is not None:
            raise UsageError(
                f"{pred}: expected folders beside --quality and --split, got two files. Leave both flags out."
            )
        name = nifti_stem(truth) or truth.name
        return {name: (pred, truth)}, {"n_without_truth": 0, "n_predictions_left_out": 0}
    references, predictions = _label_files(truth), _label_files(pred)
    wanted = list(references) if chosen is None else [name for name in chosen if name in references]
    if not wanted:
        raise DataError(
            f"{truth}: expected label maps (<case>.nii.gz)"
            f"{'' if chosen is None else f' of the {len(chosen)} chosen cases'}, found none. "
            "Check the folder and the choice of cases."
        )
    absent = [name for name in wanted if name not in predictions]
    if absent:
        raise DataError(
            f"{pred}: expected a prediction for each of {len(wanted)} cases, found none for {len(absent)}: "
            f"{shorten(absent)}. Predict these or choose cases with --dataset and --split or --quality."
        )
    without = 0 if chosen is None else len(chosen) - len(wanted)
    pairs = {name: (predictions[name], references[name]) for name in wanted}
    return pairs, {"n_without_truth": without, "n_predictions_left_out": len(predictions) - len(pairs)}


def _label_files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder of label maps, found none. Check the path.")
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return {name: path for path in files if (name := nifti_stem(path)) is not None}


def _foreground(folder: DatasetFolder) -> dict[str, int]:
    return dict(zip(folder.label_names[1:], folder.label_values[1:], strict=True))


def _values_of(paths: Iterable[Path]) -> dict[str, int]:
    values: set[int] = set()
    for path in paths:
        values.update(int(value) for value in np.unique(read_label(path).array))
    foreground = sorted(values - {_BACKGROUND})
    if not foreground:
        raise LabelError(
            "expected at least one label value other than 0 in the truth, found none. Name the classes with "
            "--dataset, or check the folder."
        )
    return {str(value): value for value in foreground}


def _check_values(
    volumes: tuple[Volume, Volume], folder: DatasetFolder | None, classes: Mapping[str, int]
) -> None:
    """A value that no class has would be scored as background, unnoticed."""
    if folder is not None:
        for volume in volumes:
            require_named_values(volume, folder.labels)
        return
    unknown = sorted(set(np.unique(volumes[0].array).tolist()) - set(classes.values()) - {_BACKGROUND})
    if unknown:
        raise LabelError(
            f"{volumes[0].path}: expected the label values of the truth, {_BACKGROUND} and "
            f"{shorten(classes.values())}, found {shorten(unknown)}. Check the prediction, or name all "
            "classes with --dataset."
        )


def _unit(metric: str, protocol: Protocol) -> str:
    unit = METRICS[metric].unit
    return "voxel" if unit == "mm" and protocol == "paper" else unit


def _one_class(found: Mapping[str, tuple[ClassScores, ...]], value: int, metric: str) -> dict[str, Any]:
    entries = [entry for case in found.values() for entry in case if entry.value == value]
    return _statistics([entry.scores[metric] for entry in entries], entries)


def _foreground_mean(found: Mapping[str, tuple[ClassScores, ...]], metric: str) -> dict[str, Any]:
    """Statistics over cases of the mean over the classes of a case."""
    means = []
    for case in found.values():
        scores = [entry.scores[metric] for entry in case if entry.status != "both_empty"]
        means.append(sum(scores) / len(scores) if scores else float("nan"))
    return _statistics(means, [entry for case in found.values() for entry in case])


def _statistics(values: list[float], entries: list[ClassScores]) -> dict[str, Any]:
    """Statistics of `values`; the counts are of pairs of case and class, JSON has no nan."""
    found = {
        key: item if isfinite(item) else None for key, item in asdict(summarize(values)).items() if key != "n"
    }
    low, high = found.pop("low"), found.pop("high")
    statuses = [entry.status for entry in entries]
    return {
        **found,
        "interval_95": [low, high],
        "n": int(np.count_nonzero(~np.isnan(values))),
        "n_missed": statuses.count("missed"),
        "n_spurious": statuses.count("spurious"),
        "n_undefined": statuses.count("both_empty"),
    }


def _table(found: Mapping[str, tuple[ClassScores, ...]], names: Mapping[int, str], protocol: Protocol) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for case_id, case in found.items():
        for entry in case:
            for metric, score in entry.scores.items():
                value = repr(float(score)) if isfinite(score) else ""
                unit = _unit(metric, protocol)
                writer.writerow((case_id, names[entry.value], metric, value, unit, entry.status))
    return text.getvalue()
