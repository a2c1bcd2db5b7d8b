"""What people see of a result; `--json` shows all of it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from alcseg.audited import Audit
from alcseg.cli.printing import show
from alcseg.commands.demo import DemoResult
from alcseg.corrected import Correction
from alcseg.data.predicted import Predictions
from alcseg.records.audit import AuditRecord, AuditRow
from alcseg.records.audit_trail import AuditLine
from alcseg.records.correction import Calibration, CorrectionRecord, Perturbation, Rehearsal
from alcseg.records.demo import DemoRecord, DemoScores
from alcseg.records.predictions import PredictedCase, PredictionRecord
from alcseg.records.ranking import RankingRow


def predicted(written: int = 0, failed: dict[str, str] | None = None) -> Predictions:
    names = [f"case_{index}" for index in range(written)]
    cases = {name: PredictedCase(status="ok", label=f"{name}.nii.gz") for name in names}
    cases |= {name: PredictedCase(status="failed", error=why) for name, why in (failed or {}).items()}
    return Predictions(Path("out"), PredictionRecord(run="run", method="alc", cases=cases))


@pytest.fixture
def corrected(tmp_path):
    """Twelve ranked cases; of case_01 the second class has the larger error."""
    cases = [f"case_{rank:02d}" for rank in range(1, 13)]
    rows = [
        RankingRow(
            rank=rank, case_id=case_id, class_name=name, uncertainty=0.25, agreement=0.5, changed_mm3=7,
            added_mm3=7, removed_mm3=0, shift_mm=0, given_error=score, written_error=0.125, in_sample=False,
            reason="doubtful",
        )
        for rank, case_id in enumerate(cases, start=1)
        for name, score in (("left", 1 / rank), ("right", 0.5 / rank if rank > 1 else 1.5))
    ]  # fmt: skip
    record = CorrectionRecord(
        run="run", dataset="data", method="alc", network="teacher", perturbation=Perturbation(),
        how="refined", nnunet=False, ranking="", written={"refined": 10, "given": 2},
        rehearsal=Rehearsal(
            cases=3, errors=80, given_dice=0.7, written_dice=0.9, worse_share=0.0125, right_given_dice=1,
            right_written_dice=1,
        ),
        calibration=Calibration(note="by 3 held-out cases"), corrected=12, pseudo_labeled=0, in_sample=12,
    )  # fmt: skip
    audit = tuple(
        AuditLine(time="", run="run", method="alc", case_id=name, quality="lq", action="refined", reason="")
        for name in cases
    )
    return Correction(tmp_path, record, tuple(rows), (), audit)


def test_predict_shows_counts_and_the_folder(capsys):
    show("predict", predicted(40), as_json=False)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["out", "out"], ["written", "40"], ["failed", "0"], ["details", "out/predict.json"]]


def test_predict_lists_what_failed(capsys):
    result = predicted(0, {"case_1": "a.nii.gz: truncated", "case_2": "b.nii.gz: constant"})
    show("predict", result, as_json=False)
    out = capsys.readouterr().out
    assert [line.strip().split(maxsplit=1) for line in out.splitlines()[1:3]] == [
        ["case_1", "a.nii.gz: truncated"],
        ["case_2", "b.nii.gz: constant"],
    ]
    assert "failed   2" in out


def audited(*qualities, run=None):
    """An audit of one case of each quality, the first of them trusted."""
    rows = [
        AuditRow(
            rank=rank, case_id=f"case_{rank}", class_name="organ", dice=0.5, dice_low=0, dice_high=1,
            surface_mm=1, kind="ragged", kind_probability=0.9, agreement=0.5, quality=quality, fold=0,
            words="",
        )
        for rank, quality in enumerate(qualities, start=1)
    ]  # fmt: skip
    record = AuditRecord(
        dataset="data/heart", method="hl_sup", steps=1, folds=2, seed=0, draws=1, cases=len(rows),
        bad_below=0.85, rounds=(), wrong=1, kinds={}, trusted=("case_1",), doubted_hq=("case_2",),
        verdict="1 label seems wrong.", run=run,
    )  # fmt: skip
    return Audit(Path("audits/heart"), record, tuple(rows))


def test_audit_tells_how_to_go_on_and_doubts_of_hq_where_there_is_other_quality(capsys):
    show("audit", audited("lq", "hq"), as_json=False)
    told = capsys.readouterr().out
    assert "hq, but seem wrong  case_2" in told
    assert "alcseg correct audits/heart data/heart --oof --out NEW" in " ".join(told.split())
    assert told.endswith("in the browser: alcseg review audits/heart\n")
    show("audit", audited("hq", "hq"), as_json=False)  # by default, not by choice
    assert "hq, but seem wrong" not in capsys.readouterr().out


def test_an_audit_by_a_run_is_no_judge_to_correct_by(capsys):
    show("audit", audited("lq", "hq", run="runs/heart"), as_json=False)
    told = " ".join(capsys.readouterr().out.split())
    assert "alcseg train data/heart --hq-from audits/heart --out RUN trains with what is trusted" in told
    assert "alcseg correct RUN data/heart --out NEW" in told
    assert "--oof" not in told


def test_correct_shows_the_first_ten_cases_by_their_worst_class(corrected, capsys):
    show("correct", corrected, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    cases = [line.split() for line in lines if " case_" in line]
    assert [words[1] for words in cases] == [f"case_{rank:02d}" for rank in range(1, 11)]
    assert cases[0] == ["1", "case_01", "right", "1.5000", "0.1250", "7.000", "doubtful"]
    assert cases[1][:4] == ["2", "case_02", "left", "0.5000"]
    text = "\n".join(lines)
    assert "looked at       12" in text
    assert (
        "80 errors simulated on 3 trusted labels: Dice 0.700 -> 0.900, worse by more than a point in 1.2%"
        in (" ".join(text.split()))
    )
    assert "written         2 given, 10 refined" in text
    assert "ranking.csv (12 cases, the first 10 above)" in "".join(text.split("\n"))
    assert "".join(lines[-2:]).endswith(f"in the browser: alcseg review {corrected.path}")


def test_json_keeps_everything(corrected, capsys):
    show("correct", corrected, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert len(found["corrected"]) == 12
    assert found["report"] is None  # older versions have written none
    show("predict", predicted(1), as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found.keys() == {"out", "written", "failed", "record"}
    assert found["written"] == {"case_0": "out/case_0.nii.gz"}
    assert found["record"]["cases"]["case_0"]["label"] == "case_0.nii.gz"
    assert found["record"]["peak_memory_mib"] is None


def test_demo_ends_with_a_table_of_labels_and_methods(capsys):
    record = DemoRecord(
        seed=0, versions={}, started="", labels={"given": 0.5, "refined": 0.75},
        test={"alc": DemoScores(dice=0.8, hd95_mm=4.5)}, steps=(), commands=("alcseg train x",), time_s=167.6,
        peak_memory_mib=898.0,
    )  # fmt: skip
    show("demo", DemoResult(Path("demo"), record), as_json=True)
    assert json.loads(capsys.readouterr().out) == {
        "out": "demo",
        "report": "demo/report.html",
        "labels": {"given": 0.5, "refined": 0.75},
        "test": {"alc": {"dice": 0.8, "hd95_mm": 4.5}},
        "commands": ["alcseg train x"],
        "time_s": 167.6,
        "peak_memory_mib": 898.0,
    }
    show("demo", DemoResult(Path("demo"), record), as_json=False)
    told = capsys.readouterr().out
    assert told.endswith("in the browser: alcseg review demo/corrected\n")
    lines = [line.split() for line in told.splitlines()]
    assert ["0.5", "0.75"] in lines
    assert ["alc", "0.8", "4.5"] in lines
    assert ["alcseg", "train", "x"] in lines


@dataclass
class Method:
    name: str
    cost: float | None
    paper: str = "Somebody, 2020"
    quality_aware: bool = True
    networks: str = "student, EMA teacher"
    predicts: str = "student"
    terms: tuple[str, ...] = ("hq", "con")
    readings: tuple[str, ...] = ()
    description: str = "One idea.\n\n    a = b"
    settings: tuple[str, ...] = ()
    distribution: str | None = None


@dataclass
class Methods:
    methods: tuple[Method, ...]
    measured: dict[str, Any]
    networks: tuple[str, ...] = ("unet", "vnet")


def test_methods_show_what_a_step_costs_where_it_was_measured(capsys):
    listed = Methods((Method("alc", 2.345678), Method("mine", None)), {"date": "2026-01-02", "patch": [8, 8]})
    show("methods", listed, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(lines[1].split()) == "alc Somebody, 2020 yes student, EMA teacher student 2.346"
    assert lines[2].split()[-1] == "-"
    assert "cost of a step: that of hl_sup is 1; date 2026-01-02, patch [8, 8]" in lines
    show("methods", Methods(listed.methods, {}), as_json=False)
    assert "cost of a step:" not in capsys.readouterr().out


def test_a_method_of_another_package_says_which(capsys):
    show(
        "methods",
        Methods((Method("alc", None), Method("mine", None, distribution="lab 1.2")), {}),
        as_json=False,
    )
    heading, alc, mine = (line.rstrip() for line in capsys.readouterr().out.splitlines()[:3])
    assert heading.endswith("installed by")
    assert alc.split()[-1] == "-"
    assert mine.endswith("lab 1.2")


def test_one_method_shows_its_equations_and_its_card(capsys):
    show("describe_method", Method("alc", None), as_json=False)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert "    a = b" in lines
    assert "loss terms      hq, con" in lines
    assert "also logged     -" in lines
