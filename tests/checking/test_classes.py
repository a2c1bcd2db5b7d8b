import numpy as np

from alcseg.checking.classes import absent_classes, count_classes

NAMES = ["liver", "spleen"]


def without_spleen(label):
    return np.where(label == 5, 0, label)


def findings(cases):
    return list(absent_classes(cases.sketches(), NAMES))


def test_nothing_is_said_where_all_have_all(cases):
    assert findings(cases) == []
    assert count_classes(cases.sketches(), NAMES) == {name: {"hq": 4, "lq": 8} for name in NAMES}


def test_one_label_without_a_class_is_named(cases):
    cases.spoil(without_spleen)
    (found,) = findings(cases)
    assert (found.case_id, found.kind, found.grade) == ("c2", "absent", "ok")
    assert "has no 'spleen', as 11 of 12 labels have; it has 'liver'" in found.message


def test_a_class_that_one_quality_lacks_is_told_once(cases):
    for number in range(4):
        cases.spoil(without_spleen, number)
    (found,) = findings(cases)
    assert found.case_id == ""
    assert "'spleen' is in none of 4 hq labels, and in 8 of 8 lq ones" in found.message


def test_a_class_without_any_label_is_told_once(cases):
    for number in range(12):
        cases.spoil(without_spleen, number)
    (found,) = findings(cases)
    assert "'spleen' is in none of 12 labels" in found.message


def test_of_a_class_that_many_lack_it_is_asked_once_whether_it_was_drawn(cases):
    for number in (0, 5, 6):
        cases.spoil(without_spleen, number)
    (found,) = findings(cases)
    assert (found.case_id, found.kind, found.grade) == ("", "absent", "ok")
    assert "'spleen' is in 9 of 12 labels, and not in those of c0, c5, c6" in found.message
    assert "Fine if their images do not show it" in found.message
    assert "classes_drawn" in found.message
