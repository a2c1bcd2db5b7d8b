"""`alcseg evaluate`: label maps against a reference, per case and class, with intervals over the cases."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np

from alcseg.arrays import foreground_values
from alcseg.case_ids import check_case_id
from alcseg.commands.progress import track
from alcseg.data.case import Volume
from alcseg.data.folder import Dataset
from alcseg.data.formats import volume_stem
from alcseg.data.grids import require_same_grid
from alcseg.data.incomplete import take_out
from alcseg.data.label_pairs import common_values, read_pair
from alcseg.data.layout import is_dataset, label_files
from alcseg.data.named_values import require_named_values
from alcseg.errors import DataError, LabelError, UsageError
from alcseg.evaluation import Evaluation
from alcseg.listing import has_file
from alcseg.machine import timestamp, versions
from alcseg.metrics import METRICS, ClassScores, evaluate_pair, summarize
from alcseg.outputs import output_folder, require_apart
from alcseg.records.cases import Quality, Split
from alcseg.records.dataset import IGNORE
from alcseg.records.scores import ScoreRow
from alcseg.records.summary import EvaluationSummary, Statistics
from alcseg.types import Protocol
from alcseg.words import shorten

__all__ = ["evaluate"]

_REMEDY = "If the voxels do match, save the prediction with the header of the truth, or predict again."
_BACKGROUND = 0
_MANY_VALUES = 256
_TOLERANCE_MM = 1.0

_log = logging.getLogger(__name__)


def evaluate(
    pred: str | PathLike[str],
    truth: str | PathLike[str],
    *,
    out: str | PathLike[str],
    protocol: Protocol = "mm",
    dataset: str | PathLike[str] | None = None,
    quality: Quality | None = None,
    split: Split | None = None,
    tolerance_mm: float = _TOLERANCE_MM,
    ignore_label: int | None = None,
    overwrite: bool = False,
) -> Evaluation:
    """Score predicted label maps and write `per_case.csv` and `summary.json`.

    Every chosen case with a reference needs a prediction; predictions beyond these are left out and counted.
    A class that only one of the two holds enters the means with the metric's penalty: 0 for fractions, the
    diagonal of the volume for distances. One that neither holds is left out and counted.

    Voxels that nobody labeled, in either of the two, belong to neither mask, and no surface runs where
    knowledge ends. A class that `cases.csv` says nobody drew in a case is not scored there, if the label of
    the dataset is one of the two.

    Args:
        pred: Folder of predicted label maps, or one file, of any format that is read; of a dataset folder its
            labels.
        truth: The same of the reference label maps.
        out: Folder for the two files.
        protocol: `mm`, or `paper` for distances in voxels and no `nsd`.
        dataset: Dataset folder that names the classes; without it `truth` where that is one, else the names
            in the files, else the values of the truth.
        quality: Only cases of this quality in `dataset`.
        split: Only cases of this split in `dataset`.
        tolerance_mm: Of `nsd`.
        ignore_label: Value of voxels that nobody labeled; None takes that of `dataset`.
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
    if not (math.isfinite(tolerance_mm) and tolerance_mm >= 0):
        raise UsageError(f"--tolerance-mm: expected at least 0, got {tolerance_mm}.")
    if protocol == "paper" and tolerance_mm != _TOLERANCE_MM:
        raise UsageError(
            "--tolerance-mm: expected --protocol mm beside it, since --protocol paper scores no nsd. "
            "Leave out one."
        )
    if dataset is None and is_dataset(truth):
        dataset = truth
    if dataset is None and (quality is not None or split is not None):
        raise UsageError("--quality and --split: expected --dataset beside them, whose cases.csv knows both.")
    labels = [] if dataset is None else [Path(dataset) / "labelsTr", Path(dataset) / "labelsTs"]
    require_apart(out, pred, truth, *labels)
    folder = None if dataset is None else Dataset.open(dataset, require_images=False)
    chosen = None
    if folder is not None and (quality is not None or split is not None):
        chosen = [row.case_id for row in folder.rows_where(split=split, quality=quality)]
        if not chosen:
            asked = {"--split": split, "--quality": quality}
            stated = " ".join(f"{flag} {value}" for flag, value in asked.items() if value)
            raise DataError(
                f"{dataset}: expected cases of {stated} in cases.csv, found none. Choose others, or correct "
                "the table."
            )
    ignore = None if folder is None else folder.ignore
    if ignore_label is not None:
        if (ignore is not None and ignore != ignore_label) or ignore_label == _BACKGROUND:
            raise UsageError(
                f"--ignore-label: expected {'a value of no class' if ignore is None else ignore}, got "
                f"{ignore_label}. Leave it out."
            )
        ignore = ignore_label
    matched = _match(pred, truth, chosen)
    measure = _Measure(
        metrics=tuple(name for name in METRICS if protocol == "mm" or not METRICS[name].needs_mm),
        in_mm=protocol == "mm",
        tolerance_mm=tolerance_mm,
        folder=folder,
        ignore=ignore,
        named=common_values(
            (path for pair in matched.pairs.values() for path in pair[::-1]), _readable(folder)
        ),
    )
    with output_folder(out, overwrite=overwrite, writes=EvaluationSummary.NAME) as root:
        pairs = track(matched.pairs.items(), "Scoring cases", len(matched.pairs))
        found_in = {case_id: measure.score(case_id, *paths) for case_id, paths in pairs}
        scored = {case_id: scores for case_id, (scores, _) in found_in.items()}
        if folder is not None:
            classes = dict(list(folder.labels.items())[1:])
        else:
            classes = _classes_of_truth(scored, matched.pairs, measure.named or {})
        found = {case_id: measure.complete(case, classes) for case_id, case in scored.items()}
        summary = EvaluationSummary(
            protocol=protocol,
            pred=str(pred),
            truth=str(truth),
            dataset=None if dataset is None else str(Path(dataset)),
            quality=quality,
            split=split,
            tolerance_mm=tolerance_mm if protocol == "mm" else None,
            classes=classes,
            n_cases=len(found),
            n_without_truth=matched.without_truth,
            n_predictions_left_out=matched.left_out,
            units=measure.units,
            foreground_mean={name: _foreground_mean(found, name) for name in measure.metrics},
            per_class={
                class_name: {name: _one_class(found, value, name) for name in measure.metrics}
                for class_name, value in classes.items()
            },
            ignored_voxels=sum(unknown for _, unknown in found_in.values()),
            interval="95 % percentile bootstrap of the mean over cases, 2000 resamples, seed 0",
            created=timestamp(),
            versions=versions(),
        )
        if ignore_label is not None and not summary.ignored_voxels:
            _log.warning(
                "--ignore-label %d: no label map holds this value, so nothing is ignored", ignore_label
            )
        scores = _rows(found, classes, measure.units)
        ScoreRow.write(root, scores)
        summary.write(root)
    return Evaluation(out, summary, scores)


@dataclass(frozen=True)
class _Matched:
    """Case id to prediction and reference, and how many chosen cases and predictions have no counterpart."""

    pairs: dict[str, tuple[Path, Path]]
    without_truth: int = 0
    left_out: int = 0


def _match(pred: Path, truth: Path, chosen: list[str] | None) -> _Matched:
    if has_file(pred) and has_file(truth):
        if chosen is not None:
            raise UsageError(
                f"{pred}: expected folders beside --quality and --split, got two files. Leave both flags out."
            )
        name = check_case_id(volume_stem(truth) or truth.name, truth)
        return _Matched({name: (pred, truth)})
    references, predictions = label_files(truth), label_files(pred)
    wanted = list(references) if chosen is None else [name for name in chosen if name in references]
    if not wanted:
        raise DataError(
            f"{truth}: expected label maps (<case>.nii.gz, .seg.nrrd, .nrrd, .mha or .mgz)"
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
    return _Matched(pairs, without, len(predictions) - len(pairs))


def _readable(folder: Dataset | None) -> dict[str, int] | None:
    """Names that a file may give its classes, by a dataset."""
    if folder is None:
        return None
    return folder.labels | ({} if folder.ignore is None else {IGNORE: folder.ignore})


@dataclass(frozen=True)
class _Measure:
    """How label maps are scored.

    Attributes:
        metrics: Names from `METRICS`.
        in_mm: Whether distances are in mm; in voxels otherwise.
        tolerance_mm: Of `nsd`.
        folder: Dataset that names the classes.
        ignore: Value of voxels that nobody labeled.
        named: Class name to value in which files are read that name their classes.
    """

    metrics: tuple[str, ...]
    in_mm: bool
    tolerance_mm: float
    folder: Dataset | None
    ignore: int | None = None
    named: Mapping[str, int] | None = None

    @property
    def units(self) -> dict[str, str]:
        """Metric to unit."""
        return {name: METRICS[name].unit_in("mm" if self.in_mm else "voxel") for name in self.metrics}

    def score(self, case_id: str, pred: Path, truth: Path) -> tuple[tuple[ClassScores, ...], int]:
        """Scores by class, and the number of voxels that nobody labeled.

        The classes are those of the dataset; without one all values that the two label maps hold.
        """
        background = _BACKGROUND if self.folder is None else self.folder.label_values[0]
        pair = read_pair(pred, truth, self.named, background)
        given, reference = (take_out(label, self.ignore, background) for label in pair)
        require_same_grid(reference, given, case_id, remedy=_REMEDY)
        maps = [volume.known for volume in (given, reference) if volume.known is not None]
        known = None if not maps else np.logical_and.reduce(maps)
        if known is not None:
            given, reference = (
                replace(volume, array=np.where(known, volume.array, background))
                for volume in (given, reference)
            )
        scores = evaluate_pair(
            given.array,
            reference.array,
            self._values(given, reference),
            reference.spacing if self.in_mm else (1.0, 1.0, 1.0),
            metrics=self.metrics,
            tolerance_mm=self.tolerance_mm,
            directions=reference.sheared_axes if self.in_mm else None,
            known=known,
            undrawn=self._undrawn(case_id, pred, truth),
        )
        return scores, 0 if known is None else int(np.count_nonzero(~known))

    def _undrawn(self, case_id: str, pred: Path, truth: Path) -> list[int]:
        """Values of the classes that nobody drew, where one of the files is the dataset's label."""
        if self.folder is None or not any(row.case_id == case_id for row in self.folder.rows):
            return []
        label = self.folder.label_path(case_id)
        if label is None or label.resolve() not in (pred.resolve(), truth.resolve()):
            return []
        return [self.folder.label_values[index] for index in self.folder.undrawn(case_id)]

    def _values(self, given: Volume, reference: Volume) -> list[int]:
        if self.folder is not None:
            for volume in (given, reference):  # a value without a name would be scored as background
                require_named_values(volume, self.folder.labels)
            return list(self.folder.label_values[1:])
        own, others = (foreground_values(volume.array) for volume in (reference, given))
        if len(others - own) > _MANY_VALUES:
            raise LabelError(
                f"{given.path}: expected the label values of the truth, found {len(others - own)} others "
                f"({shorten(sorted(others - own))}). This looks like an image; give the prediction, or "
                "name all classes with --dataset."
            )
        return sorted(own | others)

    def complete(self, case: tuple[ClassScores, ...], classes: Mapping[str, int]) -> tuple[ClassScores, ...]:
        """The scores of a case with those of the classes that neither of its label maps holds."""
        known = {entry.value: entry for entry in case}
        nothing = dict.fromkeys(self.metrics, math.nan)
        return tuple(
            known.get(value) or ClassScores(value, "both_empty", nothing) for value in classes.values()
        )


def _classes_of_truth(
    scored: Mapping[str, tuple[ClassScores, ...]],
    pairs: Mapping[str, tuple[Path, Path]],
    named: Mapping[str, int],
) -> dict[str, int]:
    """The values that any reference holds, by the names of files; a prediction must not hold others."""
    entries = [entry for case in scored.values() for entry in case]
    values = sorted({entry.value for entry in entries if entry.status in ("ok", "missed")})
    if not values:
        raise LabelError(
            "expected at least one label value other than 0 in the truth, found none. Name the classes with "
            "--dataset, or check the folder."
        )
    for case_id, case in scored.items():
        unknown = [entry.value for entry in case if entry.value not in values]
        if unknown:
            raise LabelError(
                f"{pairs[case_id][0]}: expected the label values of the truth, {_BACKGROUND} and "
                f"{shorten(values)}, found {shorten(unknown)}. Check the prediction, or name all classes "
                "with --dataset."
            )
    names = {value: name for name, value in named.items()}
    return {names.get(value, str(value)): value for value in values}


def _one_class(found: Mapping[str, tuple[ClassScores, ...]], value: int, metric: str) -> Statistics:
    entries = [entry for case in found.values() for entry in case if entry.value == value]
    return _statistics([entry.scores[metric] for entry in entries], entries)


def _foreground_mean(found: Mapping[str, tuple[ClassScores, ...]], metric: str) -> Statistics:
    """Statistics over cases of the mean over the classes of a case."""
    means = []
    for case in found.values():
        scores = [entry.scores[metric] for entry in case if not math.isnan(entry.scores[metric])]
        means.append(sum(scores) / len(scores) if scores else math.nan)
    return _statistics(means, [entry for case in found.values() for entry in case])


def _statistics(values: list[float], entries: list[ClassScores]) -> Statistics:
    """Statistics of `values`; the counts are of pairs of case and class."""
    found = summarize(values)
    statuses = [entry.status for entry in entries]
    return Statistics(
        mean=_finite(found.mean),
        std=_finite(found.std),
        median=_finite(found.median),
        interval_95=(_finite(found.low), _finite(found.high)),
        n=found.n,
        n_missed=statuses.count("missed"),
        n_spurious=statuses.count("spurious"),
        n_undefined=statuses.count("both_empty"),
        n_not_drawn=statuses.count("not_drawn"),
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _rows(
    found: Mapping[str, tuple[ClassScores, ...]], classes: Mapping[str, int], units: Mapping[str, str]
) -> tuple[ScoreRow, ...]:
    names = {value: name for name, value in classes.items()}
    return tuple(
        ScoreRow(
            case_id=case_id,
            class_name=names[entry.value],
            metric=metric,
            value=score if math.isfinite(score) else math.nan,
            unit=units[metric],
            status=entry.status,
        )
        for case_id, case in found.items()
        for entry in case
        for metric, score in entry.scores.items()
    )
