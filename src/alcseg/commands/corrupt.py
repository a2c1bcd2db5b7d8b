"""`alcseg corrupt`: a dataset whose training labels are partly spoiled, for experiments with known noise."""

import logging
import multiprocessing
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from os import PathLike
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation, ornt_transform

from alcseg.commands.predict import predict
from alcseg.commands.progress import track
from alcseg.data.case import Volume, affine_spacing
from alcseg.data.folder import Dataset
from alcseg.data.incomplete import keep_within, put_back
from alcseg.data.nifti import read_label
from alcseg.data.predicted import Predictions
from alcseg.data.rater_labels import copy_rater_labels
from alcseg.data.splits import draw_hq, read_hq_list
from alcseg.data.writer import write_label
from alcseg.errors import UsageError
from alcseg.files import copy_into, link_or_copy
from alcseg.frames import to_frame
from alcseg.metrics.overlap import dice
from alcseg.noise import (
    NoiseRecord,
    OtherLabels,
    Unit,
    case_generator,
    corrupt_label,
    noise_model,
    offset_mm_mean,
    resolve_size,
)
from alcseg.outputs import output_folder, require_apart
from alcseg.processes import require_workers
from alcseg.records.cases import CaseRow
from alcseg.records.dataset import DatasetRecord
from alcseg.records.noise import NoiseEntry, NoiseManifest
from alcseg.run import Run
from alcseg.seeds import require_seed
from alcseg.types import LabelMap, Spacing
from alcseg.words import shorten

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["CorruptResult", "corrupt"]

logger = logging.getLogger(__name__)

_CLEAN = "labelsClean"
_PREDICTED = ".predicted"
_NETWORK = "network"


@dataclass(frozen=True)
class CorruptResult:
    """What became of a dataset.

    Attributes:
        dataset: The new dataset folder.
        hq: Number of training cases that keep their label.
        manifest: What was done to each label.
    """

    dataset: Path
    hq: int
    manifest: NoiseManifest

    def __fspath__(self) -> str:
        return str(self.dataset)

    def to_document(self) -> dict[str, Any]:
        """What the command line prints."""
        names = ("dataset", "hq", "lq", "mean_dice", "worst_dice", "worst_case", "unchanged", "reduced")
        return {name: getattr(self, name) for name in names}

    def to_frame(self) -> "DataFrame":
        """A line per spoiled case with what was done to its label; needs pandas."""
        cases = self.manifest.cases.items()
        return to_frame({"case_id": case_id, **entry.model_dump(by_alias=True)} for case_id, entry in cases)

    @property
    def lq(self) -> int:
        """Number of training cases whose label was spoiled."""
        return len(self.manifest.cases)

    @cached_property
    def _dice(self) -> dict[str, float]:
        return {case_id: entry.dice_to_clean or 0.0 for case_id, entry in self.manifest.cases.items()}

    @property
    def mean_dice(self) -> float:
        """Mean over the spoiled cases of the foreground mean Dice, given against clean."""
        return fmean(self._dice.values())

    @property
    def worst_case(self) -> str:
        """The case of the lowest Dice."""
        return min(self._dice, key=lambda case_id: self._dice[case_id])

    @property
    def worst_dice(self) -> float:
        """Its Dice."""
        return self._dice[self.worst_case]

    @property
    def unchanged(self) -> tuple[str, ...]:
        """Cases whose draw was the identity."""
        return tuple(case for case, entry in self.manifest.cases.items() if entry.operation == "none")

    @property
    def reduced(self) -> tuple[str, ...]:
        """Cases where less was done than drawn so that no class vanished."""
        return tuple(case for case, entry in self.manifest.cases.items() if entry.weakened)


@dataclass(frozen=True)
class _Noise:
    """What every worker needs to know; small, since it is sent to them."""

    source: Dataset
    target: Path
    candidates: tuple[str, ...]
    model: str
    size: tuple[float, float] | None
    unit: Unit | None
    keep_nonempty: bool
    seed: int
    predictions: Predictions | None = None

    def apply(self, case_id: str) -> NoiseEntry:
        """Spoil the label of one case, write it and the clean one, and return its entry of the manifest."""
        label = self.source.read_label(case_id)
        background, *classes = self.source.label_values
        noisy, record = self._spoil(case_id, label, background)
        undrawn = [self.source.label_values[index] for index in self.source.undrawn(case_id)]
        noisy = keep_within(noisy, label.known, undrawn, background)
        written = put_back(noisy, label.known, self.source.ignore)
        write_label(self.target / "labelsTr" / label.path.name, written, label)
        copy_into(label.path, self.target / _CLEAN)
        present = [value for value in classes if (label.array == value).any()]
        per_class = {
            name: dice(noisy == value, label.array == value)
            for name, value in self.source.labels.items()
            if value in present
        }
        return NoiseEntry(
            **vars(record),
            model=self.model,
            seed=self.seed,
            offset_mm_mean=offset_mm_mean(noisy != background, label.array != background, label.spacing),
            # A label without any foreground cannot be spoiled this way and counts as equal.
            dice_to_clean=fmean(per_class.values()) if per_class else 1.0,
            dice_per_class=per_class,
        )

    def _spoil(self, case_id: str, label: Volume, background: int) -> tuple[LabelMap, NoiseRecord]:
        """The label with the model's noise, or what a network predicts in its place."""
        if self.predictions is not None:
            details = {"run": self.predictions.record.run, "method": self.predictions.record.method}
            predicted = read_label(self.predictions.path / f"{case_id}.nii.gz").array
            return predicted, NoiseRecord("predict", None, None, None, details=details)
        return corrupt_label(
            label.array,
            model=noise_model(self.model),
            size=self.size,
            unit=self.unit,
            spacing=label.spacing,
            rng=case_generator(self.seed, case_id),
            background=background,
            keep_nonempty=self.keep_nonempty,
            others=self._others(label, case_id),
        )

    def _others(self, label: Volume, case_id: str) -> OtherLabels:
        """Clean labels of the other labeled training cases, turned like `label`."""
        wanted = io_orientation(label.affine)

        def read(other_id: str) -> tuple[LabelMap, Spacing]:
            other = self.source.read_label(other_id)
            turn = ornt_transform(io_orientation(other.affine), wanted)
            affine = other.affine @ inv_ornt_aff(turn, other.shape)
            return apply_orientation(other.array, turn), affine_spacing(affine)

        # Sorted, so that the order of the cases changes no draw.
        return OtherLabels(tuple(sorted(set(self.candidates) - {case_id})), read)


def corrupt(
    dataset: str | PathLike[str],
    target: str | PathLike[str],
    *,
    hq_fraction: float | None = None,
    hq_first: int | None = None,
    hq_list: str | PathLike[str] | None = None,
    model: str = "cube",
    size: tuple[float, float] | None = None,
    unit: Unit | None = None,
    keep_nonempty: bool = True,
    run: str | PathLike[str] | None = None,
    seed: int = 0,
    overwrite: bool = False,
    workers: int = 0,
) -> CorruptResult:
    """Copy a dataset with noise in the labels of its LQ training cases; `dataset` is never written to.

    Labels of validation, test and HQ cases stay as they are, with those of their readers, and so do voxels
    that nobody labeled; no class is put where nobody drew it. The clean labels of spoiled cases go to
    `labelsClean/`, what was done to each to `noise.json`. Neither the order of the cases nor the number of
    workers changes a voxel.

    Args:
        dataset: Dataset folder with clean labels.
        target: Dataset folder to make.
        hq_fraction: Share of the labeled training cases drawn to keep their label, rounded, at least one; a
            group, such as a patient, is not divided.
        hq_first: The first so many training cases keep their label.
        hq_list: Text file with the cases that keep their label, one a line. Exactly one of the three counts.
        model: Name from `NOISE_MODELS`, or `mixture:NAME,NAME`; or `network`: what a run predicts, the noise
            of sets that an early network has labeled.
        size: Smallest and largest size; what it measures is the model's to say, see its `amount`. None takes
            the model's own range.
        unit: Unit of `size`: `voxel`, `mm` or `percent`. None takes the model's own.
        keep_nonempty: Do less where a class would vanish.
        run: For the model `network`, the run that predicts, such as one of few steps on the HQ cases.
        seed: Of the HQ draw and, mixed with the case id, of the noise.
        overwrite: Replace a target folder that is not empty.
        workers: Processes beside this one; 0 works in this one.

    Raises:
        UsageError: If the options do not fit together, the target is not empty, or the dataset is noisy
            already.
        DataError: If a label cannot be read or a case of the list is unknown.
    """
    require_seed(seed)
    target = Path(target)
    size = None if size is None else (size[0], size[1])
    _check_options(model, size, unit, workers, run)
    source = Dataset.open(dataset)
    early = None if run is None else Run.open(run)
    if early is not None:
        source.require_labels(early.plan.labels, early.path)
    _require_clean(source)
    require_apart(target, source.root)
    candidates = [row.case_id for row in source.rows_where(split="train") if row.quality != "unlabeled"]
    names = None if hq_list is None else read_hq_list(Path(hq_list), candidates)
    groups = {row.case_id: row.group for row in source.rows}
    hq = draw_hq(candidates, fraction=hq_fraction, first=hq_first, names=names, groups=groups, seed=seed)
    lq = [case_id for case_id in candidates if case_id not in hq]
    if not lq:
        raise UsageError(
            f"{source.root}: expected training cases left to spoil, found that all {len(candidates)} keep "
            "their label. Choose fewer high-quality cases."
        )
    with output_folder(target, overwrite=overwrite, writes=DatasetRecord.NAME) as root:
        for row in source.rows:
            for index, path in enumerate(source.image_paths(row.case_id)):
                name = f"{row.case_id}_{index:04d}{source.file_ending}"
                link_or_copy(path, root / path.parent.name / name)
            label = source.label_path(row.case_id)
            if label is not None and row.case_id not in lq:
                copy_into(label, root / label.parent.name)
        copy_rater_labels(source, root, [row.case_id for row in source.rows if row.case_id not in lq])
        predictions = None
        if early is not None:
            if seen := set(lq) & set(early.record.train_cases or ()):
                logger.warning(
                    "%s was trained on %s: their labels will be too good", early.path, shorten(sorted(seen))
                )
            predictions = predict(early, [source[case_id] for case_id in lq], out=root / _PREDICTED)
        noise = _Noise(source, root, tuple(candidates), model, size, unit, keep_nonempty, seed, predictions)
        entries = track(_apply_all(noise, lq, workers), "Corrupting labels", len(lq))
        manifest = NoiseManifest(cases=dict(zip(lq, entries, strict=True)))
        manifest.write(root)
        if predictions is not None:
            shutil.rmtree(predictions.path)
        rows = [_with_quality(row, hq, lq) for row in source.rows]
        CaseRow.write(root, rows)
        labeled = sum(row.split != "test" and row.quality != "unlabeled" for row in rows)
        source.record.model_copy(update={"num_training": labeled}).write(root)
    return CorruptResult(target, len(hq), manifest)


def _check_options(
    model: str,
    size: tuple[float, float] | None,
    unit: Unit | None,
    workers: int,
    run: str | PathLike[str] | None,
) -> None:
    require_workers(workers)
    if (model == _NETWORK) != (run is not None):
        raise UsageError(f"expected --run with --model {_NETWORK}, and with no other model.")
    if model == _NETWORK:
        if size is not None or unit is not None:
            raise UsageError(f"--size: --model {_NETWORK} has none; the run says how good its labels are.")
        return
    resolve_size(noise_model(model), size, unit)


def _require_clean(source: Dataset) -> None:
    if (source.root / _CLEAN).exists():
        raise UsageError(
            f"{source.root}: expected a dataset with clean labels, found {_CLEAN}/, so its labels are "
            "spoiled already. Corrupt the dataset that it was made from."
        )
    lq = [row.case_id for row in source.rows_where(split="train", quality="lq")]
    if lq:
        raise UsageError(
            f"{source.root}: expected a dataset with clean labels, found {len(lq)} training cases marked lq "
            f"({shorten(lq)}). If their labels are clean, set their quality to hq in cases.csv."
        )


def _apply_all(noise: _Noise, case_ids: list[str], workers: int) -> Iterator[NoiseEntry]:
    if workers == 0:
        yield from map(noise.apply, case_ids)
        return
    # Spawned, not forked: a process with threads (PyTorch, say) must not be forked.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(case_ids)), mp_context=context) as pool:
        try:
            yield from pool.map(partial(_Noise.apply, noise), case_ids)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _with_quality(row: CaseRow, hq: frozenset[str], lq: list[str]) -> CaseRow:
    quality = "hq" if row.case_id in hq else "lq" if row.case_id in lq else row.quality
    return row.model_copy(update={"quality": quality, "rater": "" if row.case_id in lq else row.rater})
