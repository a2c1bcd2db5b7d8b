"""What every method promises, whatever its name."""

from typing import Any

import pytest

from alcseg.testing.methods import MethodContract
from alcseg.training_methods import METHODS


class TestBuiltIn(MethodContract):
    @pytest.fixture(params=METHODS.builtin)
    def name(self, request: pytest.FixtureRequest) -> str:
        return request.param

    @pytest.fixture
    def settings(self, name: str, small: dict[str, dict[str, Any]]) -> dict[str, Any]:
        return small.get(name, {})


def test_all_methods_are_listed_in_order() -> None:
    assert list(METHODS) == sorted(METHODS)
