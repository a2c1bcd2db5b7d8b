"""Every method through a whole run: trained, stored, predicting, and blind to the clean labels."""

from pathlib import Path

import numpy as np
import pytest

from alcseg.commands.predict import predict
from alcseg.commands.train import train
from alcseg.data.folder import Dataset
from alcseg.data.nifti import read_label
from alcseg.training_methods import METHODS

SMALL = {
    "mixsegnet": [
        f"method.{size}" for size in ("second_filters=2", "hidden_size=12", "mlp_dim=16", "num_heads=3")
    ]
}
"""Settings that make the further networks of a method small."""


@pytest.mark.parametrize("name", METHODS)
def test_a_run_never_opens_the_clean_labels_and_predicts(
    name: str, dataset: Dataset, tiny_settings: tuple[str, ...], tmp_path: Path
) -> None:
    clean = sorted((dataset.root / "labelsClean").iterdir())
    assert clean
    for path in clean:
        path.write_bytes(b"whoever reads this fails")
    run = train(
        dataset.root,
        out=tmp_path / "runs" / name,
        method=name,
        device="cpu",
        set=(*tiny_settings, *SMALL.get(name, ()), "trainer.steps=2", "trainer.validate_every=0"),
    )
    assert run.finished
    assert run.record.status == "done"
    image = dataset.image_paths("ts_0")[0]
    result = predict(run.path, [image], out=tmp_path / "pred", device="cpu")
    (written,) = result.written.values()
    label = read_label(written)
    assert label.shape == (20, 18, 17)
    assert set(np.unique(label.array)) <= {0, 5, 9}
