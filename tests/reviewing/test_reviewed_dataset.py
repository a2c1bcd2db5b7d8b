import json
import re
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import alcseg
from alcseg.commands._corrected_dataset import CorrectedDataset
from alcseg.commands.check import check
from alcseg.commands.raters import raters
from alcseg.data.folder import Dataset
from alcseg.data.nifti import read_label
from alcseg.errors import DataError, UsageError
from alcseg.records.decisions import Reading, ReadingKey
from alcseg.records.review_book import ReviewBook
from alcseg.reviewing.desk import Desk, Note
from alcseg.reviewing.reviewed_dataset import apply_review
from alcseg.reviewing.subject import Subject
from review_folder import AFFINES, make_corrected


@pytest.fixture
def decided(desk: Desk) -> Desk:
    """`ras` accepted, `thick_lps` drawn, `permuted` kept, `oblique` flagged."""
    desk.decide(0, "anna", 1, "accept", Note(0), None)
    drawn = desk.sheet(1).given.copy()
    drawn[0, 0, 0] = 3
    desk.decide(1, "anna", 1, "edit", Note(0, comment="a corner"), drawn)
    desk.decide(2, "anna", 1, "keep", Note(0), None)
    desk.decide(3, "anna", 1, "flag", Note(0), None)
    return desk


def test_reviewed_cases_are_hq_with_their_labels_and_the_rest_is_as_it_was(
    decided: Desk, tmp_path: Path
) -> None:
    source = decided.subject
    applied = apply_review(source, decided.book, tmp_path / "new")
    assert applied.reviewed == ("permuted", "ras", "thick_lps")
    assert applied.changed == ("ras", "thick_lps")
    assert applied.flagged == ("oblique",)
    new = Dataset.open(applied.out)
    assert {row.case_id: row.quality for row in new.rows} == {
        "ras": "hq", "thick_lps": "hq", "permuted": "hq", "oblique": "lq",
    }  # fmt: skip
    old = source.dataset
    expected = {
        "ras": old.read_label("ras").array,
        "permuted": source.given("permuted").array,
        "oblique": old.read_label("oblique").array,
    }
    for case_id, label in expected.items():
        np.testing.assert_array_equal(new.read_label(case_id).array, label)
    drawn = source.given("thick_lps").array.copy()
    drawn[-1, -1, 0] = 300  # the first voxel of RAS order in a file stored the other way round
    np.testing.assert_array_equal(new.read_label("thick_lps").array, drawn)


def test_the_labels_of_single_readers_go_along(tmp_path: Path) -> None:
    folder = make_corrected(tmp_path / "blocks")
    own = folder / "labelsRaters/anna/ras.nii.gz"
    own.parent.mkdir(parents=True)
    own.write_bytes((folder / "labelsGiven/ras.nii.gz").read_bytes())
    subject = Subject.open(folder)
    book = ReviewBook.open(tmp_path / "book.sqlite", labels=subject.dataset.labels)
    desk = Desk(subject, book)
    desk.decide(0, "anna", 1, "accept", Note(0), None)
    applied = apply_review(subject, book, tmp_path / "new")
    assert (applied.out / "labelsRaters/anna/ras.nii.gz").read_bytes() == own.read_bytes()
    desk.close()
    book.close()


@pytest.mark.parametrize("case_id", AFFINES)
def test_an_edit_keeps_shape_type_and_affine_to_the_bit(desk: Desk, tmp_path: Path, case_id: str) -> None:
    number = list(AFFINES).index(case_id)
    drawn = desk.sheet(number).proposed.copy()
    drawn[3, 2, 1] = 1
    desk.decide(number, "anna", 1, "edit", Note(0), drawn)
    applied = apply_review(desk.subject, desk.book, tmp_path / "new")
    before = nib.load(desk.subject.given(case_id).path)
    after = nib.load(applied.out / "labelsTr" / f"{case_id}.nii.gz")
    assert after.shape == before.shape
    assert np.array_equal(after.affine, before.affine)
    assert after.header["sform_code"] == before.header["sform_code"]
    assert set(np.unique(after.dataobj)) <= {0, 1, 7, 300}
    np.testing.assert_array_equal(
        np.asarray(nib.load(applied.out / "labelsGiven" / f"{case_id}.nii.gz").dataobj), before.dataobj
    )


def test_the_source_is_not_written_to(decided: Desk, corrected: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in sorted(corrected.rglob("*")) if path.is_file()}
    apply_review(decided.subject, decided.book, tmp_path / "new")
    assert {path: path.read_bytes() for path in sorted(corrected.rglob("*")) if path.is_file()} == before
    with pytest.raises(UsageError):
        apply_review(decided.subject, decided.book, corrected / "inside")


def test_the_decisions_go_along(decided: Desk, tmp_path: Path) -> None:
    applied = apply_review(decided.subject, decided.book, tmp_path / "new")
    lines = [json.loads(line) for line in (applied.out / "decisions.jsonl").read_text().splitlines()]
    assert [(line["case_id"], line["verdict"]) for line in lines] == [
        ("ras", "accept"), ("thick_lps", "edit"), ("permuted", "keep"), ("oblique", "flag"),
    ]  # fmt: skip
    assert {
        "format",
        "id",
        "time",
        "reader",
        "number",
        "comment",
        "regions",
        "seconds",
        "seen",
        "written",
    } <= set(lines[0])


def test_a_case_that_two_readers_see_differently_stays_until_it_is_settled(
    decided: Desk, tmp_path: Path
) -> None:
    decided.decide(0, "ben", 1, "keep", Note(0), None)
    applied = apply_review(decided.subject, decided.book, tmp_path / "new")
    assert applied.conflicts == ("ras",)
    assert Dataset.open(applied.out).row("ras").quality == "lq"


def test_a_decision_on_a_label_that_has_changed_since_is_not_applied(tmp_path: Path) -> None:
    folder = make_corrected(tmp_path / "blocks")
    subject = Subject.open(folder)
    book = ReviewBook.open(tmp_path / "book.sqlite", labels=subject.dataset.labels)
    desk = Desk(subject, book)
    for number in (0, 1):
        desk.decide(number, "anna", 1, "accept", Note(0), None)
    given = folder / "labelsGiven" / "ras.nii.gz"
    label = nib.load(given)
    changed = np.asarray(label.dataobj).copy()
    changed[0, 0, 0] = 1
    nib.save(nib.Nifti1Image(changed, label.affine, label.header), given)
    applied = apply_review(subject, book, tmp_path / "new")
    assert applied.stale == ("ras",)
    assert applied.reviewed == ("thick_lps",)
    desk.close()
    book.close()


def test_without_a_decision_there_is_nothing_to_apply(desk: Desk, tmp_path: Path) -> None:
    desk.decide(0, "anna", 1, "skip", Note(0), None)
    with pytest.raises(DataError, match="expected decided cases, found none"):
        apply_review(desk.subject, desk.book, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_pseudo_label_that_is_accepted_becomes_a_label(tmp_path: Path) -> None:
    folder = make_corrected(tmp_path / "blocks")
    (folder / "labelsGiven" / "ras.nii.gz").unlink()
    table = folder / "cases.csv"
    table.write_text(table.read_text().replace("ras,lq", "ras,unlabeled"))
    subject = Subject.open(folder)
    assert subject.given("ras") is None
    book = ReviewBook.open(tmp_path / "book.sqlite", labels=subject.dataset.labels)
    desk = Desk(subject, book)
    assert [region.kind for region in desk.sheet(0).regions] == ["added"] * 3
    desk.decide(0, "anna", 1, "accept", Note(0), None)
    new = alcseg.Dataset.open(apply_review(subject, book, tmp_path / "new"))
    assert new.row("ras").quality == "hq"
    np.testing.assert_array_equal(
        new.read_label("ras").array, read_label(folder / "labelsTr" / "ras.nii.gz").array
    )
    desk.close()
    book.close()


def test_readings_of_two_passes_that_agree_count_once(decided: Desk, tmp_path: Path) -> None:
    key = ReadingKey("ras", "anna", 2)
    label = decided.book.label(next(one for one in decided.book.decisions() if one.case_id == "ras"))
    decided.book.decide(replace(Reading(key)), "accept", seen=decided.sheet(0).seen, label=label)
    assert "ras" in apply_review(decided.subject, decided.book, tmp_path / "new").reviewed


def test_what_nobody_labeled_stays_so_unless_the_reviewer_draws_there(
    corrected: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(corrected, tmp_path / "ignoring")
    source = Dataset.open(root)
    source.record.model_copy(update={"ignore": 400}).write(root)
    for folder in ("labelsTr", "labelsGiven"):
        path = root / folder / "ras.nii.gz"
        image = nib.load(path)
        array = np.asanyarray(image.dataobj).astype(np.uint16)
        array[:, :, 0] = 400
        nib.save(nib.Nifti1Image(array, image.affine), path)
    subject = Subject.open(root)
    with closing(ReviewBook.open(tmp_path / "book.sqlite", labels=subject.dataset.labels)) as book:
        desk = Desk(subject, book)
        drawn = desk.sheet(0).given.copy()
        drawn[1, 2, 0] = 1
        desk.decide(0, "anna", 1, "edit", Note(0), drawn)
        applied = apply_review(subject, book, tmp_path / "new")
        desk.close()
    written = np.asanyarray(nib.load(applied.out / "labelsTr" / "ras.nii.gz").dataobj)
    assert (written[:, :, 0] == 400).sum() == written[:, :, 0].size - 1
    assert written[1, 2, 0] == subject.dataset.label_values[1]
    assert Dataset.open(applied.out).ignore == 400


def test_a_label_that_came_is_missed_by_whoever_would_take_another_for_it(
    decided: Desk, tmp_path: Path
) -> None:
    reviewed = apply_review(decided.subject, decided.book, tmp_path / "new").out
    Subject.open(reviewed)
    assert check(reviewed).grade != "fatal"
    for number, rater in enumerate(("anna", "ben")):
        shutil.copytree(reviewed / "labelsTr", reviewed / "labelsRaters" / rater)
        (reviewed / "labelsGiven" / f"{('thick_lps', 'ras')[number]}.nii.gz").unlink()
    words = r"labelsGiven: expected the labels as they came, found no ras.nii.gz, thick_lps.nii.gz\."
    (finding,) = [one for one in check(reviewed).findings if one.grade == "fatal"]
    assert re.search(words, finding.message)
    for opens in (
        Subject.open,
        lambda folder: raters(folder, out=tmp_path / "raters"),
        lambda folder: CorrectedDataset.of(
            tmp_path / "x", Dataset.open(folder), consecutive=False
        ).take_given_labels(),
    ):
        with pytest.raises(DataError, match=words):
            opens(reviewed)
