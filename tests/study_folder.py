"""A whole small study made by the verbs: phantoms, spoiled labels, a run, predictions, correction, scores."""

from pathlib import Path
from typing import NamedTuple

import alcseg
from alcseg.data.phantoms import write_phantoms

SETTINGS = (
    "network.filters=2",
    "data.patch=[16,16,16]",
    "data.spacing=[2,2,2]",
    "data.hq_batch=2",
    "data.lq_batch=2",
    "trainer.steps=4",
    "trainer.precision=32",
    "trainer.validate_every=2",
    "trainer.log_every=1",
)


class Study(NamedTuple):
    """What is there, as objects; `root` holds the folders by the names of the fields."""

    root: Path
    phantoms: alcseg.Dataset
    noisy: alcseg.Dataset
    run: alcseg.Run
    predictions: alcseg.Predictions
    correction: alcseg.Correction
    scores: alcseg.Evaluation


def make_study(root: Path) -> Study:
    """Six training, one validation and two test cases; a few seconds."""
    place = {name: str(root / name) for name in Study._fields}
    write_phantoms(root / "phantoms", train=6, val=1, test=2, shape=(24, 22, 18), spacing=(2, 2, 2), seed=3)
    alcseg.corrupt(place["phantoms"], place["noisy"], hq_first=2)
    run = alcseg.train(place["noisy"], out=place["run"], set=SETTINGS)
    noisy = alcseg.Dataset.open(place["noisy"])
    predictions = alcseg.predict(run, noisy, out=place["predictions"], uncertainty=True, probabilities=True)
    correction = alcseg.correct(run, noisy, out=place["correction"])
    scores = alcseg.evaluate(predictions, noisy, out=place["scores"], split="test")
    phantoms = alcseg.Dataset.open(place["phantoms"])
    return Study(root, phantoms, noisy, run, predictions, correction, scores)
