"""What an audit says of readers: of labels drawn alone, and of each reader's share in a consensus."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from alcseg.auditing.evidence import NAMES
from alcseg.auditing.judge import Judgment
from alcseg.auditing.words import in_words
from alcseg.cli.rater_lines import judged_readers
from alcseg.commands._audit_raters import judge_readers, sum_up_readers
from alcseg.commands._seen import SeenCase, SeenLabel
from alcseg.data.folder import Dataset
from alcseg.data.phantoms import write_phantoms
from alcseg.data.writer import write_label
from alcseg.records.cases import CaseRow


def judged(dice, kind="none"):
    return [Judgment(dice, 0.0, 1.0, 1.0, {kind: 1.0})]


def test_readers_are_summed_up_the_worst_first_without_what_cannot_be_judged():
    readers = ("anna", "bob", "bob", "bob", "anna+bob", "")
    rows = [CaseRow(case_id=name, rater=rater) for name, rater in zip("abcdef", readers, strict=True)]
    of_labels = {
        "a": judged(0.95), "b": judged(0.5, "too_large"), "c": judged(0.9), "d": judged(0.1),
        "e": judged(0.9), "f": judged(0.2),
    }  # fmt: skip
    own = {"anna": {"e": judged(0.85)}, "bob": {"e": judged(0.7, "too_large")}}
    found = {one.rater: one for one in sum_up_readers(rows, of_labels, own, {"d"})}
    assert list(found) == ["bob", "anna", "anna+bob"]
    bob = found["bob"]
    assert (bob.labels, bob.wrong, bob.kind, bob.kind_count) == (3, 2, "too_large", 2)
    assert bob.dice == pytest.approx((0.5 + 0.9 + 0.7) / 3)
    assert (found["anna"].labels, found["anna"].wrong, found["anna"].kind) == (2, 0, "none")
    assert judged_readers([bob])["bob"].startswith("2 of 3 seem wrong, expected Dice 0.700 (")
    assert judged_readers([bob])["bob"].endswith(", most often too large")
    assert sum_up_readers(rows[5:], of_labels, {}, ()) == ()


def test_each_reader_is_judged_by_what_was_predicted_for_the_case(tmp_path):
    write_phantoms(tmp_path, train=2, val=0, test=0, shape=(16, 16, 12), spacing=(2, 2, 2), seed=1)
    folder = Dataset.open(tmp_path)
    first, second = (row.case_id for row in folder.rows)
    label = folder.read_label(first)
    for rater, array in (("anna", label.array), ("bob", np.zeros_like(label.array))):
        write_label(tmp_path / "labelsRaters" / rater / label.path.name, array, label)
        write_label(tmp_path / "labelsRaters" / rater / f"{second}.nii.gz", array, label)
    classes = np.searchsorted(folder.label_values, label.array)
    probs = np.moveaxis(np.eye(len(folder.label_values), dtype=np.float32)[classes], -1, 0)
    case = SimpleNamespace(
        load=lambda: SeenLabel(probs, classes.astype(np.uint8), label.spacing, probs),
        keep=lambda one: one,
        plan=SimpleNamespace(label_values=folder.label_values),
        grid=None,
        undrawn=(len(folder.label_values) - 1,),
    )
    case.of_drawn = partial(SeenCase.of_drawn, case)
    judge = SimpleNamespace(
        judge=lambda table, names, folds: [
            [Judgment(float(row[NAMES.index("dice")]), 0, 1, 0, {"none": 1.0}) for row in one]
            for one in table
        ]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "alcseg.commands._audit_raters.preprocess_label",
            lambda volume, plan, grid: np.searchsorted(plan.label_values, volume.array).astype(np.uint8),
        )
        found = judge_readers(folder, {first: case}, judge, {first: 0})
    assert {rater: list(cases) for rater, cases in found.items()} == {"anna": [first], "bob": [first]}
    assert [one.dice for one in found["anna"][first]] == [1.0] * (len(folder.label_values) - 2)
    assert all(one.dice == 0 for one in found["bob"][first])


def test_a_sentence_names_who_drew_the_label():
    (one,) = judged(0.5, "too_large")
    assert in_words("organ", one, rater="bob").startswith("organ (drawn by bob) seems drawn too large: Dice")
    assert in_words("organ", one, unsure=True, rater="bob").startswith(
        "organ (drawn by bob) cannot be judged"
    )
    assert in_words("organ", one).startswith("organ seems drawn")
