"""What doctor says of this machine, and of one that lacks something."""

from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

import pytest

from alcseg.commands import doctor as module
from alcseg.commands.doctor import doctor


def test_this_machine_has_what_is_needed():
    report = doctor()
    assert report.missing == []
    assert report.packages["torch"] == version("torch")
    assert "cpu" in report.devices
    assert int(report.machine["cores"]) >= 1


def test_missing_packages_come_with_the_command(monkeypatch):
    real = module.version

    def version(name):
        if name in ("pydicom", "nibabel"):
            raise PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(module, "version", version)
    report = doctor()
    assert "pip install 'alcseg[dicom]'" in report.optional["pydicom"]
    assert [line for line in report.missing if line.startswith("nibabel. Run: pip install 'nibabel")]


def test_an_unwritable_temporary_folder_is_missing(monkeypatch):
    def fail():
        raise PermissionError("no")

    monkeypatch.setattr(module.tempfile, "TemporaryFile", fail)
    assert any("temporary folder" in line for line in doctor().missing)


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.mark.parametrize(
    ("memory", "disk", "warned"),
    [(3.0, 2.0, []), (2.9, 2.0, ["memory: 2.9 GiB"]), (3.0, 1.9, ["disk: 1.9 GiB free"])],
)
def test_less_than_the_demo_takes_is_a_warning(monkeypatch, memory, disk, warned):
    monkeypatch.setattr(module, "memory_gib", lambda: memory)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: Usage(0, 0, int(disk * 1024**3)))
    found = [line for line in doctor().warnings if line.startswith(("memory", "disk"))]
    assert [line[: len(start)] for line, start in zip(found, warned, strict=True)] == warned
