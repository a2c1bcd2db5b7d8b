"""A case looked at once: its images prepared, T perturbed passes, and a plain one where it has a label."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from alcseg.correction.decision import Look, Opinion
from alcseg.data.case import CaseVolumes
from alcseg.data.incomplete import keep_within, within_known
from alcseg.data.preprocess import label_and_known
from alcseg.inference.predictor import Predictor, to_label
from alcseg.records.correction import Perturbation

__all__ = ["look_at"]


def look_at(
    predictor: Predictor,
    case: CaseVolumes,
    perturbation: Perturbation,
    scratch: Path | None = None,
    *,
    undrawn: Sequence[int] = (),
) -> Look:
    """What a network says of a case.

    Args:
        predictor: The network.
        case: Its images, and the label as it came if there is one.
        perturbation: Of the T passes.
        scratch: Folder where passes wait; see `Predictor.refine`.
        undrawn: Indices of the classes that nobody drew in the label.

    Raises:
        DataError: If the images do not have the plan's channels or are constant.
        LabelError: If the label holds a value that the plan does not know.
    """
    prepared = predictor.prepare(case.images)
    if case.label is None:
        refined = predictor.refine(prepared, case.case_id, perturbation, scratch)
        return Look(case.case_id, refined.label, refined.uncertainty)
    hidden, values = tuple(undrawn), predictor.plan.label_values
    refined = predictor.refine(prepared, case.case_id, perturbation, scratch, undrawn=hidden)
    label, known = label_and_known(case.label, predictor.plan, prepared.grid)
    probs = predictor.predict(prepared).probs
    opinion = Opinion(
        within_known(probs, known, hidden),
        refined.classes if known is None else np.where(known, refined.classes, np.uint8(0)),
        label,
        prepared.grid.spacing,
        partial(to_label, grid=prepared.grid, values=values),
        known,
        hidden,
        None if known is None and not hidden else probs,
    )
    others = None
    if hidden:
        seen = np.isin(refined.whole, [values[index] for index in hidden])
        others = keep_within(np.where(seen, refined.whole, values[0]), case.label.known, (), values[0])
    said = keep_within(refined.label, case.label.known, (), values[0])
    return Look(case.case_id, said, refined.uncertainty, opinion, others)
