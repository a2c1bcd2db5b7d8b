"""No file, however spoiled, is answered otherwise than by what it holds or by one line that names it."""

import tempfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import study_folder
from benchmark_folder import BenchmarkFolder
from fuzz.doors import DOORS, attack, record_doors

NEEDS = {"h5": "h5py", "nrrd": "nrrd", "dicom": "pydicom"}
few = settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", DOORS)
def test_a_spoiled_file_is_read_as_it_is_or_refused_in_a_line(name: str) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])

    @few
    @given(st.randoms(use_true_random=False))
    def answers(rng: Random) -> None:
        with tempfile.TemporaryDirectory() as folder:
            assert not attack(DOORS[name], Path(folder), rng)

    answers()


def test_a_spoiled_record_is_read_as_it_is_or_refused_in_a_line(fake: BenchmarkFolder) -> None:
    look_at_records(fake.root)


@pytest.mark.slow
def test_a_spoiled_record_of_a_study_is_too(study: study_folder.Study) -> None:
    look_at_records(study.root)


def look_at_records(made: Path) -> None:
    doors = record_doors(made)
    assert len(doors) > 4

    @few
    @given(st.sampled_from(sorted(doors)), st.randoms(use_true_random=False))
    def answers(name: str, rng: Random) -> None:
        with tempfile.TemporaryDirectory() as folder:
            assert not attack(doors[name], Path(folder), rng), name

    answers()
