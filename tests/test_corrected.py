"""A corrected dataset as an object: read from its folder, and told to programs."""

import json
import os
from math import nan

import pytest

from alcseg.cli.printing import document
from alcseg.corrected import Correction
from alcseg.errors import DataError
from alcseg.records.audit_trail import AuditLine, AuditTrail
from alcseg.records.correction import Calibration, CorrectionRecord, Curve, Perturbation
from alcseg.records.offsets import OffsetRow
from alcseg.records.ranking import RankingRow


def line(case_id, action, quality="lq"):
    return AuditLine(
        time="now", run="run", method="alc", case_id=case_id, quality=quality, action=action, reason="why"
    )


@pytest.fixture
def folder(tmp_path):
    """Two rounds; in the second one a case failed, one was corrected and one had no label."""
    trail = AuditTrail().followed_by([line("a", "moved"), line("b", "kept")])
    trail.followed_by(
        [line("b", "kept"), line("c", "given"), line("d", "pseudo_labeled", "unlabeled")]
    ).write(tmp_path)
    curve = Curve(n=3, spearman=-0.12345, uncertainty=(0.1,), expected_dice=(0.9,))
    CorrectionRecord(
        run="run",
        dataset="data",
        method="alc",
        network="teacher",
        perturbation=Perturbation(),
        how="auto",
        nnunet=False,
        ranking="note",
        corrected=1,
        pseudo_labeled=1,
        in_sample=3,
        failed={"b": "constant"},
        calibration=Calibration(
            note="note",
            cases=("v",),
            curves={"all classes": curve, "x": curve.model_copy(update={"spearman": None})},
        ),
    ).write(tmp_path)
    rows = [
        RankingRow(
            rank=1,
            case_id=case_id,
            class_name="x",
            uncertainty=nan,
            changed_mm3=2,
            added_mm3=1,
            removed_mm3=1,
            shift_mm=0,
            given_error=0.5,
            written_error=0.25,
            in_sample=True,
            reason="why",
        )
        for case_id in ("c", "d")
    ]
    RankingRow.write(tmp_path, rows)
    OffsetRow.write(
        tmp_path,
        [
            OffsetRow(
                case_id="c",
                class_name="x",
                drawn_mm=nan,
                shape_mm=nan,
                agreement=0.25,
                agreement_as_given=0.5,
                label="given",
            )
        ],
    )
    return tmp_path


def test_what_was_done_is_that_of_the_last_round(folder):
    found = Correction.open(str(folder))
    assert found.path == found.out == folder
    assert os.fspath(found) == str(folder)
    assert (found.corrected, found.pseudo_labeled, found.failed) == (("c",), ("d",), {"b": "constant"})
    assert (found.record.how, found.calibration.note) == ("auto", "note")
    assert [row.case_id for row in found.ranking] == ["c", "d"]
    assert [row.label for row in found.offsets] == ["given"]
    assert [one.case_id for one in found.audit] == ["a", "b", "b", "c", "d"]
    assert repr(found) == f"Correction(path={folder!r})"


def test_without_labels_there_are_no_offsets(folder):
    (folder / "offsets.csv").unlink()
    assert Correction.open(folder).offsets == ()


@pytest.mark.parametrize("name", ["correct.json", "ranking.csv"])
def test_what_is_no_corrected_dataset_is_refused(folder, name):
    (folder / name).unlink()
    with pytest.raises(DataError, match=name):
        Correction.open(folder)


def test_programs_are_told_what_they_were_told_before(folder):
    found = json.loads(json.dumps(document(Correction.open(folder)), allow_nan=False))
    assert list(found) == [
        "out", "report", "corrected", "pseudo_labeled", "failed", "how", "risk", "rehearsal", "written",
        "offsets", "calibration", "record",
    ]  # fmt: skip
    assert (found["out"], found["corrected"], found["how"]) == (str(folder), ["c"], "auto")
    assert found["offsets"] == [
        {
            "case_id": "c", "class_name": "x", "drawn_mm": None, "shape_mm": None, "agreement": 0.25,
            "agreement_as_given": 0.5, "label": "given",
        }
    ]  # fmt: skip
    assert found["calibration"] == {
        "note": "note",
        "held_out_cases": 1,
        "spearman": {"all classes": -0.123, "x": None},
    }
    assert found["record"] == json.loads((folder / "correct.json").read_text())
