"""Things of other distributions beside those that come along."""

import logging
from collections.abc import Callable

import pytest

from alcseg.errors import ConfigError
from alcseg.plugins import Registry

Install = Callable[..., None]


def numbers() -> Registry[int]:
    return Registry(
        "number",
        {"two": 2, "one": 1},
        group="alcseg.numbers",
        wanted="a whole number",
        accept=lambda found: found if isinstance(found, int) else None,
    )


def test_reads_like_a_dict_in_the_order_of_the_names(install: Install) -> None:
    install(
        "more", "1.2", "three = 3\nzero = 0", {"alcseg.numbers": {"three": "more:three", "0": "more:zero"}}
    )
    known = numbers()
    assert list(known) == ["0", "one", "three", "two"]
    assert dict(known) == {"0": 0, "one": 1, "three": 3, "two": 2}
    assert (known["three"], known.get("three"), known.get("four"), known.get("four", 4)) == (3, 3, None, 4)
    assert "three" in known
    assert "four" not in known
    assert 3 not in known
    assert len(known) == 4
    assert (known.origin("three"), known.origin("two")) == ("more 1.2", None)
    assert known.builtin == {"one": 1, "two": 2}


def test_nothing_is_imported_for_what_comes_along(install: Install) -> None:
    install("costly", "1", "raise SystemError('imported')", {"alcseg.numbers": {"three": "costly:three"}})
    known = numbers()
    assert known["two"] == 2
    assert "one" in known
    assert known.origin("three") == "costly 1"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise ValueError('two\\nlines')", "ValueError: two lines"),
        ("other = 3", "AttributeError: "),
        ("three = '3'", "expected a whole number, got '3'"),
    ],
)
def test_what_cannot_be_used_is_one_warning_and_the_rest_goes_on(
    install: Install, caplog: pytest.LogCaptureFixture, source: str, reason: str
) -> None:
    install("bad", "0.1", source, {"alcseg.numbers": {"three": "bad:three"}})
    install("good", "7", "four = 4", {"alcseg.numbers": {"four": "good:four"}})
    known = numbers()
    for _ in range(2):
        assert list(known) == ["four", "one", "two"]
        assert "three" not in known
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    start = "bad 0.1: number 'three' (alcseg.numbers = bad:three) is left out: "
    assert record.message.startswith(start + reason)
    assert "\n" not in record.message
    with pytest.raises(ConfigError, match=r"got 'three'.*bad 0\.1 registers it, see the warning"):
        known["three"]


def test_a_name_of_two_distributions_belongs_to_neither(install: Install) -> None:
    install("first", "1", "x = 3", {"alcseg.numbers": {"three": "first:x"}})
    install("second", "2", "x = 4", {"alcseg.numbers": {"three": "second:x", "four": "second:x"}})
    known = numbers()
    with pytest.raises(
        ConfigError, match=r"number 'three': .*found (first 1 and second 2|second 2 and first 1)\."
    ):
        known["three"]
    with pytest.raises(ConfigError, match=r"number 'three'"):
        list(known)
    assert (known["four"], known["two"]) == (4, 2)


def test_a_name_that_comes_along_is_taken(install: Install) -> None:
    install("late", "1", "x = 3", {"alcseg.numbers": {"two": "late:x"}})
    with pytest.raises(ConfigError, match=r"number 'two': .*found alcseg and late 1"):
        numbers()["two"]
    assert numbers()["one"] == 1


def test_an_unknown_name_lists_what_there_is_and_the_nearest(install: Install) -> None:
    install("more", "1", "three = 3", {"alcseg.numbers": {"three": "more:three"}})
    with pytest.raises(
        ConfigError, match=r"number: expected one of one, three, two, got 'tree'\. Did you mean 'three'\?"
    ):
        numbers()["tree"]
