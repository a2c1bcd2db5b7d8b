"""The files of ALCSeg, each written, looked at as text, and read back."""

import json
from math import isnan, nan

import pytest

from alcseg.errors import DataError
from alcseg.records.archive import ArchiveIndex
from alcseg.records.dataset import DatasetRecord
from alcseg.records.noise import NoiseEntry, NoiseManifest
from alcseg.records.ranking import RankingRow
from alcseg.records.scores import ScoreRow
from alcseg.records.steps import Step, StepTable


def test_scores_say_class_in_their_heading(tmp_path):
    row = ScoreRow(case_id="a", class_name="organ", metric="dice", value=1 / 3, unit="fraction", status="ok")
    text = ScoreRow.write(tmp_path, [row]).read_text()
    assert text == f"case_id,class,metric,value,unit,status\na,organ,dice,{1 / 3!r},fraction,ok\n"
    assert ScoreRow.read(tmp_path) == (row,)


def test_cases_of_the_noise_stand_at_the_top_of_the_file(tmp_path):
    manifest = NoiseManifest(cases={"a": NoiseEntry(operation="erode", dice_to_clean=0.5)})
    content = json.loads(manifest.write(tmp_path).read_text())
    assert content["format"] == 1
    assert content["a"]["operation"] == "erode"
    assert NoiseManifest.read(tmp_path) == manifest
    (tmp_path / "noise.json").write_text('{"a": {"operation": "erode", "dice_to_clean": 0.5}}')
    assert NoiseManifest.read(tmp_path) == manifest


def test_further_keys_stay_in_a_description_that_nnunet_reads(tmp_path):
    given = {
        "name": "Two", "channel_names": {"0": "CT"}, "labels": {"background": 0, "x": 1}, "numTraining": 2,
        "file_ending": ".nii.gz", "format": "theirs", "licence": "CC",
    }  # fmt: skip
    listed = {"training": [], "test": [], "numTest": 0, "label_quality": {"a": "lq"}, "dataset": {}}
    (tmp_path / "dataset.json").write_text(json.dumps(given | listed))
    record = DatasetRecord.read(tmp_path)
    assert record.extra == {"format": "theirs", "licence": "CC"}
    assert record.label_quality == {"a": "lq"}
    assert json.loads(record.write(tmp_path).read_text()) == given


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": {"background": 0, "x": "²"}}, "one whole number per label, found '²' for 'x'"),
        ({"label_quality": {"a": "good"}}, "'good' for 'label_quality.a'"),
        ({"channel_names": ["CT"]}, "channel names as a table"),
    ],
)
def test_a_description_that_cannot_be_used_is_refused(tmp_path, change, words):
    content = {"labels": {"background": 0, "organ": 1}} | change
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=words):
        DatasetRecord.read(tmp_path)


def test_an_archive_calls_its_format_by_its_own_name(tmp_path):
    index = ArchiveIndex(name="x", channel_names={}, labels={}, parts=(), cases=())
    content = json.loads(index.write(tmp_path).read_text())
    assert content["alcseg_archive"] == 1
    assert "format" not in content
    assert ArchiveIndex.read(tmp_path) == index
    for text, words in (("{}", "index of an archive"), ('{"alcseg_archive": 2}', "newer alcseg")):
        (tmp_path / "archive.json").write_text(text)
        with pytest.raises(DataError, match=words):
            ArchiveIndex.read(tmp_path)


def test_without_a_manifest_no_label_was_spoiled(tmp_path):
    assert NoiseManifest.read_if_there(tmp_path).cases == {}


def test_steps_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "metrics.csv"
    table = StepTable(terms=("hq", "lq"), readings=("share",))
    table.write_file(path)
    table.append(
        path, Step(step=1, loss=1.25, lr=0.1, terms={"hq": 1.0}, time_s=0.26, readings={"share": 0.5})
    )
    table.append(path, Step(step=2, loss=1 / 3, lr=0.1, val_dice=0.75, time_s=1.0))
    assert path.read_text().splitlines() == [
        "step,loss,lr,hq,lq,val_dice,val_dice_teacher,time_s,share",
        "1,1.25,0.1,1,,,,0.3,0.5",
        "2,0.333333,0.1,,,0.75,,1.0,",
    ]
    found = StepTable.read_file(path)
    assert (found.terms, found.readings) == (("hq", "lq"), ("share",))
    assert found.steps[0].terms == {"hq": 1.0}
    assert isnan(found.steps[0].val_dice)
    assert found.last is not None
    assert found.last.val_dice == 0.75


def test_a_line_that_a_kill_cut_off_does_not_count(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("step,loss,lr,val_dice,val_dice_teacher,time_s\n1,1,0.1,,,2.0\n2,0.")
    assert [step.step for step in StepTable.read_file(path).steps] == [1]


@pytest.mark.parametrize("text", ["", "a,b\n", "step,val_dice,time_s\none,,2\n"])
def test_what_is_no_table_of_steps_is_refused(tmp_path, text):
    path = tmp_path / "metrics.csv"
    path.write_text(text)
    with pytest.raises(DataError, match="expected"):
        StepTable.read_file(path)


def test_a_ranking_leaves_cells_empty_where_there_is_no_number(tmp_path):
    row = RankingRow(
        rank=1, case_id="a", class_name="x", uncertainty=nan, agreement=None, changed_mm3=2, added_mm3=1.5,
        removed_mm3=0.5, shift_mm=nan, given_error=0.25, written_error=nan, in_sample=True, reason="why",
    )  # fmt: skip
    assert (
        RankingRow.write(tmp_path, [row]).read_text().splitlines()[1]
        == "1,0,a,x,0.2500,,,,2.000,1.500,0.500,,true,why"
    )
    assert isnan(RankingRow.read(tmp_path)[0].uncertainty)
