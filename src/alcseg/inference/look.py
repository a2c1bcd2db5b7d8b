"""A case looked at once: its images prepared, T perturbed passes, and a plain one where it has a label."""

from functools import partial
from pathlib import Path

from alcseg.correction.decision import Look, Opinion
from alcseg.data.case import CaseVolumes
from alcseg.data.preprocess import preprocess_label
from alcseg.inference.predictor import Predictor, to_label
from alcseg.records.correction import Perturbation

__all__ = ["look_at"]


def look_at(
    predictor: Predictor, case: CaseVolumes, perturbation: Perturbation, scratch: Path | None = None
) -> Look:
    """What a network says of a case.

    Args:
        predictor: The network.
        case: Its images, and the label as it came if there is one.
        perturbation: Of the T passes.
        scratch: Folder where passes wait; see `Predictor.refine`.

    Raises:
        DataError: If the images do not have the plan's channels or are constant.
        LabelError: If the label holds a value that the plan does not know.
    """
    prepared = predictor.prepare(case.images)
    refined = predictor.refine(prepared, case.case_id, perturbation, scratch)
    opinion = None
    if case.label is not None:
        opinion = Opinion(
            predictor.predict(prepared).probs,
            refined.classes,
            preprocess_label(case.label, predictor.plan, prepared.grid),
            prepared.grid.spacing,
            partial(to_label, grid=prepared.grid, values=predictor.plan.label_values),
        )
    return Look(case.case_id, refined.label, refined.uncertainty, opinion)
