"""Panels of the cases on which a run was scored: its prediction over the reference, the worst first."""

from pathlib import Path

from alcseg.data.folder import Dataset
from alcseg.data.layout import is_dataset, label_files
from alcseg.evaluation import Evaluation
from alcseg.listing import has_folder
from alcseg.reporting.case_panel import CasePanel, Cases, draw_panel
from alcseg.reporting.cases import read_upright

__all__ = ["scored_cases"]

_PANELS = 200


def scored_cases(evaluation: Evaluation) -> Cases | None:
    """The worst cases by Dice; None where dataset, predictions or references are no longer there.

    Raises:
        DataError: If a file is damaged.
    """
    summary = evaluation.summary
    places = (Path(summary.pred), Path(summary.truth))
    if summary.dataset is None or not is_dataset(Path(summary.dataset)) or not all(map(has_folder, places)):
        return None
    dataset = Dataset.open(summary.dataset, require_images=False)
    predicted, reference = map(label_files, places)
    dice = evaluation.by_case("dice")
    known = {row.case_id for row in dataset.rows} - set(dataset.absent_cases())
    worst = sorted(dice.keys() & predicted.keys() & reference.keys() & known, key=lambda case: dice[case])
    names = dict(sorted(summary.classes.items(), key=lambda item: item[1]))
    panels = []
    for place, case_id in enumerate(worst[:_PANELS], start=1):
        image = dataset.image_paths(case_id)[0]
        maps = {"given": reference[case_id], "predicted": predicted[case_id]}
        case = read_upright(image, maps, classes=dataset.labels)
        panel = CasePanel(case_id, heading=f"{place}.", facts=f"Dice {dice[case_id]:.3f}")
        values, titles = (dataset.label_values[0], *names.values()), (dataset.label_names[0], *names)
        panels.append(draw_panel(panel, case, values, titles, first="in the reference", other="predicted"))
    if not panels:
        return None
    return Cases(
        panels,
        dashed="reference",
        solid="prediction",
        tinted="the largest difference",
        tints=("only predicted", "only in the reference", "another class"),
    )
