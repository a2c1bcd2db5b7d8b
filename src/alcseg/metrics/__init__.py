"""Metrics of a segmentation: masks in, numbers out; numpy and scipy only.

To add a metric, write a function in the file of its family and add its line to `METRICS`.
"""

from alcseg.metrics.label_noise import ClassNoise, boundary_shift, label_noise
from alcseg.metrics.overlap import dice, jaccard
from alcseg.metrics.pair import ClassScores, Status, evaluate_pair
from alcseg.metrics.registry import METRICS, MaskPair, Metric
from alcseg.metrics.scores import Scores, evaluate
from alcseg.metrics.summary import Summary, differences, holm, paired_test, summarize
from alcseg.metrics.surface import (
    SurfaceDistances,
    asd,
    asd_ref_to_pred,
    assd,
    hd95,
    hd95_directed,
    nsd,
    surface_distances,
)

__all__ = [
    "METRICS",
    "ClassNoise",
    "ClassScores",
    "MaskPair",
    "Metric",
    "Scores",
    "Status",
    "Summary",
    "SurfaceDistances",
    "asd",
    "asd_ref_to_pred",
    "assd",
    "boundary_shift",
    "dice",
    "differences",
    "evaluate",
    "evaluate_pair",
    "hd95",
    "hd95_directed",
    "holm",
    "jaccard",
    "label_noise",
    "nsd",
    "paired_test",
    "summarize",
    "surface_distances",
]
