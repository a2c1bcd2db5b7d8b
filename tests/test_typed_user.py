"""The types of what is public hold in a script of somebody else under `mypy --strict`."""

import subprocess
import sys
from pathlib import Path

import pytest

import alcseg

SOURCE = Path(alcseg.__file__).parents[1]

GOOD = """
from pathlib import Path

import numpy as np

import alcseg


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


dataset: alcseg.Dataset = alcseg.import_dataset("scans", Path("data"), val_fraction=0.1)
case: alcseg.Case = dataset["a"]
brightness = mean([float(one.image.mean()) for one in dataset.select(split="train", quality="lq")])
label = case.label
volume = 0 if label is None else int((label > 0).sum())
size = case.spacing[0] * len(case.images) * case.affine[0, 0]
dataset.plot(cases=3).savefig("cases.png")
dataset.to_frame()

grade: str = alcseg.check(dataset).grade
spoiled = alcseg.corrupt(dataset, "noisy", hq_fraction=0.5, size=(3, 6))
plan = alcseg.plan_training(spoiled, method="mean_teacher")
hours: float = plan.estimated_hours
run: alcseg.Run = alcseg.train(spoiled, out="run", set=["trainer.steps=10"])
losses = [step.loss for step in run.metrics.steps]
run.plot()

predictions: alcseg.Predictions = alcseg.predict(run, [case, "more"], out="out", uncertainty=True)
maps = predictions["a"]
doubt = None if maps.uncertainty is None else float(maps.uncertainty.max())
found = run.predict(case.image, affine=case.affine)
lower = run.predict(np.zeros((8, 8, 8)), spacing=(1.0, 1.0, 2.0), probabilities=True) * 0.5
predictor = alcseg.load(run, "model.onnx", device="cpu")
both = predictor(case.image, affine=case.affine) == found
sure: float = predictor(case.image, spacing=(1, 1, 2), probabilities=True).max()
names: list[str] = [*predictor.labels, *predictor.channel_names]
scores = alcseg.metrics.evaluate(found, found, case.spacing)

correction: alcseg.Correction = alcseg.correct(run, dataset, out="corrected", how="patched", risk=0.1)
first = next(iter(correction))
given, written, uncertainty = first.given, first.written, first.uncertainty
rank: int = first.ranking[0].rank
correction.to_frame("offsets")

evaluation: alcseg.Evaluation = alcseg.evaluate(predictions, dataset, out="scores", protocol="mm")
dice: float = evaluation.mean("dice", "liver")
shape = evaluation["a"].pred.shape
evaluation.plot("hd95")

page: Path = alcseg.report(run).page
done = [line.run for line in alcseg.benchmark("smoke", out=Path("bench"), dry_run=True).runs]
meaning: str = alcseg.methods()["alc"].settings[0].meaning
noisy = alcseg.noise.apply("cube", found, case.spacing, seed=0)
missing: list[str] = alcseg.doctor().missing
alcseg.demo("demo")
alcseg.archive_dataset(dataset, "archive")
alcseg.progress(True)
try:
    alcseg.Run.open("nowhere")
except alcseg.AlcsegError as error:
    code: int = error.exit_code
"""

BAD = {  # line to what is said of it
    'alcseg.train("data", out="run", method_="alc")': '"method_" for "train"; did you mean "method"',
    'alcseg.Dataset.open("data")["a"].label_': '"Case" has no attribute "label_"; maybe "label"',
    'alcseg.Run.open("run").predict([[[1.0]]], spacing="1 mm")': 'Argument "spacing" to "predict"',
    'alcseg.correct("run", "data", out="out", how="some")': 'Argument "how" to "correct"',
    "ALCSettings(pases=3)": 'Unexpected keyword argument "pases"',
    "ALCSettings().pases": '"ALCSettings" has no attribute "pases"; maybe "passes"',
    "alcseg.Evaluatoin": 'Module has no attribute "Evaluatoin"; maybe "Evaluation"',
}


CONFIG = """
[mypy]
strict = true
follow_imports = silent

[mypy-lightning.*,matplotlib.*,monai.*,pandas.*,scipy.*,sklearn.*,torch.*]
follow_imports = skip
"""
"""Large packages are passed over, whose types are not what is looked at."""


@pytest.mark.timeout(300)
def test_a_script_is_checked_as_its_writer_expects(tmp_path):
    lines = ["import alcseg", "from alcseg.training_methods.alc import ALCSettings", *BAD]
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "bad.py").write_text("\n".join([*lines, ""]))
    (tmp_path / "mypy.ini").write_text(CONFIG)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir=/dev/null", "good.py", "bad.py"],
        capture_output=True, text=True, check=False, cwd=tmp_path, env={"MYPYPATH": str(SOURCE), "PATH": ""},
    )  # fmt: skip
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert [line for line in errors if line.startswith("good.py")] == []
    for number, said in enumerate(BAD.values(), start=3):
        assert [line for line in errors if line.startswith(f"bad.py:{number}:") and said in line], done.stdout
    assert len(errors) == len(BAD)
