"""Things of other distributions beside those that come along."""

import importlib
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


METHOD = "from alcseg.training_methods.supervised import HSup\nclass Good(HSup): 'A copy.'"
NOISE = "from alcseg.noise import NOISE_MODELS\nGood = NOISE_MODELS['ball']"
METRIC = "from alcseg.metrics import METRICS\nGood = METRICS['dice']"
READER = "from alcseg.data.readers.nifti import NIfTIReader\nclass Good(NIfTIReader): 'A copy.'"
NETWORK = "def Good(in_channels, num_classes): ..."


@pytest.mark.parametrize(
    ("registry", "kind", "good", "bad", "taken"),
    [
        ("alcseg.training_methods:METHODS", "method", METHOD, "class Bad: ...", "alc"),
        (
            "alcseg.noise:NOISE_MODELS",
            "noise model",
            NOISE,
            "from alcseg.noise.cube import cube as Bad",
            "cube",
        ),
        ("alcseg.metrics:METRICS", "metric", METRIC, "from alcseg.metrics import dice as Bad", "dice"),
        ("alcseg.data.readers:READERS", "format", READER, "class Bad: ...", "nifti"),
        ("alcseg.networks:NETWORKS", "network", NETWORK, "Bad = 'two layers'", "vnet"),
    ],
)
def test_every_registry_of_this_package(
    install: Install,
    caplog: pytest.LogCaptureFixture,
    registry: str,
    kind: str,
    good: str,
    bad: str,
    taken: str,
) -> None:
    module, _, name = registry.partition(":")
    known = getattr(importlib.import_module(module), name)
    assert list(known) == sorted(known) == list(known.builtin)
    group = "alcseg." + {"method": "methods", "noise model": "noise", "format": "readers"}.get(
        kind, f"{kind}s"
    )
    install(f"good_{name}", "1.0", good, {group: {"something_good": f"good_{name}:Good"}})
    install(f"bad_{name}", "2.0", bad, {group: {"something_bad": f"bad_{name}:Bad"}})
    install(f"broken_{name}", "3.0", "import no_such_module", {group: {"broken": f"broken_{name}:Thing"}})
    assert list(known) == sorted([*known.builtin, "something_good"])
    assert known["something_good"] is not None
    assert known.origin("something_good") == f"good_{name} 1.0"
    broken, wrong = sorted(record.message for record in caplog.records)[::-1]
    assert broken.startswith(
        f"broken_{name} 3.0: {kind} 'broken' ({group} = broken_{name}:Thing) is left out: "
    )
    assert broken.endswith("ModuleNotFoundError: No module named 'no_such_module'")
    assert wrong.startswith(
        f"bad_{name} 2.0: {kind} 'something_bad' ({group} = bad_{name}:Bad) is left out: expected a"
    )
    with pytest.raises(ConfigError, match=rf"{kind}: expected one of .* Did you mean 'something_good'\?"):
        known["something_god"]
    install(f"clash_{name}", "4.0", good, {group: {taken: f"clash_{name}:Good"}})
    with pytest.raises(ConfigError, match=rf"{kind} '{taken}': .*found alcseg and clash_{name} 4\.0"):
        known[taken]
