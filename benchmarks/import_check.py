"""How long import and check take for a dataset, beside nnU-Net's integrity check and fingerprint.

    python benchmarks/import_check.py SOURCE [--repeats N]

SOURCE is a folder in nnU-Net's layout. Each way runs in a process of its own with one thread, the ways in
turn, and its CPU time, with that of its children, and its largest resident memory count; start-up is in it,
and alone in the rows `start`. nnU-Net has to be installed (`requirements-integrity.txt`).
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from child import cost

RUN = ("-W", "ignore", "-c")
OURS = """
import sys
from alcseg.cli import main
if len(sys.argv) > 2:
    sys.exit(main(["import", "-q", *sys.argv[1:]]) or main(["check", "-q", sys.argv[2]]))
import alcseg.commands.import_dataset, alcseg.commands.check, alcseg.cli.printing
"""
THEIRS = """
import os, sys
os.environ.update(nnUNet_raw=sys.argv[2], nnUNet_preprocessed=sys.argv[2], nnUNet_results=sys.argv[2])
from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor
from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity
if sys.argv[1] != "start":
    verify_dataset_integrity(sys.argv[1], num_processes=1)
    DatasetFingerprintExtractor(os.path.basename(sys.argv[1]), num_processes=1).run(overwrite_existing=True)
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        linked = place / "Dataset001_Linked"  # nnU-Net wants such a name
        linked.symlink_to(options.source.resolve())
        ways = {
            "nnU-Net, start": lambda: cost(*RUN, THEIRS, "start", name),
            "alcseg, start": lambda: cost(*RUN, OURS),
            "nnU-Net": lambda: cost(*RUN, THEIRS, str(linked), name),
            "alcseg": lambda: cost(*RUN, OURS, str(linked), tempfile.mkdtemp(dir=name) + "/out"),
        }
        rounds = [{way: run() for way, run in ways.items()} for _ in range(options.repeats)]
    for way in ways:
        seconds, mib = zip(*(done[way] for done in rounds), strict=True)
        print(f"| {way} | {statistics.median(seconds):.2f} s | {max(mib):.0f} MiB |")
    print(ratios("whole processes", [done["nnU-Net"][0] / done["alcseg"][0] for done in rounds]))
    net = [
        (done["nnU-Net"][0] - done["nnU-Net, start"][0]) / (done["alcseg"][0] - done["alcseg, start"][0])
        for done in rounds
    ]
    print(ratios("without start-up", net))


def ratios(what: str, found: list[float]) -> str:
    """A line of the ratios of all rounds."""
    return f"{what}: {statistics.median(found):.1f} times faster ({min(found):.1f}-{max(found):.1f})"


if __name__ == "__main__":
    main()
