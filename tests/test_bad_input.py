"""Bad input through the command line: the exit code, one line that helps, and nothing half-written."""

import csv
import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
import pytest

from alcseg.testing.readers import contents

pytestmark = pytest.mark.integration

AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])
CASES = ("hq_0", "hq_1", "lq_0", "val_0")
TRAIN = (
    "--method",
    "h_sup",
    "--device",
    "cpu",
    "--set",
    "network.filters=2",
    "data.patch=[16,16,16]",
    "data.hq_batch=2",
    "data.lq_batch=2",
    "trainer.steps=1",
    "trainer.validate_every=0",
    "trainer.precision=32",
)


def save(path: Path, array: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, affine), path)


def load(path: Path) -> np.ndarray:
    return np.asanyarray(nib.load(path).dataobj)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset folder without fault: four cases of 20 x 18 x 17 voxels, one lq, one for validation."""
    root = tmp_path_factory.mktemp("sound") / "data"
    rng = np.random.default_rng(0)
    for number, case_id in enumerate(CASES):
        truth = np.zeros((20, 18, 17), np.uint8)
        truth[4:13, 5:12, 3 + number : 12] = 1
        image = (truth + rng.normal(0, 0.2, truth.shape)).astype(np.float32)
        save(root / f"imagesTr/{case_id}_0000.nii.gz", image)
        save(root / f"labelsTr/{case_id}.nii.gz", truth)
    write_table(root, {})
    meta = {
        "name": "tiny",
        "channel_names": {"0": "MRI"},
        "labels": {"background": 0, "organ": 1},
        "numTraining": len(CASES),
        "file_ending": ".nii.gz",
    }
    (root / "dataset.json").write_text(json.dumps(meta))
    return root


def write_table(root: Path, changes: dict[str, str], extra: tuple[str, ...] = ()) -> None:
    """`cases.csv`; `changes` gives some cases another quality."""
    with (root / "cases.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["case_id", "quality", "split"])
        for case_id in (*CASES, *extra):
            quality = changes.get(case_id, "lq" if case_id.startswith("lq") else "hq")
            table.writerow([case_id, quality, "val" if case_id.startswith("val") else "train"])


@pytest.fixture
def data(sound: Path, tmp_path: Path) -> Path:
    """A copy of the sound dataset, to be spoiled."""
    return Path(shutil.copytree(sound, tmp_path / "data"))


@pytest.fixture(scope="module")
def trained(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Run folders of one step on the sound dataset, made once for each method."""
    from alcseg.cli import main

    folder = tmp_path_factory.mktemp("runs")

    def train(method: str = "h_sup") -> Path:
        run = folder / method
        if not run.exists():
            words = ["train", sound, *TRAIN, "--method", method, "--out", run, "-q"]
            assert main([str(word) for word in words]) == 0
        return run

    return train


def assert_one_line(result: NamedTuple, code: int, *parts: str) -> None:
    """Exit code, and a last line of stderr with all parts; what came before it is progress or a warning."""
    lines = result.err.strip().splitlines()
    assert result.code == code, result.err
    assert result.out == ""
    assert "Traceback" not in result.err
    errors = [line for line in lines if line.split(":")[0].endswith("Error")]
    assert errors == lines[-1:], result.err
    for part in parts:
        assert part in errors[0]


def shifted(mm: float) -> np.ndarray:
    affine = AFFINE.copy()
    affine[2, 3] = mm
    return affine


def spoil_label(change: Callable[[np.ndarray], np.ndarray], affine: np.ndarray = AFFINE):
    def spoil(root: Path) -> None:
        path = root / "labelsTr/hq_0.nii.gz"
        save(path, change(load(path)), affine)

    return spoil


def spoil_image(change: Callable[[np.ndarray], np.ndarray]):
    def spoil(root: Path) -> None:
        path = root / "imagesTr/hq_0_0000.nii.gz"
        save(path, change(load(path)))

    return spoil


def with_nan(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array[0, 0, :3] = np.nan
    return array


def truncate(name: str):
    def spoil(root: Path) -> None:
        path = root / name
        path.write_bytes(path.read_bytes()[:-50])

    return spoil


def remove(name: str):
    return lambda root: (root / name).unlink()


def empty_labels(root: Path) -> None:
    for path in (root / "labelsTr").iterdir():
        save(path, np.zeros_like(load(path)))


FAULTS = {
    "label moved by 3 mm": (
        spoil_label(lambda label: label, shifted(3.0)),
        ("GeometryError", "case 'hq_0'", "labelsTr/hq_0.nii.gz", "3 mm apart", "check DATASET --fix"),
    ),
    "label mirrored": (
        spoil_label(lambda label: label, np.diag([-1.0, 1.0, 2.0, 1.0])),
        ("GeometryError", "case 'hq_0'", "axes LAS instead of RAS", "mm apart", "Resample"),
    ),
    "label of another shape": (
        spoil_label(lambda label: label[:10]),
        ("GeometryError", "case 'hq_0'", "(10, 18, 17)", "(20, 18, 17)", "Resample"),
    ),
    "truncated image": (
        truncate("imagesTr/hq_0_0000.nii.gz"),
        ("DataError", "imagesTr/hq_0_0000.nii.gz", "expected a whole NIfTI file", "Copy or export it again"),
    ),
    "truncated label": (
        truncate("labelsTr/hq_0.nii.gz"),
        ("DataError", "labelsTr/hq_0.nii.gz", "expected a whole NIfTI file", "Copy or export it again"),
    ),
    "fractional label": (
        spoil_label(lambda label: label * np.float32(0.5)),
        ("LabelError", "labelsTr/hq_0.nii.gz", "whole-number labels", "found 0.5 in 567 voxels", "Round"),
    ),
    "value without a name": (
        spoil_label(lambda label: label * np.uint8(255)),
        ("LabelError", "labelsTr/hq_0.nii.gz", "255 in 567 voxels", "--label-map 255=1"),
    ),
    "listed case without files": (
        lambda root: write_table(root, {}, ("gone",)),
        ("DataError", "cases.csv", "found none for gone", "Restore the files or remove the lines"),
    ),
    "label missing and not declared": (
        remove("labelsTr/hq_0.nii.gz"),
        ("DataError", "labelsTr/hq_0.nii.gz", "found none", "quality of 'hq_0' to unlabeled"),
    ),
    "no hq case": (
        lambda root: write_table(root, {"hq_0": "lq", "hq_1": "lq"}),
        ("DataError", "quality 'hq'", "found none", "quality column of cases.csv"),
    ),
    "image with NaN": (
        spoil_image(with_nan),
        ("DataError", "imagesTr/hq_0_0000.nii.gz", "3 NaN or infinite voxels of 6120", "leave the case out"),
    ),
    "constant image": (
        spoil_image(np.ones_like),
        ("DataError", "imagesTr/hq_0_0000.nii.gz", "the value 1 everywhere", "leave the case out"),
    ),
    "all labels empty": (
        empty_labels,
        ("LabelError", "expected foreground in the training labels", "2 cases", "labelsTr"),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_train_refuses_and_leaves_no_run(fault, data, tmp_path, alcseg):
    spoil, parts = FAULTS[fault]
    spoil(data)
    result = alcseg("train", data, *TRAIN, "--out", tmp_path / "run", "-q")
    assert_one_line(result, 4, *parts)
    assert not (tmp_path / "run").exists()
    assert not [path for path in tmp_path.rglob("*") if "partial" in path.name]


CHECKED = {name: fault for name, fault in FAULTS.items() if name != "no hq case"}


@pytest.mark.parametrize("fault", CHECKED)
def test_check_grades_the_same_faults(fault, data, alcseg):
    spoil, _ = CHECKED[fault]
    spoil(data)
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    result = alcseg("check", data, "--json")
    report = json.loads(result.out)
    repairable = fault == "label moved by 3 mm"
    assert report["grade"] == ("repairable" if repairable else "fatal")
    assert result.code == 4
    assert {path: path.read_bytes() for path in before} == before


IMPORTED = (
    "label mirrored",
    "label of another shape",
    "truncated image",
    "truncated label",
    "fractional label",
    "value without a name",
    "listed case without files",
    "image with NaN",
    "constant image",
)


@pytest.mark.parametrize("fault", IMPORTED)
def test_import_refuses_and_writes_nothing(fault, data, tmp_path, alcseg):
    spoil, parts = FAULTS[fault]
    spoil(data)
    assert_one_line(alcseg("import", data, tmp_path / "new", "-q"), 4, *parts[:2])
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_predict_refuses_a_case_and_says_so(trained, data, tmp_path, alcseg):
    image = data / "imagesTr/hq_0_0000.nii.gz"
    truncate("imagesTr/hq_0_0000.nii.gz")(data)
    result = alcseg("predict", trained(), image, "--out", tmp_path / "one", "--device", "cpu", "-q")
    assert_one_line(result, 4, "DataError", str(image), "expected a whole NIfTI file")
    assert not list((tmp_path / "one").glob("*.nii.gz"))
    result = alcseg("predict", trained(), data / "imagesTr", "--out", tmp_path / "all", "--device", "cpu")
    assert result.code == 3
    assert "hq_0" in result.out
    assert "expected a whole NIfTI file" in result.out
    assert len(list((tmp_path / "all").glob("*.nii.gz"))) == 3


@pytest.mark.parametrize("verb", ["import", "predict"])
@pytest.mark.parametrize("fault", ["two series", "missing slice"])
def test_dicom_folders(verb, fault, trained, tmp_path, alcseg, write_slice):
    folder = tmp_path / "series"
    for height in (0, 2, 4, 8) if fault == "missing slice" else (0, 2, 4):
        write_slice(folder / f"{height}.dcm", np.arange(16).reshape(4, 4), (0, 0, height))
    parts = ("GeometryError", str(folder), "a slice every 2.00 mm", "gap between the positions 4.00 and 8.00")
    if fault == "two series":
        write_slice(folder / "10.dcm", np.arange(16).reshape(4, 4), (0, 0, 10), series="9.8.7")
        parts = ("DataError", str(folder), "expected one series, found 2", "its own folder")
    words = (
        ("import", folder, tmp_path / "new")
        if verb == "import"
        else ("predict", trained(), folder, "--out", tmp_path / "new", "--device", "cpu")
    )
    assert_one_line(alcseg(*words, "-q"), 4, *parts)
    assert not list(tmp_path.rglob("*.nii.gz"))
    assert not [path for path in tmp_path.rglob("*") if "partial" in path.name]


def test_run_folder_of_another_method(trained, sound, alcseg):
    run = trained()
    before = contents(run)
    result = alcseg("train", sound, *TRAIN, "--method", "mean_teacher", "--out", run, "-q")
    assert_one_line(result, 4, "CheckpointError", str(run), "'h_sup'", "'mean_teacher'", "--overwrite")
    assert contents(run) == before


def test_checkpoint_of_another_method(trained, sound, tmp_path, alcseg):
    run = Path(shutil.copytree(trained(), tmp_path / "run"))
    (run / "DONE").unlink()
    shutil.copy(trained("mean_teacher") / "checkpoints/last.ckpt", run / "checkpoints/last.ckpt")
    result = alcseg("train", sound, *TRAIN, "--out", run, "-q")
    assert_one_line(result, 4, "CheckpointError", "last.ckpt", "MeanTeacher", "HSup")


@pytest.mark.parametrize("verb", ["predict", "correct"])
def test_weights_of_another_network(verb, trained, sound, tmp_path, alcseg):
    other = tmp_path / "other"
    words = ("train", sound, *TRAIN, "--set", "network.filters=4", "--out", other, "-q")
    assert alcseg(*words).code == 0
    run = Path(shutil.copytree(trained(), tmp_path / "run"))
    shutil.copy(other / "model.safetensors", run / "model.safetensors")
    source = sound / "imagesTr" if verb == "predict" else sound
    result = alcseg(verb, run, source, "--out", tmp_path / "out", "--device", "cpu", "-q")
    assert_one_line(result, 4, "CheckpointError", "model.safetensors", "do not fit", "use the run folder")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--set", "trainer.step=5"), "did you mean 'trainer.steps'?"),
        (("--set", "method.dice_reductio=pooled"), "did you mean 'method.dice_reduction'?"),
        (("--set", "trainr.steps=5"), "Did you mean 'trainer.steps'?"),
        (("--set", "trainer.steps=many"), "trainer"),
        (("--set", "trainer.steps=-1"), "trainer.steps"),
        (("--set", "data.patch=[16,16]"), "patch"),
        (("--set", "data.patch=[16,16,0]"), "data.patch"),
        (("--set", "data.hq_batch=0"), "data.hq_batch"),
        (("--set", "network.name=vnett"), "vnet"),
        (("--set", "network.filters=0"), "network.filters"),
        (("--set", "network.dropout=1"), "network.dropout: expected a number, at least 0 and below 1"),
        (
            ("--set", "network.name=unet", "network.dropout=1"),
            "network.dropout: expected a number, at least 0 and below 1",
        ),
        (("--set", "trainer.momentum=1"), "trainer.momentum"),
        (("--method", "mean_teacher", "--set", "method.ema_decay=1"), "method.ema_decay"),
        (("--set", "data.hq_batch=1"), "Use data.patch=[16, 16, 32] or data.hq_batch=2."),
        (("--method", "alcc"), "Did you mean 'alc'?"),
        (("--preset", "hippocampos"), "hippocampus"),
        (("--device", "gpu"), "cuda:<i>"),
    ],
)
def test_settings_that_cannot_be(words, hint, sound, tmp_path, alcseg):
    result = alcseg("train", sound, *TRAIN, *words, "--out", tmp_path / "run", "-q")
    assert_one_line(result, 2, hint)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("verb", ["import", "corrupt", "train", "predict", "correct", "evaluate"])
def test_output_folder_in_use(verb, trained, sound, tmp_path, alcseg):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("precious")
    words = {
        "import": ("import", sound, out),
        "corrupt": ("corrupt", sound, out, "--hq-first", 1),
        "train": ("train", sound, *TRAIN, "--out", out),
        "predict": ("predict", trained(), sound / "imagesTr", "--out", out),
        "correct": ("correct", trained(), sound, "--out", out),
        "evaluate": ("evaluate", sound / "labelsTr", sound / "labelsTr", "--out", out),
    }[verb]
    if verb == "corrupt":
        write_table(sound, {"lq_0": "hq"})
    result = alcseg(*words, "-q")
    write_table(sound, {})
    assert_one_line(result, 2, "UsageError", str(out), "expected an empty or new", "--overwrite")
    assert [path.name for path in out.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("verb", ["import", "corrupt", "train", "predict", "correct", "evaluate"])
def test_output_folder_that_cannot_be_made(verb, trained, sound, tmp_path, alcseg):
    (tmp_path / "file").write_text("precious")
    out = tmp_path / "file" / "out"
    words = {
        "import": ("import", sound, out),
        "corrupt": ("corrupt", sound, out, "--hq-first", 1),
        "train": ("train", sound, *TRAIN, "--out", out),
        "predict": ("predict", trained(), sound / "imagesTr", "--out", out, "--device", "cpu"),
        "correct": ("correct", trained(), sound, "--out", out, "--device", "cpu"),
        "evaluate": ("evaluate", sound / "labelsTr", sound / "labelsTr", "--out", out),
    }[verb]
    if verb == "corrupt":
        write_table(sound, {"lq_0": "hq"})
    result = alcseg(*words, "-q")
    write_table(sound, {})
    assert_one_line(result, 5, "ResourceError", str(tmp_path / "file"), "can be made", "Choose another one")
    assert (tmp_path / "file").read_text() == "precious"


def test_disk_full_while_caching(sound, tmp_path, alcseg, monkeypatch):
    saved = []

    def fill_up(path, array):
        saved.append(path)
        if len(saved) == 3:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return real_save(path, array)

    real_save = np.save
    monkeypatch.setattr("alcseg.data.cache.np.save", fill_up)
    words = ("train", sound, *TRAIN, "--out", tmp_path / "run", "-q")
    assert_one_line(alcseg(*words), 5, "ResourceError", "free disk", "hq_1", "data.cache=FOLDER")
    assert not (tmp_path / "run").exists()
    assert not [path for path in tmp_path.rglob("*") if "partial" in path.name]
    monkeypatch.undo()
    assert alcseg(*words).code == 0


def test_whole_number_floats_and_single_empty_labels_are_fine(data, tmp_path, alcseg):
    spoil_label(lambda label: label.astype(np.float64))(data)
    save(data / "labelsTr/hq_1.nii.gz", np.zeros((20, 18, 17), np.uint8))
    result = alcseg("check", data, "--json")
    assert result.code == 0
    (finding,) = json.loads(result.out)["findings"]
    assert finding["grade"] == "ok"
    assert "1 label(s) hold background only: hq_1" in finding["message"]
    assert alcseg("train", data, *TRAIN, "--out", tmp_path / "run", "-q").code == 0


def test_patch_that_no_stride_divides(sound, tmp_path, alcseg):
    words = ("--set", "data.patch=[20,18,17]", "trainer.steps=2", "--out", tmp_path / "run", "-q")
    assert alcseg("train", sound, *TRAIN, *words).code == 0
    out = tmp_path / "pred"
    assert alcseg("predict", tmp_path / "run", sound / "imagesTr", "--out", out, "-q").code == 0
    assert load(out / "hq_0.nii.gz").shape == (20, 18, 17)


def test_what_is_of_another_kind_is_not_overwritten(sound, trained, data, alcseg):
    before = sorted(data.rglob("*"))
    for words in (
        ("report", trained()),
        ("train", sound, *TRAIN),
        ("predict", trained(), sound / "imagesTr"),
        ("correct", trained(), sound),
        ("evaluate", sound / "labelsTr", sound / "labelsTr"),
    ):
        result = alcseg(*words, "--out", data, "--overwrite", "-q")
        assert_one_line(
            result, 2, "UsageError", str(data), "a dataset (dataset.json)", "remove this one yourself"
        )
        assert sorted(data.rglob("*")) == before


@pytest.mark.parametrize("words", [(), ("--overwrite",)])
def test_the_root_of_the_disk_is_no_place_for_a_run(words, sound, tmp_path, alcseg):
    result = alcseg("train", sound, *TRAIN, "--out", "/", *words, "-q")
    assert_one_line(result, 2, "UsageError: /: expected an")


def test_a_run_does_not_take_the_place_of_what_holds_its_dataset(data, alcseg):
    before = sorted(data.rglob("*"))
    result = alcseg("train", data, *TRAIN, "--out", data.parent, "--overwrite", "-q")
    assert_one_line(result, 2, "UsageError", "expected an output folder outside of the source")
    assert sorted(data.rglob("*")) == before


def test_counts_below_zero_are_refused(sound, trained, tmp_path, alcseg):
    result = alcseg("train", sound, *TRAIN, "--out", tmp_path / "run", "--workers", "-1", "-q")
    assert_one_line(result, 2, "UsageError", "--workers: expected a whole number from 0 to")
    result = alcseg("import", sound, tmp_path / "data", "--seed", "-1", "-q")
    assert_one_line(result, 2, "UsageError", "--seed: expected a whole number from 0 to")
    result = alcseg(
        *("predict", trained(), sound / "imagesTr", "--out", tmp_path / "pred", "-q"),
        *("--uncertainty", "--passes", "-1"),
    )
    assert_one_line(result, 2, "UsageError", "--passes: expected at least 2 for an uncertainty, got -1")
