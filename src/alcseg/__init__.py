"""ALCSeg: robust 3D medical image segmentation from labels of mixed quality.

Public names are found on first use, so that `import alcseg` is quick and loads no deep-learning library.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alcseg import metrics, noise
    from alcseg.audited import Audit
    from alcseg.benchmarking.command import benchmark
    from alcseg.commands.archive_dataset import archive_dataset
    from alcseg.commands.audit import audit
    from alcseg.commands.cache import cache
    from alcseg.commands.check import check
    from alcseg.commands.correct import correct
    from alcseg.commands.corrupt import corrupt
    from alcseg.commands.demo import demo
    from alcseg.commands.doctor import doctor
    from alcseg.commands.evaluate import evaluate
    from alcseg.commands.export import export
    from alcseg.commands.import_dataset import import_dataset
    from alcseg.commands.methods import methods
    from alcseg.commands.predict import predict
    from alcseg.commands.raters import raters
    from alcseg.commands.report import report
    from alcseg.commands.train import plan_training, train
    from alcseg.corrected import Correction
    from alcseg.data.dataset_case import Case
    from alcseg.data.folder import Dataset
    from alcseg.data.predicted import Predictions
    from alcseg.errors import AlcsegError
    from alcseg.evaluation import Evaluation
    from alcseg.inference.arrays import load
    from alcseg.notebook import progress
    from alcseg.reviewing.command import review
    from alcseg.run import Run

__all__ = [
    "AlcsegError",
    "Audit",
    "Case",
    "Correction",
    "Dataset",
    "Evaluation",
    "Predictions",
    "Run",
    "__version__",
    "archive_dataset",
    "audit",
    "benchmark",
    "cache",
    "check",
    "correct",
    "corrupt",
    "demo",
    "doctor",
    "evaluate",
    "export",
    "import_dataset",
    "load",
    "methods",
    "metrics",
    "noise",
    "plan_training",
    "predict",
    "progress",
    "raters",
    "report",
    "review",
    "train",
]

__version__ = "0.1.0"

_HOMES = {
    "AlcsegError": "alcseg.errors",
    "Audit": "alcseg.audited",
    "Case": "alcseg.data.dataset_case",
    "Correction": "alcseg.corrected",
    "Dataset": "alcseg.data.folder",
    "Evaluation": "alcseg.evaluation",
    "Predictions": "alcseg.data.predicted",
    "Run": "alcseg.run",
    "archive_dataset": "alcseg.commands.archive_dataset",
    "audit": "alcseg.commands.audit",
    "benchmark": "alcseg.benchmarking.command",
    "cache": "alcseg.commands.cache",
    "check": "alcseg.commands.check",
    "correct": "alcseg.commands.correct",
    "corrupt": "alcseg.commands.corrupt",
    "demo": "alcseg.commands.demo",
    "doctor": "alcseg.commands.doctor",
    "evaluate": "alcseg.commands.evaluate",
    "export": "alcseg.commands.export",
    "import_dataset": "alcseg.commands.import_dataset",
    "load": "alcseg.inference.arrays",
    "methods": "alcseg.commands.methods",
    "plan_training": "alcseg.commands.train",
    "predict": "alcseg.commands.predict",
    "progress": "alcseg.notebook",
    "raters": "alcseg.commands.raters",
    "report": "alcseg.commands.report",
    "review": "alcseg.reviewing.command",
    "train": "alcseg.commands.train",
}


_ROOMS = ("metrics", "noise")
"""Of functions on arrays."""


if not TYPE_CHECKING:  # a type checker would take it for a promise of any name

    def __getattr__(name):
        if name in _ROOMS:
            return importlib.import_module(f"alcseg.{name}")
        if name not in _HOMES:
            raise AttributeError(f"module 'alcseg' has no attribute '{name}'")
        value = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
