"""A plan whose runs take seconds: generated phantoms, the smallest network, a few steps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture
def content() -> dict[str, Any]:
    """What a plan file holds, to be changed by a test."""
    return {
        "title": "Tiny",
        "datasets": {
            "tiny": {
                "phantoms": {"train": 4, "val": 1, "test": 1, "shape": [24, 24, 16], "spacing": [2, 2, 3]},
                "corrupt": {"hq_first": 2, "model": "cube", "size": [2, 4], "seed": 0},
            }
        },
        "rows": ["hl_sup"],
        "set": {
            "network.filters": 2,
            "data.patch": [16, 16, 16],
            "data.spacing": [2, 2, 3],
            "data.hq_batch": 2,
            "data.lq_batch": 2,
            "trainer.steps": 4,
            "trainer.precision": "32",
            "trainer.checkpoint_every": 2,
            "trainer.validate_every": 0,
            "trainer.log_every": 1,
        },
    }


@pytest.fixture
def write(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    """Write a plan file."""

    def written(content: dict[str, Any]) -> Path:
        path = tmp_path / "tiny.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return path

    return written
