"""`alcseg predict`: a trained run and images in, label maps on the images' own grids out."""

import logging
import os
import time
from collections.abc import Mapping, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, get_args

import numpy as np

from alcseg.case_ids import output_names, require_apart_outputs
from alcseg.commands._going_on import PredictionsOnTheWay, place_for, require_free_or_begun, source_hash
from alcseg.commands._part_jobs import count_parts, predict_in_jobs
from alcseg.commands._parts import choose_part
from alcseg.commands.progress import track
from alcseg.data.case import Volume
from alcseg.data.dataset_case import Case
from alcseg.data.formats.output import LabelOutput
from alcseg.data.predicted import Predictions
from alcseg.data.readers.base import SourceCase
from alcseg.data.readers.inputs import find_inputs
from alcseg.data.writer import write_map
from alcseg.errors import DataError, PackageError, UsageError
from alcseg.inference.device import pick_device
from alcseg.inference.ensemble import Ensemble, open_sources
from alcseg.inference.sliding_window import require_window
from alcseg.launching import LauncherName
from alcseg.machine import peak_memory_mib, timestamp, versions
from alcseg.outputs import require_free
from alcseg.records.correction import Perturbation
from alcseg.records.plan import Plan
from alcseg.records.predictions import Network, OtherRun, PredictedCase, PredictionRecord
from alcseg.run import Run
from alcseg.seeds import require_seed
from alcseg.types import EngineName, Window

__all__ = ["predict"]

logger = logging.getLogger(__name__)

_PASSES = 4  # perturbed ones, for an uncertainty


def predict(
    run: str | PathLike[str],
    inputs: str | PathLike[str] | Case | Sequence[str | PathLike[str] | Case],
    *,
    out: str | PathLike[str],
    others: Sequence[str | PathLike[str]] = (),
    uncertainty: bool = False,
    probabilities: bool = False,
    window: Window = "gaussian",
    network: Network = "auto",
    passes: int = _PASSES,
    seed: int = 0,
    device: str = "auto",
    engine: EngineName = "auto",
    as_format: str = "nifti",
    series: str | PathLike[str] | None = None,
    labelmap: bool = False,
    num_parts: int | None = None,
    part_id: int | None = None,
    launcher: LauncherName = "local",
    jobs: int | None = None,
    slurm: Sequence[str] = (),
    overwrite: bool = False,
) -> Predictions:
    """Predict every case that `inputs` name; a case that fails is recorded and the others go on.

    Args:
        run: Run folder of `train`, or what `export` made of one: a `.pt2` or `.onnx` file, or a bundle.
        inputs: One or several: files, folders, glob patterns, `.txt` or `.csv` lists, DICOM series folders,
            dataset folders, of which the images of test cases are taken, or cases of a `Dataset`.
        out: Folder for `<case>.nii.gz`, or what `as_format` says, and `predict.json`; must be new or
            empty, or hold what an earlier call of the same kind has finished: that stays, and the others are
            predicted.
        others: Further runs or exports of the same classes and channels; what is written is of the mean of
            all probabilities.
        uncertainty: Also write `<case>_uncertainty.nii.gz`, float32: what the network itself states, in 0
            to 1 (`tbrats`: 1 where no class has evidence), or for all other methods the divergence of
            perturbed passes as in `correct`.
        probabilities: Also write `<case>_prob.nii.gz`, float32, `(X, Y, Z, K)` in the order of the plan's
            labels.
        window: `gaussian`, or `lineage` as in the public UA-MT test code.
        network: `student`, `teacher`, or `auto` for what the method says.
        passes: Perturbed passes for `uncertainty`, where it needs any.
        seed: Of the perturbations.
        device: `auto`, `cpu`, `cuda` or `cuda:<i>`.
        engine: What computes predictions: `auto`, `fastest`, `torch`, `folded` or `openvino`; labels differ
            by rounding alone. On a CPU `fastest` is OpenVINO where it is installed, and no training should
            follow that in one process: it can crash the interpreter.
        as_format: Format of the label maps, of `alcseg.data.formats.output.OUTPUTS`; other maps are NIfTI.
        series: With `dicom-seg`, folder of the DICOM series that the images were made of; not needed where
            the series are the inputs.
        labelmap: With `dicom-seg`, write the type LABELMAP instead of BINARY.
        num_parts: Share the cases, sorted by name, out to so many parts.
        part_id: Predict only this part of them, from 0, into the same `out` as the others: every
            `num_parts`-th case from the `part_id`-th on. `predict.json` is done when all cases are there.
            Without it all parts are predicted, as jobs.
        launcher: Where such jobs run: `local`, or `slurm` through submitit.
        jobs: Jobs side by side, and as many parts where `num_parts` is not given; None: one per GPU, else
            one. A single one runs in this process.
        slurm: `KEY=VALUE` options of the jobs, such as `partition=gpu`.
        overwrite: Replace the predictions that the folder holds, when all new ones are there; other files
            stay.

    Raises:
        UsageError: If an option is wrong, networks do not go together, the folder holds other files, or an
            output would replace an input.
        DataError: If nothing was found, or every case failed; a part of which every case failed just says so.
        PackageError: If the files of every case need a package that is not installed.
        ResourceError: If the folder cannot be made.
    """
    require_seed(seed)
    require_window(window)
    if not uncertainty and passes != _PASSES:
        raise UsageError(f"--passes: expected --uncertainty beside it, got {passes} alone. Leave it out.")
    if uncertainty and passes < 2:
        raise UsageError(f"--passes: expected at least 2 for an uncertainty, got {passes}.")
    part = choose_part(num_parts, part_id, overwrite=overwrite)
    count = count_parts(num_parts, part_id, launcher=launcher, jobs=jobs, slurm=slurm)
    sources, out = open_sources(run, others), Path(out)
    source = sources[0]
    if uncertainty:
        if others:
            raise UsageError("--uncertainty: is that of one network. Leave out --with, or --uncertainty.")
        source.require_uncertainty()
    given = [inputs] if isinstance(inputs, str | PathLike | Case) else inputs
    cases = find_inputs(given, channels=source.plan.channel_names)
    kinds = ["label", *(["prob"] if probabilities else []), *(["uncertainty"] if uncertainty else [])]
    written = LabelOutput.of(
        as_format,
        source.plan.labels,
        {case.case_id: case.images[0] for case in cases},
        series=None if series is None else Path(series),
        labelmap=labelmap,
    )
    outputs = {
        case.case_id: {**output_names(case.case_id, kinds), "label": written.file_name(case.case_id)}
        for case in cases
    }
    _check_output(out, cases, outputs, overwrite=overwrite)
    where = pick_device(device)
    computed_by = [one.engine(engine, where) for one in sources]
    if network not in get_args(Network):
        raise UsageError(f"--network: expected auto, student or teacher, got '{network}'.")
    if count is not None:
        choose_part(count, None, overwrite=overwrite)
        anew = partial(
            predict,
            _bare(run),
            given,
            out=out,
            others=[_bare(other) for other in others],
            uncertainty=uncertainty,
            probabilities=probabilities,
            window=window,
            network=network,
            passes=passes,
            seed=seed,
            engine=engine,
            as_format=as_format,
            series=series,
            labelmap=labelmap,
        )
        record = predict_in_jobs(
            anew, out, min(count, len(cases)), launcher=launcher, jobs=jobs, slurm=slurm, device=device
        )
        return Predictions(out, record)
    ensemble = Ensemble.load(sources, where, network=network, window=window, engine=engine)
    settings = source.settings.method.settings
    how = Perturbation.like_method(settings, passes=passes, seed=seed) if uncertainty else None
    asked = PredictionRecord(
        status="predicting",
        versions=versions(),
        run=str(source.path),
        run_hash=source.hash,
        method=source.settings.method.name,
        others=tuple(
            OtherRun(run=str(one.path), run_hash=one.hash, method=one.settings.method.name)
            for one in sources[1:]
        ),
        network=network,
        window=window,
        probabilities=probabilities,
        perturbation=how,
        device=str(where),
        engine=", ".join(dict.fromkeys(computed_by)),
        label_format=written.described,
        started=timestamp(),
        labels=source.plan.labels,
    )
    names = [case.case_id for case in cases]
    if part is not None:
        cases = part.of(cases)
    errors = []
    with place_for(out, overwrite=overwrite, part=part) as place:
        going = PredictionsOnTheWay(place, asked, names, part)
        try:
            for case in track(cases, "Predicting cases"):
                begun, files = time.perf_counter(), ""
                try:
                    files = source_hash(case)
                    if going.finished(case.case_id, files):
                        going.add(case.case_id, going.earlier[case.case_id])
                        continue
                    entry = _predict_case(ensemble, case, place, outputs[case.case_id], how, written)
                except (DataError, PackageError) as error:
                    logger.warning("case '%s' failed: %s", case.case_id, error)
                    errors.append(error)
                    entry = PredictedCase(status="failed", error=str(error))
                about = {
                    "source_hash": files,
                    "inputs": tuple(str(path) for path in case.images),
                    "time_s": round(time.perf_counter() - begun, 3),
                }
                going.add(case.case_id, entry.model_copy(update=about))
        except BaseException:
            going.end(done=False)
            raise
        written.finish(place)
        record = going.end(peak_memory_mib(), done=True)
    if part is None and len(errors) == len(cases):
        others = f" (all {len(errors)} cases failed; see {record.path(out)})" if len(errors) > 1 else ""
        raise type(errors[0])(f"{errors[0]}{others}")
    return Predictions(out, record)


def _bare(run: str | PathLike[str]) -> str | Run:
    """What a job opens anew: without what was loaded of it here."""
    return Run(run.path, run.stage) if isinstance(run, Run) else os.fspath(run)


def _predict_case(
    ensemble: Ensemble,
    case: SourceCase,
    out: Path,
    names: Mapping[str, str],
    how: Perturbation | None,
    written: LabelOutput,
) -> PredictedCase:
    """Write the files of one case and say what they are."""
    images = case.read().images
    like = images[0]
    answer = ensemble.predict(images)
    label = answer.label()
    found = PredictedCase(
        status="ok",
        label=names["label"],
        probabilities=names.get("prob"),
        uncertainty=names.get("uncertainty"),
        volume_mm3=_volumes(label, like, ensemble.predictors[0].plan),
    )
    if found.probabilities is not None:
        write_map(out / found.probabilities, np.moveaxis(answer.source_probabilities(), 0, -1), like)
    if found.uncertainty is not None and how is not None:
        del answer  # T passes need its room
        (predictor,) = ensemble.predictors
        doubt = predictor.uncertainty(predictor.prepare(images), case.case_id, how, out)
        write_map(out / found.uncertainty, doubt, like)
    written.write(out, case.case_id, label, like)
    return found


def _volumes(label: np.ndarray[Any, Any], like: Volume, plan: Plan) -> dict[str, float]:
    """Volume per foreground class, mm^3."""
    named = list(plan.labels.items())
    return {name: round(like.voxel_mm3 * int((label == value).sum()), 3) for name, value in named[1:]}


def _check_output(
    out: Path, cases: Sequence[SourceCase], outputs: Mapping[str, Mapping[str, str]], *, overwrite: bool
) -> None:
    """Refuse a folder in use and outputs that would replace inputs or each other, before any work."""
    require_apart_outputs({case_id: names.values() for case_id, names in outputs.items()})
    if overwrite:
        require_free(out, overwrite=True, writes=PredictionRecord.NAME)
    else:
        require_free_or_begun(out)
    sources = {path.resolve() for case in cases for path in case.images}
    if out.resolve() in sources | {path.parent for path in sources}:
        raise UsageError(
            f"{out}: expected an output folder apart from the inputs, found inputs in it. "
            "Choose another --out."
        )
    for name in (name for names in outputs.values() for name in names.values()):
        target = (out / name).resolve()
        if target in sources:
            raise UsageError(f"{target}: this output would replace an input. Choose another --out folder.")
