"""Which cases train and which validate."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from alcseg.data.folder import Dataset
from alcseg.errors import DataError
from alcseg.records.cases import CaseRow
from alcseg.records.settings import DataSettings
from alcseg.training.cases import choose_cases, stream_sizes
from alcseg.training_methods import METHODS


def ids(rows: list[CaseRow]) -> list[str]:
    return [row.case_id for row in rows]


@pytest.mark.parametrize("name", METHODS)
def test_validation_is_clean_and_apart_from_training(name: str, make_dataset: Callable[..., Dataset]) -> None:
    method = METHODS[name][0]
    train, val = choose_cases(make_dataset(hq=10, val=0), method.streams)
    assert ids(val) == ["hq_0", "hq_1"]  # a fifth of ten, the same for every method
    assert not set(ids(train)) & set(ids(val))
    reads_lq = {"lq", "union"} & set(method.streams)
    assert {row.quality for row in train} == ({"hq", "lq"} if reads_lq else {"hq"})
    assert all(row.split == "train" and row.quality == "hq" for row in val)

    train, val = choose_cases(make_dataset(hq=3, val=2, name="with-val"), method.streams)
    assert ids(val) == ["val_0", "val_1"]
    assert len([row for row in train if row.quality == "hq"]) == 3


def test_lq_labels_of_the_validation_split_are_left_out(make_dataset: Callable[..., Dataset]) -> None:
    folder = make_dataset()
    rows = tuple(
        row.model_copy(update={"split": "val"}) if row.case_id == "lq_0" else row for row in folder.rows
    )
    _, val = choose_cases(replace(folder, rows=rows), METHODS["alc"][0].streams)
    assert ids(val) == ["val_0"]


@pytest.mark.parametrize(
    ("hq", "wanted", "held_out"),
    [
        (10, None, 2),
        (15, None, 3),
        (5, None, 2),
        (4, None, 1),
        (2, None, 1),
        (1, None, 0),
        (5, 0, 0),
        (5, 3, 3),
    ],
)
def test_number_of_held_out_cases(
    hq: int, wanted: int | None, held_out: int, make_dataset: Callable[..., Dataset]
) -> None:
    train, val = choose_cases(make_dataset(hq=hq, val=0), METHODS["h_sup"][0].streams, val_hq=wanted)
    assert (len(train), len(val)) == (hq - held_out, held_out)


def test_holding_out_every_hq_case_is_refused(make_dataset: Callable[..., Dataset]) -> None:
    with pytest.raises(DataError, match="more than 3 HQ training cases to hold 3 out, found 3"):
        choose_cases(make_dataset(hq=3, val=0), METHODS["alc"][0].streams, val_hq=3)


def grouped(folder: Dataset, **groups: str) -> Dataset:
    rows = (row.model_copy(update={"group": groups.get(row.case_id, row.group)}) for row in folder.rows)
    return replace(folder, rows=tuple(rows))


def test_a_patient_trains_or_validates(make_dataset: Callable[..., Dataset]) -> None:
    streams = METHODS["alc"][0].streams
    folder = make_dataset(hq=6, lq=3, val=0)
    patients = grouped(folder, hq_0="P", hq_1="P", hq_2="P", hq_3="Q", lq_0="R", hq_4="R")
    train, val = choose_cases(patients, streams)
    assert ids(val) == ["hq_0", "hq_1", "hq_2"]  # two were wanted
    assert {row.group for row in train}.isdisjoint(row.group for row in val)

    every = grouped(folder, hq_0="P", lq_0="P", hq_1="Q", hq_2="Q", hq_3="Q", hq_4="Q", hq_5="Q", lq_1="Q")
    train, val = choose_cases(every, streams)
    assert ids(val) == ["hq_0"]  # one patient is left to train on
    assert "lq_0" not in ids(train)  # nor validate, since its label is doubtful

    alone = grouped(folder, **{f"hq_{n}": "P" for n in range(6)})
    assert choose_cases(alone, streams)[1] == []
    with pytest.raises(
        DataError, match="one group of HQ training cases more than hold 2 cases, found 1 with 6"
    ):
        choose_cases(alone, streams, val_hq=2)


def test_a_patient_in_two_splits_is_refused(make_dataset: Callable[..., Dataset]) -> None:
    folder = grouped(make_dataset(), hq_1="P", val_0="P")
    with pytest.raises(DataError, match=r"found 'P' with 'hq_1' \(train\) and 'val_0' \(val\)"):
        choose_cases(folder, METHODS["alc"][0].streams)


def test_union_has_as_many_patches_as_both_streams() -> None:
    settings = DataSettings(hq_batch=4, lq_batch=20)
    assert stream_sizes(METHODS["h_sup"][0].streams, settings) == {"hq": 4}
    assert stream_sizes(METHODS["alc"][0].streams, settings) == {"hq": 4, "lq": 20}
    assert stream_sizes(METHODS["hl_sup"][0].streams, settings) == {"union": 24}
