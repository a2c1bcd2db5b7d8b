"""Panels of scored cases: the worst first, from the files that were scored, where they still lie there."""

import dataclasses

from alcseg.reporting.scored_cases import scored_cases


def test_the_worst_case_is_first_and_its_prediction_lies_over_the_reference(study):
    cases = scored_cases(study.scores)
    dice = study.scores.by_case("dice")
    assert [panel.case_id for panel in cases.panels] == sorted(dice, key=lambda case: dice[case])
    worst = cases.panels[0]
    assert worst.facts == f"Dice {min(dice.values()):.3f}"
    assert all('class="given"' in plane and 'class="written"' in plane for plane in worst.planes)
    assert worst.link == ""
    assert "in the reference" in worst.words[-1] or "predicted" in worst.words[-1]


def test_without_the_dataset_or_the_predictions_there_are_none(study, tmp_path):
    for change in ({"dataset": None}, {"dataset": str(tmp_path)}, {"pred": str(tmp_path / "gone")}):
        summary = study.scores.summary.model_copy(update=change)
        assert scored_cases(dataclasses.replace(study.scores, summary=summary)) is None
