"""The flags of every verb, one function each; imports nothing heavy.

The name of every argument is the name of a parameter of the function the verb calls, so that options are
handed on as they are. A verb has only the flags it uses: no option is accepted and ignored.
"""

import argparse
from argparse import ArgumentParser
from typing import Any, TypeAlias

from alcseg.cli.values import AsTuple, LabelMapAction, fraction, label_pair, number, whole

__all__ = ["ADDERS", "PRINT_OPTIONS", "add_print_options"]

PRINT_OPTIONS = ("json", "verbose", "quiet", "debug")
"""Options of the command line itself; every other one belongs to the verb's function."""

_NOISE_MODELS = "noise models"  # stands for their list until the help is shown

Verbs: TypeAlias = "argparse._SubParsersAction[Any]"


class _HelpFormatter(argparse.HelpFormatter):
    """Help that states a default where there is one to state."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        default = action.default
        if isinstance(default, tuple):
            return f"{action.help} (default: {' '.join(map(str, default))})"
        stated = isinstance(default, str | int | float) and not isinstance(default, bool)
        if stated and default != argparse.SUPPRESS:
            return f"{action.help} (default: %(default)s)"
        return action.help


class _NoiseHelpFormatter(_HelpFormatter):
    """Help that ends with the noise models; they are imported only when it is shown."""

    def add_text(self, text: str | None) -> None:
        if text != _NOISE_MODELS:
            super().add_text(text)
            return
        from alcseg.noise import NOISE_MODELS

        self.start_section("noise models, what --size measures, and its range without --size")
        for name, model in NOISE_MODELS.items():
            amount = model.amount
            ranges = {} if amount is None else amount.ranges
            stated = " or ".join(f"{low:g} {high:g} {unit}" for unit, (low, high) in ranges.items())
            size = "No --size" if amount is None else f"--size: {amount.meaning}; {stated}"
            origin = NOISE_MODELS.origin(name)
            text = f"{model.summary}. {size}.{f' From {origin}.' if origin else ''}".replace("%", "%%")
            self.add_argument(argparse.Action([], name, metavar=name, help=text))
        self.end_section()


class _ImportHelpFormatter(_HelpFormatter):
    """Help that names the formats; their readers are imported only when it is shown."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.dest != "format":
            return super()._get_help_string(action)
        from alcseg.data.readers import READERS

        return f"{action.help}: auto, {', '.join(READERS)} (default: auto)"


def _verb(verbs: Verbs, name: str, summary: str, description: str = "") -> ArgumentParser:
    parser: ArgumentParser = verbs.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}. {description}".strip(),
        allow_abbrev=False,
        formatter_class=_HelpFormatter,
    )
    return parser


def add_print_options(verb: ArgumentParser) -> None:
    """Add what every verb has."""
    group = verb.add_argument_group("output on the terminal")
    group.add_argument("--json", action="store_true", help="print the result as one JSON document")
    group.add_argument("-v", "--verbose", action="store_true", help="say more on stderr")
    group.add_argument("-q", "--quiet", action="store_true", help="only warnings and errors on stderr")
    group.add_argument("--debug", action="store_true", help="show the trace of an error")


def _add_output(verb: ArgumentParser, *, what: str) -> None:
    verb.add_argument("--out", metavar="DIR", required=True, help=what)
    _add_overwrite(verb)


def _add_overwrite(verb: ArgumentParser) -> None:
    verb.add_argument("--overwrite", action="store_true", help="replace what the output folder holds")


def _add_seed(verb: ArgumentParser, what: str) -> None:
    verb.add_argument("--seed", type=whole(0), default=0, metavar="N", help=f"seed of {what}")


def _add_device(verb: ArgumentParser) -> None:
    verb.add_argument("--device", default="auto", metavar="auto|cpu|cuda[:i]", help="where the network runs")


def _add_engine(verb: ArgumentParser) -> None:
    verb.add_argument(
        "--engine",
        default="auto",
        choices=("auto", "torch", "folded", "openvino"),
        help="what computes predictions on a CPU: by default OpenVINO where it is installed; labels differ "
        "by rounding alone",
    )


def _add_passes(verb: ArgumentParser) -> None:
    verb.add_argument("--passes", type=int, default=4, metavar="T", help="perturbed predictions per case")


def _add_workers(verb: ArgumentParser, what: str) -> None:
    verb.add_argument("--workers", type=whole(0), default=0, metavar="N", help=what)


def _add_set(verb: ArgumentParser) -> None:
    verb.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="single settings of the training; repeatable",
    )


def _add_launcher(verb: ArgumentParser, jobs: str) -> None:
    verb.add_argument(
        "--launcher", default="local", choices=("local", "slurm"), help="this machine, or jobs of SLURM"
    )
    verb.add_argument("--jobs", type=int, metavar="N", help=jobs)
    verb.add_argument(
        "--slurm",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="what submitit passes to SLURM, such as partition=gpu gpus_per_node=1 timeout_min=600",
    )


def _add_demo(verbs: Verbs) -> ArgumentParser:
    verb = _verb(
        verbs,
        "demo",
        "show the whole way on generated phantoms",
        "Generates phantoms, corrupts labels, trains, corrects, evaluates, writes report.html; on a CPU.",
    )
    _add_output(verb, what="folder for everything the demo makes")
    _add_seed(verb, "phantoms, label noise and training")
    _add_device(verb)
    _add_workers(verb, "processes beside this one")
    return verb


def _add_import(verbs: Verbs) -> ArgumentParser:
    verb = _verb(
        verbs,
        "import",
        "turn images and labels into a dataset folder",
        "The source is never written to. Splits are drawn once, by group where groups are known.",
    )
    verb.add_argument("source", metavar="SRC", help="folder with the files as you have them")
    verb.add_argument("target", metavar="DST", help="dataset folder to make")
    verb.formatter_class = _ImportHelpFormatter
    verb.add_argument("--format", default="auto", metavar="LAYOUT", help="layout of the source")
    verb.add_argument(
        "--test",
        dest="test_source",
        metavar="PATH",
        help="folder of the same layout, all of whose cases test",
    )
    verb.add_argument(
        "--val-fraction", type=fraction, default=0.0, metavar="F", help="share of cases for validation"
    )
    verb.add_argument(
        "--test-fraction", type=fraction, default=0.0, metavar="F", help="share of cases for testing"
    )
    _add_seed(verb, "the splits")
    verb.add_argument(
        "--in-order",
        action="store_true",
        help="draw no splits: the last cases of the source test, those before them validate",
    )
    verb.add_argument(
        "--group-regex",
        metavar="PATTERN",
        help="cases in whose names it matches the same stay in one split, for example 'patient[0-9]+'",
    )
    verb.add_argument(
        "--hq-list", metavar="FILE", help="text file, one trusted case id a line; all others are LQ"
    )
    verb.add_argument(
        "--spacing",
        type=float,
        nargs=3,
        metavar=("X", "Y", "Z"),
        action=AsTuple,
        help="voxel size in mm for sources that do not carry one",
    )
    verb.add_argument(
        "--label-map",
        type=label_pair,
        metavar="OLD=NEW",
        action=LabelMapAction,
        help="rename label values, for example 255=1; repeatable",
    )
    verb.add_argument(
        "--archive",
        dest="part_mib",
        type=int,
        nargs="?",
        const=32,
        default=argparse.SUPPRESS,
        metavar="MIB",
        help="write an archive of small parts to carry elsewhere, each of at most so many MiB (32)",
    )
    _add_overwrite(verb)
    return verb


def _add_check(verbs: Verbs) -> ArgumentParser:
    verb = _verb(
        verbs,
        "check",
        "look for faults in a dataset before hours are spent on it",
        "Grades: ok, repairable, fatal. Exit code 4 if anything is fatal or still to be repaired.",
    )
    verb.add_argument("dataset", metavar="DATASET", help="dataset folder")
    verb.add_argument("--fix", action="store_true", help="repair what can be repaired in place")
    return verb


def _add_corrupt(verbs: Verbs) -> ArgumentParser:
    verb = _verb(
        verbs,
        "corrupt",
        "simulate label noise on the training cases",
        "Writes a new dataset with noise.json; clean labels are kept in labelsClean/ for evaluation only.",
    )
    verb.formatter_class = _NoiseHelpFormatter
    verb.epilog = _NOISE_MODELS
    verb.add_argument("dataset", metavar="DATASET", help="dataset folder with clean labels")
    verb.add_argument("target", metavar="DST", help="dataset folder to make")
    which = verb.add_argument_group("which cases keep their clean label").add_mutually_exclusive_group(
        required=True
    )
    which.add_argument("--hq-fraction", type=fraction, metavar="F", help="a drawn share")
    which.add_argument("--hq-first", type=int, metavar="N", help="the first N in the order of the dataset")
    which.add_argument("--hq-list", metavar="FILE", help="the case ids in a text file, one a line")
    verb.add_argument("--model", default="cube", help="kind of noise, see the list below")
    verb.add_argument(
        "--size",
        type=number,
        nargs=2,
        metavar=("LO", "HI"),
        action=AsTuple,
        help="range of the amount; without it the model's own, see the list below",
    )
    verb.add_argument(
        "--unit",
        choices=("voxel", "mm", "percent"),
        help="unit of --size (default: voxel for ball and cube, else mm, percent where there is no other)",
    )
    verb.add_argument(
        "--keep-nonempty",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="do less where a class would vanish",
    )
    verb.add_argument(
        "--run", metavar="RUN", help="with --model network: the run whose predictions are the noise"
    )
    _add_seed(verb, "the noise, mixed with each case id")
    _add_workers(verb, "processes beside this one; 0 works in this one")
    _add_overwrite(verb)
    return verb


def _add_audit(verbs: Verbs) -> ArgumentParser:
    verb = _verb(
        verbs,
        "audit",
        "say which labels are wrong, how, where and by how much",
        "No trusted label is needed: networks judge cases that they never saw. Called again it goes on.",
    )
    verb.add_argument("dataset", metavar="DATASET", help="dataset folder")
    verb.add_argument("--out", metavar="DIR", required=True, help="folder of the audit")
    verb.add_argument(
        "--run", metavar="RUN", help="judge by this run instead; cases that it was trained on are marked"
    )
    verb.add_argument("--folds", type=int, default=3, metavar="K", help="parts of the set, one training each")
    verb.add_argument(
        "--repeats", type=int, default=1, metavar="N", help="times that the set is dealt into folds anew"
    )
    verb.add_argument(
        "--steps", type=whole(1), default=400, metavar="N", help="optimizer steps of each training"
    )
    verb.add_argument(
        "--rounds",
        type=int,
        default=2,
        metavar="1|2",
        help="most rounds; the second trains without wrong labels",
    )
    verb.add_argument(
        "--method",
        default="hl_sup",
        metavar="NAME",
        help="of the trainings, one that needs no trusted labels",
    )
    _add_set(verb)
    _add_seed(verb, "folds, trainings and simulated errors")
    _add_device(verb)
    _add_engine(verb)
    _add_workers(verb, "data loading processes; changes speed, never results")
    _add_launcher(verb, "trainings side by side, by default one per GPU, else one in this process")
    return verb


def _add_train(verbs: Verbs) -> ArgumentParser:
    verb = _verb(
        verbs,
        "train",
        "train a model; an existing run folder resumes",
        "Settings are dotted keys: method.alpha=3, data.patch=[112,112,80], trainer.steps=6000.",
    )
    verb.add_argument("dataset", metavar="DATASET", help="dataset folder")
    verb.add_argument("--method", default="alc", metavar="NAME", help="one of `alcseg methods`")
    verb.add_argument(
        "--preset",
        metavar="NAME",
        help="demo, hippocampus, la or la-half; without one the plan is made from the data",
    )
    _add_output(verb, what="run folder; given again, the training goes on where it stopped")
    verb.add_argument(
        "--config", metavar="FILE", help="YAML file of settings, over the preset and under --set"
    )
    _add_set(verb)
    verb.add_argument(
        "--val-hq", type=int, metavar="N", help="HQ cases held out for validation where no case has split=val"
    )
    verb.add_argument(
        "--hq-from",
        metavar="AUDIT",
        help="the labels that this audit trusts are HQ, all others LQ, whatever cases.csv says",
    )
    verb.add_argument(
        "--dry-run", action="store_true", help="print the plan with time and memory estimates and stop"
    )
    _add_seed(verb, "weights, sampling and augmentation")
    _add_device(verb)
    _add_workers(verb, "data loading processes; changes speed, never results")
    return verb


def _add_predict(verbs: Verbs) -> ArgumentParser:
    verb = _verb(verbs, "predict", "segment images, on the grid of each input")
    verb.add_argument("run", metavar="RUN", help="run folder")
    verb.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="file, folder, quoted glob, .txt or .csv list or DICOM series folder",
    )
    _add_output(verb, what="folder for the label maps; given again, cases that are finished stay")
    verb.add_argument("--uncertainty", action="store_true", help="also write a map of uncertainty per case")
    verb.add_argument("--probabilities", action="store_true", help="also write a probability map per class")
    verb.add_argument(
        "--window",
        default="gaussian",
        choices=("gaussian", "lineage"),
        help="sliding window; lineage is the stride and weighting of earlier papers",
    )
    verb.add_argument(
        "--network", default="auto", choices=("auto", "student", "teacher"), help="which network answers"
    )
    _add_passes(verb)
    _add_seed(verb, "the perturbations behind --uncertainty, mixed with each case id")
    _add_device(verb)
    _add_engine(verb)
    return verb


def _add_correct(verbs: Verbs) -> ArgumentParser:
    verb = _verb(verbs, "correct", "write a new dataset with mended LQ labels and a review list")
    verb.add_argument("run", metavar="RUN", help="run folder; with --oof the folder of an audit")
    verb.add_argument("dataset", metavar="DATASET", help="dataset folder whose LQ labels are mended")
    _add_output(verb, what="dataset folder to make")
    verb.add_argument(
        "--oof",
        action="store_true",
        help="the networks of an audit answer, each for the cases that it never saw; needs no HQ case",
    )
    verb.add_argument(
        "--how",
        default="auto",
        choices=("auto", "patched", "moved", "posterior", "refined"),
        help="which change a label may undergo: plain errors replaced by the prediction, boundaries moved, "
        "moved and weighed with the prediction, all replaced by the fused passes, or any of these",
    )
    verb.add_argument(
        "--risk",
        type=float,
        default=0.05,
        metavar="SHARE",
        help="a change is made if it did harm in at most this share of the simulated errors for which it "
        "promised as much; 1 with a certain --how makes it everywhere",
    )
    verb.add_argument(
        "--nnunet", action="store_true", help="write consecutive label values, as nnU-Net wants them"
    )
    _add_passes(verb)
    _add_seed(verb, "the perturbations and the simulated errors, mixed with each case id")
    _add_device(verb)
    _add_engine(verb)
    return verb


def _add_evaluate(verbs: Verbs) -> ArgumentParser:
    verb = _verb(verbs, "evaluate", "score label maps against a reference")
    verb.add_argument("pred", metavar="PRED", help="folder of predicted label maps, or a dataset folder")
    verb.add_argument("truth", metavar="TRUTH", help="the same of the reference")
    _add_output(verb, what="folder for per_case.csv and summary.json")
    verb.add_argument(
        "--protocol", default="mm", choices=("mm", "paper"), help="millimetres, or voxels as in the papers"
    )
    verb.add_argument(
        "--tolerance-mm", type=float, default=1.0, metavar="MM", help="tolerance of the surface Dice (nsd)"
    )
    verb.add_argument(
        "--dataset",
        help="dataset folder that names the classes and knows the cases (default: TRUTH, if it is one)",
    )
    verb.add_argument("--quality", choices=("hq", "lq", "unlabeled"), help="only these cases of --dataset")
    verb.add_argument("--split", choices=("train", "val", "test"), help="only these cases of --dataset")
    return verb


def _add_benchmark(verbs: Verbs) -> ArgumentParser:
    verb = _verb(
        verbs,
        "benchmark",
        "train and score the rows of a plan",
        "Called again it goes on: done runs stay, failed ones are tried again. Exit code 3 if some failed.",
    )
    verb.add_argument("plan", metavar="PLAN", help="name of a shipped plan, or a YAML file")
    verb.add_argument("--out", metavar="DIR", required=True, help="folder of the benchmark")
    verb.add_argument("--data", metavar="PATH", help="files that the datasets of the plan are imported from")
    verb.add_argument(
        "--test-data", metavar="PATH", help="test cases, for plans whose datasets say test_data"
    )
    _add_launcher(verb, "runs side by side, by default one per GPU, else one; 0 works in this process")
    verb.add_argument(
        "--dry-run", action="store_true", help="print runs, time and room on the disk, and stop"
    )
    _add_device(verb)
    _add_workers(verb, "data loading processes per run; changes speed, never results")
    return verb


def _add_report(verbs: Verbs) -> ArgumentParser:
    verb = _verb(
        verbs,
        "report",
        "make tables, figures and one page of a benchmark or a run",
        "Reads records, computes nothing anew; an unfinished benchmark is shown as far as it is.",
    )
    verb.add_argument("folder", metavar="DIR", help="folder of a benchmark, finished or not, or a run folder")
    verb.add_argument("--out", metavar="DIR", help="folder of the report, by default DIR/report")
    _add_overwrite(verb)
    return verb


def _add_review(verbs: Verbs) -> ArgumentParser:
    verb = _verb(
        verbs,
        "review",
        "look through labels in the browser, decide, and mend",
        "Takes a dataset, one that `correct` wrote, or an audit. Decisions are kept beside the dataset, in "
        "DATASET.review.sqlite; only --apply writes labels, into a new dataset.",
    )
    verb.add_argument("target", metavar="TARGET", help="dataset folder, or folder of an audit")
    verb.add_argument("--dataset", metavar="DIR", help="dataset of the audit, where it has moved")
    verb.add_argument("--book", metavar="FILE", help="file of drafts and decisions, in another place")
    verb.add_argument("--reviewer", metavar="NAME", help="who reads (default: name at this computer)")
    verb.add_argument(
        "--pass", dest="turn", type=int, default=1, metavar="N", help="2 where the same person reads again"
    )
    page = verb.add_argument_group("the page")
    page.add_argument("--case", metavar="CASE", help="that is shown first")
    page.add_argument(
        "--port",
        type=int,
        metavar="N",
        help="to listen at (default: 8800, where links of reports lead, or one that is free); 0: any",
    )
    page.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="address to listen at")
    page.add_argument("--tls-cert", metavar="FILE", help="certificate, for another host than this computer")
    page.add_argument("--tls-key", metavar="FILE", help="key of the certificate")
    page.add_argument("--without-tls", action="store_true", help="serve another host without encryption")
    page.add_argument(
        "--no-browser", dest="open_browser", action="store_false", help="only print the address"
    )
    instead = verb.add_argument_group("instead of the page")
    instead.add_argument("--apply", metavar="DST", help="write the dataset in which reviewed cases are hq")
    instead.add_argument(
        "--export", metavar="DST", help="write .seg.nrrd files for 3D Slicer, and decisions.jsonl"
    )
    instead.add_argument(
        "--import",
        dest="import_folder",
        metavar="DIR",
        help="take labels that were mended elsewhere as decisions",
    )
    _add_overwrite(verb)
    return verb


def _add_methods(verbs: Verbs) -> ArgumentParser:
    verb = _verb(verbs, "methods", "list the training methods, or every setting of one")
    verb.add_argument("name", nargs="?", default=argparse.SUPPRESS, metavar="NAME", help="a method")
    return verb


def _add_cache(verbs: Verbs) -> ArgumentParser:
    verb = _verb(
        verbs,
        "cache",
        "say what preprocessed cases take on disk, and remove what no training uses",
        "What was removed is made anew by the training that needs it.",
    )
    verb.add_argument(
        "folder", nargs="?", default=".", metavar="DIR", help="folder of runs, or the cache itself"
    )
    verb.add_argument("--prune", action="store_true", help="remove what is not in use, the oldest first")
    verb.add_argument(
        "--keep-gib", type=float, default=0.0, metavar="GIB", help="with --prune: size that may stay"
    )
    return verb


def _add_doctor(verbs: Verbs) -> ArgumentParser:
    return _verb(
        verbs,
        "doctor",
        "say what this machine can do and what is missing",
        "Exit code 5 if something needed is missing.",
    )


ADDERS = (
    _add_demo,
    _add_import,
    _add_check,
    _add_audit,
    _add_corrupt,
    _add_train,
    _add_predict,
    _add_correct,
    _add_evaluate,
    _add_benchmark,
    _add_report,
    _add_review,
    _add_methods,
    _add_cache,
    _add_doctor,
)
"""In the order of `alcseg --help`."""
