"""Files that were copied badly, cut, replaced or taken away."""

import random
from pathlib import Path

import nibabel as nib
import numpy as np

from accidents.trial import BAD_DATA, COMMANDS, DAMAGED, WRONG_USE, Trial
from fuzz.spoiling import BYTES, PLACES

FILES = {
    "import": ("plain/images/scan3.nii.gz", "plain/labels/scan3.nii.gz"),
    "import phantoms": ("phantoms/dataset.json", "phantoms/cases.csv"),
    "import msd": ("msd/dataset.json", "msd/imagesTr/m1.nii.gz"),
    "import h5": ("h5/scan1.h5", "h5/train.list"),
    "import nrrd": ("nrrd/Training Set/S1/lgemri.nrrd", "nrrd/Training Set/S1/laendo.nrrd"),
    "import dicom": ("dicom/P1/T1/2.dcm",),
    "check": ("noisy/imagesTr/phantom_003_0000.nii.gz", "noisy/labelsTr/phantom_003.nii.gz", "noisy/dataset.json", "noisy/cases.csv"),
    "corrupt": ("phantoms/labelsTr/phantom_004.nii.gz", "phantoms/cases.csv"),
    "dry run": ("noisy/imagesTr/phantom_003_0000.nii.gz", "noisy/cases.csv"),
    "resume": ("half/run.json", "half/plan.json", "half/config.yaml", "half/metrics.csv", "half/checkpoints/last.ckpt"),
    "audit": ("audit/audit.json", "audit/folds/round-1/fold-0/run/plan.json", "audit/fingerprint.csv"),
    "predict": ("new/new1.nii.gz", "run/run.json", "run/plan.json", "run/config.yaml", "run/model.safetensors"),
    "predict h5": ("h5/scan1.h5",),
    "predict dicom": ("dicom/P1/T1/2.dcm",),
    "predict list": ("lists/cases.csv", "lists/cases.txt"),
    "correct": ("noisy/labelsTr/phantom_004.nii.gz", "run/teacher.safetensors", "run/plan.json"),
    "evaluate": ("predictions/phantom_008.nii.gz", "noisy/labelsTs/phantom_008.nii.gz", "predictions/predict.json"),
    "report": ("bench/plan.yaml", "bench/datasets/few/noise.json", "bench/runs/few/h_sup/seed-0/record.json", "bench/runs/few/h_sup/seed-0/eval/per_case.csv"),
    "report of a run": ("run/metrics.csv", "run/run.json", "run/config.yaml"),
    "review --export": ("correction/ranking.csv", "correction/labelsGiven/phantom_004.nii.gz", "book/book.sqlite"),
    "review --import": ("exported/decisions.jsonl",),
}  # fmt: skip
MORE = {
    "import phantoms": "import {phantoms} {out}",
    "import msd": "import {msd} {out}",
    "import h5": "import {h5} {out} --spacing 2 2 2",
    "import nrrd": "import {nrrd} {out}",
    "import dicom": "import {dicom} {out}",
    "predict h5": "predict {run} {h5} --out {out} --device cpu",
    "predict dicom": "predict {run} {dicom} --out {out} --device cpu",
    "predict list": "predict {run} {lists}/FILE --out {out} --device cpu",
    "review --import": "review {correction} --import {exported} --book {book}/book.sqlite",
}
WRITES = {
    "resume": ("half",), "audit": ("audit",), "benchmark": ("bench",), "review --import": ("book",), "review --export": ("book/book.sqlite-",),
    "review --apply": ("book/book.sqlite-",),
}  # fmt: skip
DRAWS = ("one bit flipped", "cut somewhere", "a block of zeros")
"""What is tried twice, since it depends on where."""


def trials(rng: random.Random) -> list[Trial]:
    """Every file in every way."""
    found: list[Trial] = []
    for form, files in FILES.items():
        for name in files:
            words = tuple((COMMANDS | MORE)[form].replace("FILE", name.rpartition("/")[2]).split())
            for how in (*BYTES, *DRAWS):
                again = (
                    " again"
                    if f"{form}: {name} {how}" in {f"{one.verb}: {one.name}" for one in found}
                    else ""
                )
                # what may read as other settings than those of the command
                another = WRONG_USE if name == "half/config.yaml" else frozenset()
                trial = Trial(
                    form,
                    f"{name} {how}{again}",
                    words,
                    DAMAGED | another,
                    _bytes(name, how),
                    WRITES.get(form, ()),
                    _same(form, name),
                )
                found.append(trial)
            for how in PLACES:
                codes = BAD_DATA | ({3} if form.startswith(("predict", "audit")) else set())
                if how == "gone" or name == "audit/audit.json":  # which an audit writes, and does not read
                    codes = DAMAGED
                if (name, how) == ("half/config.yaml", "gone"):  # then it is the folder of something else
                    codes = WRONG_USE
                found.append(
                    Trial(
                        form,
                        f"{name} is {how}",
                        words,
                        frozenset(codes),
                        _place(name, how),
                        WRITES.get(form, ()),
                    )
                )
    return [
        one._replace(verb=one.verb.split()[0] if one.verb.split()[0] in ("import", "predict") else one.verb)
        for one in found
    ]


def _bytes(name: str, how: str):
    def spoil(root: Path, rng: random.Random) -> None:
        path = root / name
        path.write_bytes(BYTES[how](path.read_bytes(), rng))

    return spoil


def _place(name: str, how: str):
    return lambda root, rng: PLACES[how](root / name)


def _same(form: str, name: str):
    """That a scan which was taken over has the voxels that it had before it was damaged."""
    if form != "import" or not name.endswith(".nii.gz"):
        return lambda root, stage: ""

    def look(root: Path, stage: Path) -> str:
        new = [path for path in (root / "out").rglob("scan3*") if ("label" in str(path)) == ("label" in name)]
        good = np.asarray(nib.load(stage / name).dataobj)
        same = len(new) == 1 and np.array_equal(np.asarray(nib.load(new[0]).dataobj), good)
        return "" if same else "other voxels than before the damage"

    return look
