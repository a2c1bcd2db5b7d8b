"""What other libraries call HD95 for the same pair of masks, for docs/reference/elsewhere.md.

    python benchmarks/elsewhere/hd95.py

Runs in the environment of requirements.txt, with `src` on PYTHONPATH, and prints a Markdown table in mm.
"""

import contextlib
import io
import math
import tempfile
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import nibabel as nib
import numpy as np

Spacing = tuple[float, float, float]
Pair = tuple[np.ndarray, np.ndarray, Spacing]
SHAPE = (48, 48, 24)


def box(x: slice, y: slice, z: slice) -> np.ndarray:
    """A box of ones."""
    made = np.zeros(SHAPE, np.uint8)
    made[x, y, z] = 1
    return made


def pairs() -> dict[str, Pair]:
    """Name to prediction, reference and spacing in mm."""
    cube = box(slice(10, 30), slice(10, 30), slice(6, 18))
    moved = box(slice(13, 33), slice(10, 30), slice(6, 18))
    spur = cube | box(slice(30, 44), slice(17, 23), slice(9, 15))  # 14 voxels long, on one side
    small = box(slice(14, 26), slice(14, 26), slice(8, 16))
    edge = box(slice(0, 20), slice(10, 30), slice(6, 18))
    edge_moved = box(slice(0, 23), slice(10, 30), slice(6, 18))
    empty = np.zeros(SHAPE, np.uint8)
    cubic, thick = (1.0, 1.0, 1.0), (1.0, 1.0, 4.0)
    return {
        "equal": (cube, cube, cubic),
        "moved by 3 mm": (moved, cube, cubic),
        "with a spur of 14 mm": (spur, cube, cubic),
        "reference with that spur": (cube, spur, cubic),
        "too small, slices of 4 mm": (small, cube, thick),
        "3 mm too long, both reach the image's edge": (edge_moved, edge, cubic),
        "predicted nothing": (empty, cube, cubic),
        "predicted, but not there": (cube, empty, cubic),
        "neither": (empty, empty, cubic),
    }


def by_alcseg(pred: np.ndarray, ref: np.ndarray, spacing: Spacing) -> float:
    """`alcseg.metrics.hd95`."""
    from alcseg.metrics import hd95

    return hd95(pred > 0, ref > 0, spacing)


def by_alcseg_directed(pred: np.ndarray, ref: np.ndarray, spacing: Spacing) -> float:
    """`alcseg.metrics.hd95_directed`."""
    from alcseg.metrics import hd95_directed

    return hd95_directed(pred > 0, ref > 0, spacing)


def by_medpy(pred: np.ndarray, ref: np.ndarray, spacing: Spacing) -> float:
    """`medpy.metric.binary.hd95`."""
    from medpy.metric.binary import hd95

    return float(hd95(pred, ref, voxelspacing=spacing))


def by_surface_distance(pred: np.ndarray, ref: np.ndarray, spacing: Spacing) -> float:
    """`compute_robust_hausdorff` at 95: surface elements, weighed by their area."""
    import surface_distance

    distances = surface_distance.compute_surface_distances(ref > 0, pred > 0, spacing)
    return float(surface_distance.compute_robust_hausdorff(distances, 95))


def by_monai(pred: np.ndarray, ref: np.ndarray, spacing: Spacing) -> float:
    """`compute_hausdorff_distance(percentile=95)`."""
    import torch
    from monai.metrics import compute_hausdorff_distance

    masks = [torch.from_numpy(np.stack([1 - mask, mask]))[None].float() for mask in (pred, ref)]
    return float(compute_hausdorff_distance(*masks, percentile=95, spacing=spacing)[0, 0])


def by_monai_mean(pred: np.ndarray, ref: np.ndarray, spacing: Spacing) -> float:
    """`HausdorffDistanceMetric(percentile=95)` and its `aggregate`, the mean over cases."""
    import torch
    from monai.metrics import HausdorffDistanceMetric

    masks = [torch.from_numpy(np.stack([1 - mask, mask]))[None].float() for mask in (pred, ref)]
    metric = HausdorffDistanceMetric(include_background=False, percentile=95)
    metric(*masks, spacing=spacing)
    return float(metric.aggregate())


def by_seg_metrics(pred: np.ndarray, ref: np.ndarray, spacing: Spacing) -> float:
    """`write_metrics` on files, metric hd95."""
    from seg_metrics import seg_metrics

    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("pred.nii.gz", "ref.nii.gz")]
        for path, mask in zip(paths, (pred, ref), strict=True):
            nib.Nifti1Image(mask, np.diag([*spacing, 1.0])).to_filename(path)
        found = seg_metrics.write_metrics(
            labels=[1], gdth_path=str(paths[1]), pred_path=str(paths[0]), csv_file=None, metrics=["hd95"]
        )
    return float(found[0]["hd95"][0])


def by_panoptica(pred: np.ndarray, ref: np.ndarray, spacing: Spacing, whole: bool = False) -> float:
    """`Panoptica_Evaluator`, one instance with equal numbers; `whole`: its metric over the map."""
    from panoptica import InputType, Panoptica_Evaluator
    from panoptica.metrics import Metric

    evaluator = Panoptica_Evaluator(
        InputType.MATCHED_INSTANCE, instance_metrics=[Metric.HD95], global_metrics=[Metric.HD95]
    )
    found = evaluator.evaluate(pred, ref, voxelspacing=spacing, verbose=False)["ungrouped"]
    return float(found.global_bin_hd95 if whole else found.sq_hd95)


def by_simpleitk(pred: np.ndarray, ref: np.ndarray, spacing: Spacing) -> float:
    """`HausdorffDistanceImageFilter`, which has no percentile: the maximum over voxels, not surfaces."""
    import SimpleITK

    images = [SimpleITK.GetImageFromArray(mask.transpose()) for mask in (pred, ref)]
    for image in images:
        image.SetSpacing(spacing)
    measured = SimpleITK.HausdorffDistanceImageFilter()
    measured.Execute(*images)
    return float(measured.GetHausdorffDistance())


LIBRARIES: dict[str, tuple[str, Callable[[np.ndarray, np.ndarray, Spacing], float]]] = {
    "ALCSeg `hd95`": ("alcseg", by_alcseg),
    "MedPy": ("medpy", by_medpy),
    "panoptica, instances": ("panoptica", by_panoptica),
    "panoptica, global": ("panoptica", lambda *pair: by_panoptica(*pair, whole=True)),
    "seg-metrics": ("seg-metrics", by_seg_metrics),
    "ALCSeg `hd95_directed`": ("alcseg", by_alcseg_directed),
    "MONAI, per case": ("monai", by_monai),
    "MONAI, `aggregate()`": ("monai", by_monai_mean),
    "surface-distance": ("surface-distance-based-measures", by_surface_distance),
    "SimpleITK, maximum": ("simpleitk", by_simpleitk),
}


def answer(compute: Callable[[np.ndarray, np.ndarray, Spacing], float], pair: Pair) -> str:
    """A cell of the table."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            value = compute(*pair)
    except Exception as error:  # noqa: BLE001  what a library raises is what is asked
        return type(error).__name__
    return f"{value:.2f}" if math.isfinite(value) else str(value)


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    found = pairs()
    print("| library |", " | ".join(found), "|")
    print("|---" * (len(found) + 1) + "|")
    for name, (package, compute) in LIBRARIES.items():
        own = "" if package == "alcseg" else f" {version(package)}"
        print(
            f"| {name}{own} |", " | ".join(answer(compute, pair) for pair in found.values()), "|", flush=True
        )


if __name__ == "__main__":
    main()
