"""An export is compared with its run, a whole one, before it is written."""

import numpy as np
import pytest
import torch

from alcseg.commands import export as exporting
from alcseg.commands.export import export
from alcseg.errors import DataError
from alcseg.records.run import RunRecord


def test_a_case_of_the_dataset_serves_for_the_comparison(study, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(exporting, "trace", lambda network, *sizes: seen.append(network) or Fake(network))
    monkeypatch.setattr(exporting, "write_pt2", lambda program, record, path: path.write_text("x"))
    made = export(study.run, to="pt2", out=tmp_path / "m.pt2", data=study.noisy)
    assert made.compared_on == study.run.record.val_cases[0]
    assert made.record.agreement.voxels == np.prod(study.noisy[made.compared_on].image.shape)
    monkeypatch.setattr(type(study.run), "record", RunRecord(train_cases=("another",)))
    with pytest.raises(DataError, match=r"expected a case that .* was trained or validated on, found none"):
        export(study.run, to="pt2", out=tmp_path / "n.pt2", data=study.noisy)


class Fake:
    """A program that answers by the network, moved by a little."""

    def __init__(self, network, by=0.0):
        self.network, self.by = network, by

    def module(self):
        return lambda windows: self.network(windows) + self.by * torch.arange(3).reshape(1, 3, 1, 1, 1)


def test_a_network_that_answers_otherwise_is_not_written(study, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "trace", lambda network, *sizes: Fake(network, 1e-2))
    with pytest.raises(DataError, match=r"seeded noise: expected .* within 0.0001, found logits 0.02 apart"):
        export(study.run, to="pt2", out=tmp_path / "m.pt2")
    assert not list(tmp_path.iterdir())
