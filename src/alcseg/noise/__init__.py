"""Simulated label noise: one model per file, each maps a foreground mask to a worse one on the same grid.

To add a model, write `noise/<name>.py` with one function that fits `NoiseModel` and add its line to
`NOISE_MODELS`.
"""

from alcseg.noise.ball import ball
from alcseg.noise.corrupt import NoiseRecord, case_generator, check_size, corrupt_label
from alcseg.noise.cube import cube
from alcseg.noise.model import NoiseModel, Operation, Unit

__all__ = [
    "NOISE_MODELS",
    "NoiseModel",
    "NoiseRecord",
    "Operation",
    "Unit",
    "case_generator",
    "check_size",
    "corrupt_label",
]

NOISE_MODELS: dict[str, NoiseModel] = {
    "ball": ball,
    "cube": cube,
}
