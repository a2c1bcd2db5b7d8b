"""Simulated label noise: one model per file, each maps a label map to a worse one on the same grid.

To add a model, write `noise/<name>.py` with a `NoiseModel` and add its line to `NOISE_MODELS`.
"""

from alcseg.noise.ball import BALL
from alcseg.noise.corrupt import (
    NoiseRecord,
    case_generator,
    check_size,
    corrupt_label,
    resolve_size,
)
from alcseg.noise.cube import CUBE
from alcseg.noise.distance import offset_mm_mean
from alcseg.noise.model import Amount, NoiseContext, NoiseModel, Operation, OtherLabels, Outcome, Unit

__all__ = [
    "NOISE_MODELS",
    "Amount",
    "NoiseContext",
    "NoiseModel",
    "NoiseRecord",
    "Operation",
    "OtherLabels",
    "Outcome",
    "Unit",
    "case_generator",
    "check_size",
    "corrupt_label",
    "offset_mm_mean",
    "resolve_size",
]

NOISE_MODELS: dict[str, NoiseModel] = {
    "ball": BALL,
    "cube": CUBE,
}
