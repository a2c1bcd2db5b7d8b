"""What a network says of cases that have a label, before any is corrected: a reference and a calibration."""

import logging
from collections.abc import Sequence

from alcseg.commands.progress import track
from alcseg.correction.offsets import Offsets
from alcseg.data.folder import DatasetFolder
from alcseg.errors import DataError
from alcseg.inference.aligned import see_given
from alcseg.inference.calibration import Calibration, VoxelReliability, calibrate
from alcseg.inference.predictor import Perturbation, Predictor
from alcseg.inference.ranking import class_uncertainty
from alcseg.metrics.overlap import dice
from alcseg.records.cases import CaseRow

__all__ = ["calibrate_on", "see_labels"]

logger = logging.getLogger(__name__)


def see_labels(
    predictor: Predictor, source: DatasetFolder, rows: Sequence[CaseRow], doing: str
) -> Offsets | None:
    """How the network sees labels; a case without one or that cannot be read tells nothing."""
    seen = []
    for row in track(rows, doing):
        try:
            case = source.read(row.case_id)
            if case.label is not None:
                seen.append(see_given(predictor.predict(case.images), case.label, predictor.plan))
        except DataError as error:
            logger.warning("case '%s' is left out: %s", row.case_id, error)
    return Offsets.stack(seen) if seen else None


def calibrate_on(
    predictor: Predictor, source: DatasetFolder, rows: Sequence[CaseRow], how: Perturbation
) -> Calibration:
    """Refine held-out HQ cases and compare with their labels, which are not changed."""
    points, used = [], []
    voxels = VoxelReliability()
    for row in track(rows, "Calibrating on held-out cases"):
        try:
            case = source.read(row.case_id)
            refined = predictor.refine(case.images, row.case_id, how)
        except DataError as error:
            logger.warning("held-out case '%s' is left out of the calibration: %s", row.case_id, error)
            continue
        if case.label is None:
            continue
        used.append(row.case_id)
        voxels.add(refined.uncertainty, refined.label != case.label.array)
        for name, value in list(source.labels.items())[1:]:
            mask = refined.label == value
            points.append(
                (
                    row.case_id,
                    name,
                    class_uncertainty(refined.uncertainty, mask),
                    dice(mask, case.label.array == value),
                )
            )
    return calibrate(points, voxels, cases=tuple(used))
