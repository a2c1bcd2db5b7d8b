"""How good pseudo-labels are in the course of a training: given, generated and refined against clean.

Fixed LQ patches go through the teacher of every snapshot as in a training step of ALC. Clean labels are read
here, after the training, and by nothing that trains.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from alcseg.commands.progress import track
from alcseg.correction.refine import Refined, refine
from alcseg.data.cache import CachedCase, build_cache
from alcseg.data.folder import DatasetFolder
from alcseg.data.nifti import read_label
from alcseg.data.preprocess import preprocess_images, preprocess_label
from alcseg.data.sampling import Patches, StepDataset
from alcseg.data.transforms import Augmentation
from alcseg.errors import DataError
from alcseg.files import write_text
from alcseg.inference.device import pick_device
from alcseg.inference.load import build_method, load_weights
from alcseg.methods import Method
from alcseg.methods._selection import least_uncertain, patch_uncertainty
from alcseg.methods.alc import ALC
from alcseg.methods.base import batch_statistics
from alcseg.metrics.overlap import dice
from alcseg.run import Run

__all__ = ["write_pseudo_labels"]

_BATCHES = 4  # of as many LQ patches as a training step has
_SEED = 0  # one for all runs, so that they are asked about the same patches
_COLUMNS = (
    "step",
    "patch",
    "case_id",
    "selected",
    "uncertainty",
    "dice_given",
    "dice_generated",
    "dice_mean",
    "dice_refined",
)


def write_pseudo_labels(
    run: Run, folder: DatasetFolder, clean: Path, out: Path, *, device: str = "auto"
) -> None:
    """Write the Dice of pseudo-labels of fixed LQ patches for every snapshot of a run.

    `generated` is the label that one unperturbed pass of the teacher gives, `mean` that of the plain average
    of the perturbed passes, `refined` that of the weighted one. Settings that the run's method does not have
    are those of ALC.

    Args:
        run: A finished run with `snapshots`.
        folder: The dataset it was trained on.
        clean: Folder of clean labels of its LQ cases.
        out: The table, one line per snapshot and patch; `selected` are the K least uncertain of a batch.
        device: `auto`, `cpu`, `cuda` or `cuda:<i>`.

    Raises:
        DataError: If the run kept no snapshots.
    """
    if not run.snapshots:
        raise DataError(f"{run.path}: expected snapshots, found none. Train with trainer.snapshot_every.")
    where = pick_device(device)
    method = build_method(run.settings, run.plan)
    settings: dict[str, Any] = dict(ALC().settings) | dict(method.settings)
    batches = list(_batches(run, folder, clean))
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
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
                row: dict[str, Any] = {
                    "step": step,
                    "patch": number * len(patches) + slot,
                    "case_id": patches.case_ids[slot],
                    "selected": int(slot in selected.tolist()),
                    "uncertainty": f"{float(score[slot]):.6g}",
                }
                for name, label in labels.items():
                    row[f"dice_{name}"] = _foreground_dice(label[slot], truth[slot], run.plan.num_classes)
                writer.writerow(row)
    write_text(out, text.getvalue())


def _refine(
    network: nn.Module, method: Method, patches: Patches, device: torch.device, settings: Mapping[str, Any]
) -> Refined:
    """T perturbed passes as in a training step, the same noise for every snapshot."""
    passes = []
    on_device = Patches(
        patches.image.to(device), patches.label.to(device), patches.case_ids, patches.slots.to(device)
    )
    with batch_statistics(network), torch.random.fork_rng():
        torch.manual_seed(_SEED)
        for t in range(settings["passes"]):
            noise = method.input_noise(
                on_device, f"pass-{t}", std=settings["noise_std"], clip=settings["noise_clip"]
            )
            passes.append(network(on_device.image + noise).float().log_softmax(1))
    return refine(
        passes,
        weighting=settings["weighting"],
        temperature=settings["temperature"],
        uncertainty=settings["uncertainty"],
    )


def _batches(run: Run, folder: DatasetFolder, clean: Path) -> Iterator[tuple[Patches, NDArray[np.int64]]]:
    """The patches with given labels, and the clean labels of the same voxels, `(B, X, Y, Z)`."""
    plan, data = run.plan, run.settings.data
    rows = folder.select(split="train", quality="lq")
    cache = Path(data.cache or run.path.parent / ".alcseg-cache")
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
                source = folder.read(case.case_id, with_label=False)
                _, grid = preprocess_images(source.images, plan)
                label = read_label(clean / f"{case.case_id}{folder.file_ending}")
                np.save(path, preprocess_label(label, plan, grid))
            cleaned.append(CachedCase(case.case_id, case.quality, case.stem, case.source_hash, path))
        truths = drawn(cleaned)
        for step, patches in enumerate(given):
            yield patches, truths[step]["lq"].label.numpy()


def _foreground_dice(label: NDArray[Any], truth: NDArray[Any], num_classes: int) -> str:
    """Mean over the classes that either holds; empty if neither holds any."""
    found = [dice(label == value, truth == value) for value in range(1, num_classes)]
    known = [value for value in found if not np.isnan(value)]
    return f"{sum(known) / len(known):.6g}" if known else ""
