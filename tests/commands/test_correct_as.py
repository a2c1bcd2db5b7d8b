"""`correct --as`: the labels of the new dataset once more, for other programs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alcseg.commands.correct import correct
from alcseg.data.formats import read_label
from alcseg.errors import DataError, UsageError


def test_labels_are_written_once_more(
    solvable_dataset: Path, make_run: Callable[..., Path], tmp_path: Path
) -> None:
    pytest.importorskip("nrrd")
    result = correct(make_run(), solvable_dataset, out=tmp_path / "out", passes=2, as_format="seg.nrrd")
    files = sorted((tmp_path / "out" / "exported").iterdir())
    cases = [row.case_id for row in result.dataset.rows if row.split != "test"]
    assert [path.name for path in files] == [f"{case_id}.seg.nrrd" for case_id in sorted(cases)]
    for path in files:
        case = result.dataset[path.name.removesuffix(".seg.nrrd")]
        np.testing.assert_array_equal(read_label(path, result.dataset.labels).array, case.label)


def test_what_cannot_be_written_is_refused_before_any_work(
    solvable_dataset: Path, make_run: Callable[..., Path], tmp_path: Path
) -> None:
    run = make_run()
    with pytest.raises(DataError, match=r"case 'hq_0': expected the DICOM series .* --series"):
        correct(run, solvable_dataset, out=tmp_path / "out", as_format="dicom-seg")
    with pytest.raises(UsageError, match="expected --as dicom-seg"):
        correct(run, solvable_dataset, out=tmp_path / "out", labelmap=True)
    assert not (tmp_path / "out").exists()
