"""`alcseg export`: a run in, a model out that needs neither the run nor, but for `predict`, alcseg."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from alcseg.data.folder import Dataset
from alcseg.data.preprocess import preprocess_images
from alcseg.errors import DataError, UsageError
from alcseg.exporting.agreement import agrees, measure, require_agreement
from alcseg.exporting.bundle import write_bundle
from alcseg.exporting.onnx_file import require_onnx, to_onnx, with_record
from alcseg.exporting.pt2_file import write_pt2
from alcseg.exporting.trace import ANY_SIZE, trace
from alcseg.files import atomic_path
from alcseg.inference.load import load_network
from alcseg.inference.sources import run_hash
from alcseg.listing import has_file
from alcseg.machine import timestamp, versions
from alcseg.outputs import output_folder
from alcseg.records.export import Agreement, ExportRecord, Sizes, TrainedOn
from alcseg.records.plan import Plan
from alcseg.run import Run
from alcseg.texts import read_text

__all__ = ["ExportResult", "Kind", "export"]

logger = logging.getLogger(__name__)

Kind = Literal["pt2", "onnx", "bundle"]
"""What a run becomes: a graph of `torch.export`, an ONNX file, a MONAI bundle."""

_NOISE = "seeded noise"
_SEED = 0


@dataclass(frozen=True)
class ExportResult:
    """What was written.

    Attributes:
        out: The file, or the folder of a bundle.
        to: What it is.
        takes: Windows that the network takes, in words.
        compared_on: Volume on which it was compared with the trained network.
        record: All that the file says of itself.
    """

    out: Path
    to: Kind
    takes: str
    compared_on: str
    record: ExportRecord

    def __fspath__(self) -> str:
        return str(self.out)

    @property
    def differs_by(self) -> str:
        """How far it is from the trained network, in words."""
        found = self.record.agreement
        return (
            f"{found.logits:.2g} in a logit, {found.probabilities:.2g} in a probability, "
            f"{found.labels_differ} of {found.voxels} voxels in the label"
        )


def export(
    run: str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    to: Kind,
    out: str | PathLike[str],
    data: str | PathLike[str] | None = None,
    license: str | PathLike[str] | None = None,
    overwrite: bool = False,
) -> ExportResult:
    """Write the network of a run with its plan, after comparing the two.

    Args:
        run: Run folder of `train`; one.
        to: `pt2`, `onnx` or `bundle`.
        out: File that ends in `.pt2` or `.onnx`, or the folder of a bundle.
        data: Dataset with a case of the run, on which the exported network is compared with the trained one;
            without it, seeded noise of the size of the patch serves.
        license: Text file that becomes the LICENSE of a bundle.
        overwrite: Replace what `out` holds.

    Raises:
        UsageError: If there are several runs, or `out` is taken or does not fit `to`.
        CheckpointError: If the run is none, or has no weights.
        DataError: If the network cannot be exported, or answers otherwise afterwards; nothing is written.
        PackageError: If a package is missing.
    """
    folder, out = Run.open(_one(run)), Path(out)
    _check(to, out, license, overwrite=overwrite)
    if to == "onnx":
        require_onnx()
    text = None if license is None else read_text(Path(license), "a text file")
    network = load_network(folder, "model", "cpu").to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    case, image = _volume(folder, data)
    sizes: Sizes
    if to == "onnx":
        model, sizes, agreement = _onnx(folder, network, image, case)
        record = _record(folder, sizes, agreement)
        with atomic_path(out) as partial:
            partial.write_bytes(with_record(model, record))
    else:
        program = _traced(folder, network, "patch")
        agreement = measure(network, program.module(), image, folder.plan.patch, case)
        require_agreement(agreement)
        record = _record(folder, "patch", agreement)
        if to == "pt2":
            write_pt2(program, record, out)
        else:
            with output_folder(out, overwrite=overwrite, writes=ExportRecord.NAME) as place:
                write_bundle(program, record, place, text)
    return ExportResult(out, to, _in_words(record), case, record)


def _one(run: Any) -> Any:
    """The run, if it is one alone."""
    if isinstance(run, str | PathLike):
        return run
    if len(run) != 1:
        raise UsageError(
            f"expected one run, got {len(run)}. Export each into a file of its own, and average "
            "their probabilities where they are used."
        )
    return run[0]


def _check(to: Kind, out: Path, license: object, *, overwrite: bool) -> None:
    """Refuse what cannot be, before any work."""
    if to not in get_args(Kind):
        raise UsageError(f"--to: expected one of {', '.join(get_args(Kind))}, got '{to}'.")
    if license is not None and to != "bundle":
        raise UsageError(f"--license: expected --to bundle, which has a file for it, got --to {to}.")
    if to == "bundle":
        if out.suffix in (".pt2", ".onnx"):
            raise UsageError(
                f"{out}: expected the name of a folder, got one that ends as a file. Choose another --out."
            )
        return
    if out.suffix != f".{to}":
        raise UsageError(f"{out}: expected a file that ends in .{to}. Choose another --out.")
    if out.is_dir() or (has_file(out) and not overwrite):
        raise UsageError(f"{out}: expected a new file, found one. Choose another --out or pass --overwrite.")


def _volume(folder: Run, data: str | PathLike[str] | None) -> tuple[str, Tensor]:
    """A volume for the comparison, `(C, X, Y, Z)` on the model grid, and its name."""
    plan = folder.plan
    if data is None:
        noise = torch.randn(
            len(plan.channel_names), *plan.patch, generator=torch.Generator().manual_seed(_SEED)
        )
        return _NOISE, noise
    dataset, record = Dataset.open(data), folder.record
    dataset.require_channels(plan.channel_names, folder.path)
    known = {row.case_id for row in dataset.rows}
    own = [case for case in (*record.val_cases, *(record.train_cases or ())) if case in known]
    if not own:
        raise DataError(
            f"{dataset.root}: expected a case that {folder.path} was trained or validated on, found none. "
            "Give the dataset of the run, or leave --data out."
        )
    array, _ = preprocess_images(dataset.read(own[0], with_label=False).images, plan)
    return own[0], torch.from_numpy(array)


def _traced(folder: Run, network: nn.Module, sizes: Sizes) -> ExportedProgram:
    try:
        return trace(network, len(folder.plan.channel_names), folder.plan.patch, sizes)
    except Exception as error:
        raise DataError(
            f"{folder.path}: expected a network that torch.export can trace, but "
            f"{(str(error).splitlines() or [type(error).__name__])[0]:.160} Use the run."
        ) from error


def _onnx(folder: Run, network: nn.Module, image: Tensor, case: str) -> tuple[Any, Sizes, Agreement]:
    """The model with all axes open where that holds, else for windows of the patch."""
    plan = folder.plan
    if folder.settings.network.name in ANY_SIZE:
        try:
            model, run = _session(_traced(folder, network, "any"))
            agreement = measure(network, run, image, plan.patch, case)
            if agrees(agreement) and all(agrees(found) for found in _elsewhere(network, run, plan)):
                return model, "any", agreement
            reason = "its answers differ for other sizes"
        except Exception as error:  # noqa: BLE001 - the exporters raise what they like where they cannot
            reason = f"{(str(error).splitlines() or [type(error).__name__])[0]:.160}"
        logger.warning("windows of the patch's size alone: %s", reason)
    model, run = _session(_traced(folder, network, "patch"))
    agreement = measure(network, run, image, plan.patch, case)
    require_agreement(agreement)
    return model, "patch", agreement


def _session(program: ExportedProgram) -> tuple[Any, Callable[[Tensor], Tensor]]:
    """The ONNX model, and what computes it."""
    from alcseg.inference.onnx_network import OnnxNetwork, open_session

    model = to_onnx(program)
    return model, OnnxNetwork(open_session(model.SerializeToString()))


def _elsewhere(network: nn.Module, run: Callable[[Tensor], Tensor], plan: Plan) -> list[Agreement]:
    """The same for windows of other sizes, which the strides do not divide or do."""
    generator = torch.Generator().manual_seed(_SEED)
    found = []
    for more in ((16, 0, 16), (5, 3, 1)):
        x, y, z = (side + extra for side, extra in zip(plan.patch, more, strict=True))
        noise = torch.randn(len(plan.channel_names), x, y, z, generator=generator)
        found.append(measure(network, run, noise, (x, y, z), _NOISE))
    return found


def _record(folder: Run, sizes: Sizes, agreement: Agreement) -> ExportRecord:
    about, settings = folder.record, folder.settings
    step = next((one for one in reversed(_steps(folder)) if one.val_dice == one.val_dice), None)
    return ExportRecord(
        sizes=sizes,
        plan=folder.plan,
        settings=settings,
        run=folder.path.resolve().name,
        run_hash=run_hash(folder),
        trained_on=TrainedOn(
            dataset=about.dataset,
            cases=len(about.train_cases or ()),
            hq_cases=len(about.hq_cases),
            val_cases=len(about.val_cases),
            val_dice=None if step is None else step.val_dice,
            step=None if step is None else step.step,
            data_hash=about.data_hash,
            finished=about.finished,
        ),
        agreement=agreement,
        versions=versions(),
        exported=timestamp(),
    )


def _steps(folder: Run) -> Sequence[Any]:
    return folder.metrics.steps if has_file(folder.metrics_path) else ()


def _in_words(record: ExportRecord) -> str:
    if record.sizes == "any":
        return "windows of any size, any number at a time"
    x, y, z = record.plan.patch
    return f"windows of {x} x {y} x {z} voxels alone, any number at a time"
