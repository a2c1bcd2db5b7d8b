"""An image in memory gets the voxels that `alcseg predict` writes for it in a file."""

from concurrent.futures import ThreadPoolExecutor

import nibabel as nib
import numpy as np
import pytest

import alcseg
from alcseg.data.nifti import read_image
from alcseg.errors import CheckpointError, DataError, GeometryError, ShapeError, UsageError
from alcseg.inference import arrays
from exported_model import make_run, write_scans


@pytest.fixture
def run(study):
    return alcseg.Run(study.run.path)  # one that has loaded nothing


@pytest.mark.parametrize("case_id", ["phantom_008", "phantom_009"])
def test_voxels_are_those_of_the_file(study, run, case_id):
    case = study.noisy[case_id]
    maps = study.predictions[case_id]
    for image in (case.image, np.ascontiguousarray(case.image, np.float64), case.image[None]):
        assert np.array_equal(run.predict(image, affine=case.affine), maps.label)
    probabilities = run.predict(case.image, affine=case.affine.tolist(), probabilities=True)
    assert probabilities.dtype == np.float32
    assert np.array_equal(np.moveaxis(probabilities, 0, -1), maps.probabilities)


def test_an_image_turned_in_any_way_gets_a_label_turned_likewise(study, run, tmp_path):
    image = read_image(study.noisy.image_paths("phantom_009")[0])
    turn = np.array([[1, -1], [2, 1], [0, -1]])
    turned = nib.Nifti1Image(image.array, image.affine).as_reoriented(turn)
    nib.save(turned, tmp_path / "turned.nii.gz")
    written = alcseg.predict(run, tmp_path / "turned.nii.gz", out=tmp_path / "out")["turned"].label
    assert np.array_equal(run.predict(turned.get_fdata(), affine=turned.affine), written)


def test_a_spacing_stands_for_a_plain_affine(study, run):
    image = study.noisy["phantom_008"].image
    found = run.predict(image, spacing=(2, 2, 3))
    assert np.array_equal(found, run.predict(image, affine=np.diag([2, 2, 3, 1])))
    assert found.shape == image.shape


def test_the_network_is_loaded_once_whoever_asks_first(study, run, monkeypatch):
    loads = []
    load = arrays.load
    monkeypatch.setattr(arrays, "load", lambda *words, **more: loads.append(words) or load(*words, **more))
    case = study.noisy["phantom_008"]
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(run.predict, case.image, affine=case.affine) for _ in range(3)]
        found = [one.result() for one in asked]
    assert len(loads) == 1
    assert all(np.array_equal(one, study.predictions["phantom_008"].label) for one in found)


def test_a_loaded_run_says_what_it_takes_and_answers_like_predict(study):
    predictor = alcseg.load(study.run.path)
    plan = study.run.plan
    assert (predictor.labels, predictor.channel_names) == (plan.labels, plan.channel_names)
    assert predictor.spacing == plan.spacing
    assert repr(predictor) == (
        f"ArrayPredictor(1 network(s), labels={plan.labels}, channel_names={plan.channel_names})"
    )
    case, maps = study.noisy["phantom_008"], study.predictions["phantom_008"]
    assert np.array_equal(predictor(case.image, affine=case.affine), maps.label)
    probabilities = predictor(case.image, affine=case.affine, probabilities=True)
    assert np.array_equal(np.moveaxis(probabilities, 0, -1), maps.probabilities)


def test_threads_that_ask_at_once_get_each_the_answer_to_their_image(study):
    predictor = alcseg.load(study.run)
    cases = [study.noisy["phantom_008"], study.noisy["phantom_009"]] * 3
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda case: predictor(case.image, affine=case.affine), cases))
    for case, label in zip(cases, found, strict=True):
        assert np.array_equal(label, study.predictions[case.case_id].label)


@pytest.mark.parametrize("name", ["model.pt2", "model.onnx", "bundle"])
def test_an_exported_file_is_loaded_as_a_run_is(name, tmp_path, monkeypatch):
    if name == "model.onnx":
        pytest.importorskip("onnxruntime")
    run = make_run(tmp_path / "run", monkeypatch)
    alcseg.export(run, to=name.removeprefix("model."), out=tmp_path / name)
    scan = read_image(write_scans(tmp_path / "scans") / "one.nii.gz")
    written = alcseg.predict(tmp_path / name, tmp_path / "scans" / "one.nii.gz", out=tmp_path / "out")
    predictor = alcseg.load(tmp_path / name)
    assert np.array_equal(predictor(scan.array, affine=scan.affine), written["one"].label)
    assert predictor.labels == {"background": 0, "left": 5, "right": 9}


def test_what_cannot_be_loaded_is_refused_at_once(study, tmp_path):
    with pytest.raises(CheckpointError, match="expected a run folder"):
        alcseg.load(tmp_path)
    with pytest.raises(UsageError, match="--window: expected one of gaussian, lineage, got 'round'"):
        alcseg.load(study.run, window="round")
    with pytest.raises(UsageError, match="--engine: expected one of"):
        alcseg.load(study.run, engine="steam")
    with pytest.raises(UsageError, match="--device: expected auto, cpu, cuda"):
        alcseg.load(study.run, device="tpu")


GOOD = np.arange(1000.0).reshape(10, 10, 10)
REFUSED = {
    "a slice": (GOOD[0], {"spacing": (1, 1, 1)}, ShapeError, r"\(X, Y, Z\) or \(1, X, Y, Z\)"),
    "two channels": (np.stack([GOOD, GOOD]), {"spacing": (1, 1, 1)}, ShapeError, r"1 channel\(s\)"),
    "no voxel": (GOOD[:0], {"spacing": (1, 1, 1)}, ShapeError, "expected an array"),
    "text": (np.full((2, 2, 2), "a"), {"spacing": (1, 1, 1)}, ShapeError, "one number per voxel"),
    "complex": (GOOD * 1j, {"spacing": (1, 1, 1)}, ShapeError, "one number per voxel"),
    "nan": (np.where(GOOD == 7, np.nan, GOOD), {"spacing": (1, 1, 1)}, DataError, "1 NaN or infinite"),
    "infinite": (GOOD * 1e300, {"spacing": (1, 1, 1)}, DataError, "999 NaN or infinite"),
    "constant": (GOOD * 0, {"spacing": (1, 1, 1)}, DataError, "the value 0 everywhere"),
    "no grid": (GOOD, {}, UsageError, "either affine or spacing, got neither"),
    "two grids": (GOOD, {"spacing": (1, 1, 1), "affine": np.eye(4)}, UsageError, "got both"),
    "spacing in plane": (GOOD, {"spacing": (1, 1)}, ShapeError, "one positive spacing"),
    "spacing of 0": (GOOD, {"spacing": (1, 0, 1)}, ShapeError, "one positive spacing"),
    "a rotation alone": (GOOD, {"affine": np.eye(3)}, ShapeError, r"affine: expected \(4, 4\)"),
    "a flat affine": (GOOD, {"affine": np.diag([1, 0, 1, 1])}, GeometryError, "affine"),
}


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_predicted_is_refused(run, name):
    image, grid, error, said = REFUSED[name]
    with pytest.raises(error, match=said):
        run.predict(image, **grid)
    assert run.loaded == {}
