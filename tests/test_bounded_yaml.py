import pytest

from alcseg.bounded_yaml import NumbersAsWritten, load_yaml

EXPLODING = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
MERGED = "a0: &a0 {k: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12)
)


def test_plain_settings_are_read() -> None:
    assert load_yaml("base: &b {x: 1}\nrun: {<<: *b, y: [1, 2.5, no]}\n") == {
        "base": {"x": 1},
        "run": {"x": 1, "y": [1, 2.5, False]},
    }
    assert load_yaml("") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (EXPLODING, "aliases stand for more than 100000 values"),
        (MERGED, "aliases stand for more than 100000 values"),
        ("a: &a [*a]", "an alias that stands for what it is in"),
        ("[" * 5000, "nested too deeply"),
        ("a: " + "x" * (1 << 20), "1048579 characters, more than 1048576"),
        ("a: [", "expected the node content"),
        ("a: \0", "special characters are not allowed"),
        ("!!bool x", "its tag does not allow"),
        ("!!timestamp x", "its tag does not allow"),
        ("!!int ''", "its tag does not allow"),
        ("!!python/object/apply:os.system [x]", "could not determine a constructor"),
        ("9" * 5000, "Exceeds the limit"),
    ],
)
def test_what_is_beyond_bounds_is_told_at_once(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        load_yaml(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", 10),
        ("-007", -7),
        ("1e-4", 1e-4),
        ("1.5E+3", 1500.0),
        (".5", 0.5),
        ("2.", 2.0),
        ("00.9", 0.9),
        (".inf", float("inf")),
        ("1_0", "1_0"),
        ("1:30", "1:30"),
        ("0x10", "0x10"),
        ("0b1", "0b1"),
        ("'010'", "010"),
        ("yes", True),
        ("null", None),
    ],
)
def test_numbers_are_what_people_mean(text: str, value: object) -> None:
    found = load_yaml(text, NumbersAsWritten)
    assert (found, type(found)) == (value, type(value))
