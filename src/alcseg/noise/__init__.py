"""Simulated label noise: one model per file, each maps a label map to a worse one on the same grid.

To add a model, write `noise/<name>.py` with a `NoiseModel` and add its line to `NOISE_MODELS`.
"""

from alcseg.errors import UsageError
from alcseg.noise.ball import BALL
from alcseg.noise.class_swap import ClassSwap
from alcseg.noise.corrupt import (
    NoiseRecord,
    case_generator,
    check_size,
    corrupt_label,
    resolve_size,
)
from alcseg.noise.cube import CUBE
from alcseg.noise.distance import offset_mm_mean
from alcseg.noise.markov_boundary import MarkovBoundary
from alcseg.noise.missing_slices import MissingSlices
from alcseg.noise.mixture import Mixture
from alcseg.noise.model import Amount, NoiseContext, NoiseModel, Operation, OtherLabels, Outcome, Unit
from alcseg.noise.other_case import OtherCase
from alcseg.noise.shift_rotate import ShiftRotate
from alcseg.noise.slice_offset import SliceOffset
from alcseg.noise.smooth_boundary import SmoothBoundary

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
    "noise_model",
    "offset_mm_mean",
    "resolve_size",
]

NOISE_MODELS: dict[str, NoiseModel] = {
    "ball": BALL,
    "class_swap": ClassSwap(),
    "cube": CUBE,
    "markov_boundary": MarkovBoundary(),
    "missing_slices": MissingSlices(),
    "other_case": OtherCase(),
    "shift_rotate": ShiftRotate(),
    "slice_offset": SliceOffset(),
    "smooth_boundary": SmoothBoundary(),
}
NOISE_MODELS["mixture"] = Mixture(dict(NOISE_MODELS))


def noise_model(name: str) -> NoiseModel:
    """Look up a model; `mixture:a,b` draws one of the models a and b for each case.

    Raises:
        UsageError: If there is no such model.
    """
    kind, colon, listed = name.partition(":")
    wanted = listed.split(",") if colon and kind == "mixture" else [name]
    unknown = [word for word in wanted if word not in NOISE_MODELS or (colon and word == "mixture")]
    if unknown:
        raise UsageError(
            f"--model: expected one of {', '.join(NOISE_MODELS)}, or mixture:NAME,NAME, got '{name}'."
        )
    return Mixture({word: NOISE_MODELS[word] for word in wanted}) if colon else NOISE_MODELS[name]
