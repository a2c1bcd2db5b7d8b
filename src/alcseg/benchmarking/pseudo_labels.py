"""How good pseudo-labels are in the course of a training: given, generated and refined against clean.

Fixed LQ patches go through the teacher of every snapshot as in a training step of ALC. Clean labels are read
here, after the training, and by nothing that trains.
"""

from collections.abc import Iterator, Mapping
from math import nan
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from alcseg.commands.progress import track
from alcseg.correction.refine import Refined, refine
from alcseg.data.cache import CachedCase, build_cache, plan_folder
from alcseg.data.cache_limit import CACHE, in_use
from alcseg.data.folder import Dataset
from alcseg.data.nifti import read_grid, read_label
from alcseg.data.preprocess import model_grid, preprocess_label
from alcseg.data.sampling import Patches, StepDataset
from alcseg.data.transforms import Augmentation
from alcseg.errors import DataError
from alcseg.inference.device import pick_device
from alcseg.inference.load import build_method, load_weights
from alcseg.metrics.overlap import dice
from alcseg.records.pseudo_labels import PseudoLabelRow
from alcseg.run import Run
from alcseg.training_methods import Method
from alcseg.training_methods._passes import perturbed_passes
from alcseg.training_methods._selection import least_uncertain, patch_uncertainty
from alcseg.training_methods.alc import ALC

__all__ = ["write_pseudo_labels"]

_BATCHES = 16  # of as many LQ patches as a training step has; intervals are over their cases
_SEED = 0  # one for all runs, so that they are asked about the same patches


def write_pseudo_labels(
    run: Run, folder: Dataset, clean: Path, *, device: str = "auto"
) -> tuple[PseudoLabelRow, ...]:
    """Write into a run the Dice of pseudo-labels of fixed LQ patches for every snapshot of a run.

    `generated` is the label that one unperturbed pass of the teacher gives, `mean` that of the plain average
    of the perturbed passes, `refined` that of the weighted one. Settings that the run's method does not have
    are those of ALC.

    Args:
        run: A finished run with `snapshots`.
        folder: The dataset it was trained on.
        clean: Folder of clean labels of its LQ cases.
        device: `auto`, `cpu`, `cuda` or `cuda:<i>`.

    Raises:
        DataError: If the run kept no snapshots, or labels of the dataset are not complete.
    """
    if folder.incomplete:
        raise DataError(
            f"{folder.root}: expected complete labels to hold pseudo-labels against, found voxels to ignore "
            "or cases with classes_drawn. Benchmark a dataset without them."
        )
    if not run.snapshots:
        raise DataError(f"{run.path}: expected snapshots, found none. Train with trainer.snapshot_every.")
    where = pick_device(device)
    plan = run.plan
    method, classes = build_method(run.settings, plan), plan.num_classes
    settings: dict[str, Any] = dict(ALC().settings) | dict(method.settings)
    cache = Path(run.settings.data.cache or run.path.parent / CACHE)
    with in_use(plan_folder(cache, plan)):  # trainings side by side may prune it
        batches = list(_batches(run, folder, clean, cache))
    rows = []
    for step, snapshot in track(run.snapshots.items(), "Asking snapshots", len(run.snapshots)):
        networks = load_weights(method, run, where, snapshot)
        network = networks.get("teacher", networks["model"])
        for number, (patches, truth) in enumerate(batches):
            image = patches.image.to(where)
            with torch.no_grad():
                generated = network(image).argmax(1).cpu().numpy()
            refined = _refine(network, method, patches, where, settings)
            score = patch_uncertainty(refined, region=settings["uncertainty_region"]).cpu()
            selected, _ = least_uncertain(score, settings["select_fraction"])
            labels = {
                "given": patches.label.numpy(),
                "generated": generated,
                "mean": refined.mean.argmax(1).cpu().numpy(),
                "refined": refined.label.cpu().numpy(),
            }
            for slot in range(len(patches)):
                quality = {
                    name: _foreground_dice(label[slot], truth[slot], classes)
                    for name, label in labels.items()
                }
                rows.append(
                    PseudoLabelRow(
                        step=step,
                        patch=number * len(patches) + slot,
                        case_id=patches.case_ids[slot],
                        selected=int(slot in selected.tolist()),
                        uncertainty=float(score[slot]),
                        **quality,
                    )
                )
    PseudoLabelRow.write(run.path, rows)
    return tuple(rows)


def _refine(
    network: nn.Module, method: Method, patches: Patches, device: torch.device, settings: Mapping[str, Any]
) -> Refined:
    """T perturbed passes as in a training step, the same noise for every snapshot."""
    on_device = Patches(
        patches.image.to(device), patches.label.to(device), patches.case_ids, patches.slots.to(device)
    )
    std, clip = settings["noise_std"], settings["noise_clip"]
    with torch.random.fork_rng():
        torch.manual_seed(_SEED)
        passes = perturbed_passes(method, network, on_device, settings["passes"], std=std, clip=clip)
    return refine(
        passes,
        weighting=settings["weighting"],
        temperature=settings["temperature"],
        uncertainty=settings["uncertainty"],
    )


def _batches(
    run: Run, folder: Dataset, clean: Path, cache: Path
) -> Iterator[tuple[Patches, NDArray[np.int64]]]:
    """The patches with given labels, and the clean labels of the same voxels, `(B, X, Y, Z)`."""
    plan, data = run.plan, run.settings.data
    rows = folder.rows_where(split="train", quality="lq")
    cases = build_cache(folder, rows, plan, cache)

    def drawn(cases: list[CachedCase]) -> StepDataset:
        return StepDataset(
            {"lq": cases},
            {"lq": data.lq_batch or 0},
            plan.patch,
            Augmentation((), None, 0.0, 0.0),
            seed=_SEED,
        )

    given = [drawn(cases)[step]["lq"] for step in range(_BATCHES)]
    needed = {case_id for patches in given for case_id in patches.case_ids}
    with TemporaryDirectory() as temporary:
        cleaned = []
        for case in cases:
            path = Path(temporary) / f"{case.case_id}.npy"
            if case.case_id in needed:
                grid = model_grid(*read_grid(folder.image_paths(case.case_id)[0]), plan)
                label = read_label(clean / f"{case.case_id}{folder.file_ending}")
                np.save(path, preprocess_label(label, plan, grid))
            cleaned.append(CachedCase(case.case_id, case.quality, case.stem, case.source_hash, path))
        truths = drawn(cleaned)
        for step, patches in enumerate(given):
            yield patches, truths[step]["lq"].label.numpy()


def _foreground_dice(label: NDArray[Any], truth: NDArray[Any], num_classes: int) -> float:
    """Mean over the classes that either holds; nan if neither holds any."""
    found = [dice(label == value, truth == value) for value in range(1, num_classes)]
    known = [value for value in found if not np.isnan(value)]
    return sum(known) / len(known) if known else nan
