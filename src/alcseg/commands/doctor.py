"""`alcseg doctor`: what this machine can do, and what is missing."""

import importlib.util
import platform
import shutil
import tempfile
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from alcseg.machine import memory_gib, processor, usable_cores

__all__ = ["DoctorReport", "doctor"]

_CORE = ("torch", "lightning", "monai", "numpy", "scipy", "nibabel")
_OPTIONAL = {
    "pydicom": ("dicom", "read DICOM series"),
    "pylibjpeg": ("dicom-jpeg", "read DICOM series in JPEG"),
    "openvino": ("openvino", "predict and correct about twice as fast on a CPU"),
    "onnxruntime": ("onnx", "export to ONNX and predict with such files"),
    "h5py": ("h5", "import the LA benchmark's h5 files"),
    "SimpleITK": ("raters", "fuse labels by STAPLE and read .mha files"),
    "pynrrd": ("nrrd", "read and write .nrrd and .seg.nrrd files"),
    "highdicom": ("dicom-seg", "read and write DICOM segmentations"),
    "pandas": ("frames", "have tables as data frames"),
    "edt": ("fast", "measure distances some times faster"),
    "connected-components-3d": ("fast", "number connected regions some times faster"),
}
_GIB = 1024**3
_SMALL_MEMORY_GIB, _SMALL_DISK_GIB = 3.0, 2.0  # what `alcseg demo` takes at most


@dataclass
class DoctorReport:
    """What was found.

    Attributes:
        machine: Operating system, processor, cores, memory, disk.
        packages: Version of each package that decides on the numbers.
        devices: Where training can run, with the precision used there.
        optional: State of each optional package, with the command that installs it.
        warnings: What will work, but slowly or not for large data.
        missing: What keeps alcseg from working; the exit code is 5 if there is any.
    """

    machine: dict[str, str] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    devices: dict[str, str] = field(default_factory=dict)
    optional: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def doctor() -> DoctorReport:
    """Look at Python, packages, processor, memory, disk and devices; changes nothing."""
    report = DoctorReport()
    _look_at_machine(report)
    _look_at_packages(report)
    if importlib.util.find_spec("torch") is not None:
        _look_at_devices(report)
    return report


def _look_at_machine(report: DoctorReport) -> None:
    report.machine["python"] = platform.python_version()
    report.machine["system"] = platform.platform(terse=True)
    report.machine["processor"] = processor()
    report.machine["cores"] = str(usable_cores())
    memory = memory_gib()
    if memory is not None:
        report.machine["memory"] = f"{memory:.1f} GiB"
        if memory < _SMALL_MEMORY_GIB:
            report.warnings.append(
                f"memory: {memory:.1f} GiB, less than the demo needs ({_SMALL_MEMORY_GIB:.0f} GiB)."
            )
    here = Path.cwd()
    free = shutil.disk_usage(here).free / _GIB
    report.machine["free disk here"] = f"{free:.1f} GiB"
    if free < _SMALL_DISK_GIB:
        report.warnings.append(f"disk: {free:.1f} GiB free at {here}; work where there is more.")
    try:
        with tempfile.TemporaryFile() as stream:
            stream.write(b"alcseg")
        report.machine["temporary folder"] = f"{tempfile.gettempdir()}, writable"
    except OSError as error:
        report.missing.append(f"a writable temporary folder ({error}). Set TMPDIR to one.")


def _look_at_packages(report: DoctorReport) -> None:
    for name in _CORE:
        try:
            report.packages[name] = version(name)
        except PackageNotFoundError:
            wanted = next((line for line in requires("alcseg") or () if line.startswith(name)), name)
            report.missing.append(f"{name}. Run: pip install '{wanted}'")
    for name, (extra, purpose) in _OPTIONAL.items():
        try:
            report.optional[name] = version(name)
        except PackageNotFoundError:
            report.optional[name] = f"not installed; to {purpose}: pip install 'alcseg[{extra}]'"


def _look_at_devices(report: DoctorReport) -> None:
    import torch

    from alcseg.inference.bf16 import bf16_speedup, prefers_bf16

    cpu = torch.device("cpu")
    chosen = "bf16 autocast" if prefers_bf16(cpu) else "fp32"
    precision = f"{chosen} (bf16 computes {bf16_speedup(cpu):g} times as fast)"
    report.devices["cpu"] = f"{torch.get_num_threads()} threads, {precision}"
    for index in range(torch.cuda.device_count()):
        gpu = torch.cuda.get_device_properties(index)
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        precision = "bf16 autocast" if bf16 else "fp32"
        report.devices[f"cuda:{index}"] = f"{gpu.name}, {gpu.total_memory / _GIB:.0f} GiB, {precision}"
    if not torch.cuda.is_available():
        built = "this torch is a CPU build" if torch.version.cuda is None else "torch sees no CUDA device"
        report.warnings.append(f"no GPU: {built}. Large patches will train slowly.")
