import pytest

from alcseg.data.channels import channel_order
from alcseg.errors import DataError


def test_channels_are_found_by_name() -> None:
    assert channel_order(["FLAIR", "T1"], ["T1", "FLAIR"], "here") == (1, 0)
    assert channel_order(["t1", "flair", "T2"], ["T2", "T1", "FLAIR"], "here") == (2, 0, 1)


def test_what_has_no_name_is_left_as_it_is() -> None:
    assert channel_order(["MRI"], ["image"], "here") == (0,)
    assert channel_order(["FLAIR", "T1"], ["0", "1"], "here") == (0, 1)


@pytest.mark.parametrize("found", [["T1"], ["T1", "T2"], ["T1", "FLAIR", "T2"], ["T1", "t1"], ["0", "1"]])
def test_other_names_are_refused_with_both_sets(found: list[str]) -> None:
    with pytest.raises(DataError, match=rf"here: .* trained with, T1, FLAIR, found {', '.join(found)}\."):
        channel_order(found, ["T1", "FLAIR"], "here")
