"""The noise of a set in words, from records alone."""

from pathlib import Path

import pytest

from alcseg.audited import Audit
from alcseg.corrected import Correction
from alcseg.records.audit import AuditRecord, AuditRow
from alcseg.records.correction import Calibration, CorrectionRecord, Perturbation, Rehearsal
from alcseg.records.ranking import RankingRow
from alcseg.reporting.noise_words import KIND_NAMES, noise_of_audit, noise_of_correction


def audit(**changes):
    rows = tuple(
        AuditRow(
            rank=place, case_id=f"c{place}", class_name="organ", dice=dice, dice_low=0, dice_high=1,
            surface_mm=10 * (1 - dice), kind="ragged", kind_probability=1, agreement=dice, quality="lq",
            fold=0, words="",
        )
        for place, dice in enumerate((0.4, 0.8, 0.9), start=1)
    )  # fmt: skip
    record = {
        "dataset": "d", "method": "hl_sup", "steps": 1, "folds": 3, "seed": 0, "draws": 8, "cases": 3,
        "bad_below": 0.85, "rounds": (), "wrong": 2, "kinds": {"ragged": 3, "missing": 1}, "trusted": ("c3",),
        "verdict": "",
    }  # fmt: skip
    return Audit(Path("a"), AuditRecord(**record | changes), rows)


def test_an_audit_tells_share_median_surfaces_and_kinds():
    said = noise_of_audit(audit())
    assert said[0].startswith("About 67% of the labels seem wrong: their expected Dice with the right one")
    assert "Half of all labels are expected at 0.80 or better" in said[0]
    assert "2.0 mm in the median label" in said[1]
    assert said[2].endswith("75% with a ragged boundary, 25% lacking slices or a part.")
    assert len(noise_of_audit(audit(kinds={}, wrong=0))) == 2


@pytest.fixture
def record():
    return CorrectionRecord(
        run="r", dataset="d", method="alc", network="teacher", perturbation=Perturbation(), how="auto",
        nnunet=False, ranking="", calibration=Calibration(note=""), corrected=1, pseudo_labeled=0,
        in_sample=0, offsets=("organ: drawn 2 mm too large in 1 of 1 cases",),
        rehearsal=Rehearsal(
            cases=4, errors=60, kinds={"shifted": 0.9, "none": 0.09, "extra": 0.01}, given_dice=0.7,
            written_dice=0.8, worse_share=0.05, right_given_dice=1.0, right_written_dice=0.99,
        ),
    )  # fmt: skip


def test_a_correction_tells_expected_dice_shares_rehearsal_and_how_labels_were_drawn(record):
    row = RankingRow(
        rank=1, case_id="a", class_name="organ", given_error=0.4, written_error=0.2, uncertainty=0.1,
        changed_mm3=1, added_mm3=1, removed_mm3=0, shift_mm=0, in_sample=False, reason="",
    )  # fmt: skip
    said = noise_of_correction(Correction(Path("c"), record, (row,), (), ()))
    assert said[0] == "The doubted labels are expected at a Dice of 0.60 as given and 0.80 as written."
    assert "90% beside the organ, 9% right." in said[1]
    assert "on 60 errors simulated on 4 trusted labels" in said[2]
    assert "5.0% became worse by more than a point. Labels that were right stayed at 0.990" in said[2]
    assert said[3] == "organ: drawn 2 mm too large in 1 of 1 cases."


def test_what_is_not_known_is_not_told(record):
    bare = record.model_copy(update={"rehearsal": None, "offsets": ()})
    assert noise_of_correction(Correction(Path("c"), bare, (), (), ())) == []


def test_every_kind_of_error_has_words():
    from alcseg.auditing.simulate import KINDS

    assert set(KIND_NAMES) == set(KINDS)
