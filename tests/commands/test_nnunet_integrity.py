"""nnU-Net's own check accepts what `correct` writes.

In a process of its own: nnU-Net reads its folders from the environment when it is imported.
"""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from alcseg.commands.correct import correct

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        importlib.util.find_spec("nnunetv2") is None,
        reason="nnU-Net is not installed; `make test` installs it from requirements-integrity.txt",
    ),
]

PROGRAM = """
import sys
from pathlib import Path
from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity

folder = Path(sys.argv[1])
verify_dataset_integrity(str(folder), num_processes=1)
print("accepted")
(folder / "labelsTr" / "lq_0.nii.gz").unlink()
try:
    verify_dataset_integrity(str(folder), num_processes=1)
except AssertionError:
    print("refused")
"""


def test_corrected_dataset_is_accepted(
    solvable_dataset: Path, make_run: Callable[..., Path], tmp_path: Path
) -> None:
    raw = tmp_path / "nnUNet_raw"
    correct(make_run(), solvable_dataset, out=raw / "Dataset007_Boxes", nnunet=True, passes=2, device="cpu")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(raw / "Dataset007_Boxes")],
        env=os.environ | dict.fromkeys(("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"), str(raw)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "accepted" in done.stdout
    assert "refused" in done.stdout, "the check passes whatever it is given"
