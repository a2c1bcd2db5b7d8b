"""What every verb takes for a seed."""

import inspect
from pathlib import Path

import numpy as np
import pytest

import alcseg
from alcseg.commands.demo import demo
from alcseg.data.phantoms import write_phantoms
from alcseg.errors import UsageError
from alcseg.seeds import require_seed

VERBS = {
    name: verb
    for name, verb in {name: getattr(alcseg, name) for name in alcseg.__all__}.items()
    if inspect.isfunction(verb) and "seed" in inspect.signature(verb).parameters
} | {"demo": demo, "write_phantoms": write_phantoms}


@pytest.mark.parametrize("seed", [0, 2**32 - 1, np.int64(3), np.uint8(3)])
def test_whole_numbers_are_taken(seed: int) -> None:
    require_seed(seed)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, True, "1", None, np.float32(1)])
def test_all_else_is_refused(seed: object) -> None:
    with pytest.raises(UsageError, match="--seed: expected a whole number from 0 to 4294967295, got"):
        require_seed(seed)


def test_the_verbs_with_a_seed_are_known() -> None:
    assert {"audit", "correct", "corrupt", "import_dataset", "predict", "train", "demo"} <= set(VERBS)


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_refuses_at_its_door(name: str, tmp_path: Path) -> None:
    verb = VERBS[name]
    needed = [
        parameter.name
        for parameter in inspect.signature(verb).parameters.values()
        if parameter.default is parameter.empty
    ]
    with pytest.raises(UsageError, match="seed: expected a whole number"):
        verb(**{name: tmp_path / name for name in needed}, seed=-1)
    assert not list(tmp_path.iterdir())
