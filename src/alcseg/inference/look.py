"""A case looked at once: its images prepared, one plain pass and T perturbed ones."""

from functools import partial

from alcseg.correction.alignment import see_label
from alcseg.correction.decision import Look, Opinion
from alcseg.data.case import CaseVolumes, Volume
from alcseg.data.preprocess import preprocess_label
from alcseg.inference.predictor import Predictor, PreparedCase, to_label
from alcseg.records.correction import Perturbation

__all__ = ["look_at", "opinion_on"]


def look_at(predictor: Predictor, case: CaseVolumes, perturbation: Perturbation, *, align: bool) -> Look:
    """What a network says of a case.

    Args:
        predictor: The network.
        case: Its images, and the label as it came if there is one.
        perturbation: Of the T passes.
        align: Whether a plain pass is asked about the label, too.

    Raises:
        DataError: If the images do not have the plan's channels or are constant.
        LabelError: If the label holds a value that the plan does not know.
    """
    prepared = predictor.prepare(case.images)
    refined = predictor.refine(prepared, case.case_id, perturbation)
    opinion = opinion_on(predictor, prepared, case.label) if align and case.label is not None else None
    return Look(case.case_id, refined.label, refined.uncertainty, opinion)


def opinion_on(predictor: Predictor, case: PreparedCase, given: Volume) -> Opinion:
    """What one plain pass says of the label of a case.

    Raises:
        LabelError: If the label holds a value that the plan does not know.
    """
    probs, grid = predictor.predict(case).probs, case.grid
    label = preprocess_label(given, predictor.plan, grid)
    return Opinion(
        probs,
        label,
        grid.spacing,
        see_label(probs, label, grid.spacing),
        partial(to_label, grid=grid, values=predictor.plan.label_values),
    )
