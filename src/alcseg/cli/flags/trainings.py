"""The flags of the verbs that train, and of those that gather what trainings left."""

from argparse import ArgumentParser

from alcseg.cli.flags.shared import (
    Verbs,
    add_device,
    add_engine,
    add_launcher,
    add_output,
    add_overwrite,
    add_seed,
    add_set,
    add_workers,
    new_verb,
)
from alcseg.cli.values import jobs_or_auto, whole

__all__ = ["add_audit", "add_benchmark", "add_report", "add_train"]

_SIDE_BY_SIDE = (
    "{} side by side; by default auto: one per GPU, else one per core with a thread each, fewer where memory "
    "holds fewer, and with as many threads as those begun in the folder"
)


def add_audit(verbs: Verbs) -> ArgumentParser:
    """The flags of `alcseg audit`."""
    verb = new_verb(
        verbs,
        "audit",
        "say which labels are wrong, how, where and by how much",
        "No trusted label is needed: networks judge cases that they never saw. Called again it goes on.",
    )
    verb.add_argument("dataset", metavar="DATASET", help="dataset folder")
    verb.add_argument("--out", metavar="DIR", required=True, help="folder of the audit")
    verb.add_argument(
        "--run",
        metavar="RUN",
        help="judge by this run and train nothing; cases that it was trained on are marked",
    )
    verb.add_argument(
        "--folds", type=int, metavar="K", help="parts of the set, one training each (default: 3)"
    )
    verb.add_argument(
        "--repeats", type=int, metavar="N", help="times that the set is dealt into folds anew (default: 1)"
    )
    verb.add_argument(
        "--steps", type=whole(1), metavar="N", help="optimizer steps of each training (default: 400)"
    )
    verb.add_argument(
        "--rounds",
        type=int,
        metavar="1|2",
        help="most rounds; the second trains without wrong labels (default: 2)",
    )
    verb.add_argument(
        "--method",
        metavar="NAME",
        help="of the trainings, one that needs no trusted labels (default: hl_sup)",
    )
    add_set(verb)
    add_seed(verb, "folds, trainings and simulated errors")
    add_device(verb)
    add_engine(verb, by_default="torch with folded batch normalizations")
    add_workers(verb, "data loading processes; changes speed, never results")
    add_launcher(verb, _SIDE_BY_SIDE.format("trainings") + "; 1 works in this process", jobs_or_auto)
    return verb


def add_train(verbs: Verbs) -> ArgumentParser:
    """The flags of `alcseg train`."""
    verb = new_verb(
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
    add_output(verb, what="run folder; given again, the training goes on where it stopped")
    verb.add_argument(
        "--config", metavar="FILE", help="YAML file of settings, over the preset and under --set"
    )
    add_set(verb)
    verb.add_argument(
        "--val-hq", type=int, metavar="N", help="HQ cases held out for validation where no case has split=val"
    )
    verb.add_argument(
        "--hq-from",
        metavar="AUDIT",
        help="the labels that this audit trusts are HQ, all others LQ, whatever cases.csv says",
    )
    verb.add_argument(
        "--init",
        metavar="RUN",
        help="begin with the weights of this run; classes and channels go by name",
    )
    verb.add_argument(
        "--steps",
        type=whole(1),
        metavar="N",
        help="short for trainer.steps; with more than it had a finished run goes on",
    )
    verb.add_argument(
        "--dry-run", action="store_true", help="print the plan with time and memory estimates and stop"
    )
    add_seed(verb, "weights, sampling and augmentation")
    add_device(verb)
    add_workers(verb, "data loading processes; changes speed, never results")
    return verb


def add_benchmark(verbs: Verbs) -> ArgumentParser:
    """The flags of `alcseg benchmark`."""
    verb = new_verb(
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
    verb.add_argument(
        "--runs",
        nargs="+",
        default=(),
        metavar="DATASET/ROW/seed-K",
        help="only these, in this order; * and ? match as in a shell: '*/alc/*'",
    )
    verb.add_argument(
        "--records",
        metavar="DIR",
        help="keep what report reads of each finished run there, without data, weights and predictions",
    )
    add_launcher(verb, _SIDE_BY_SIDE.format("runs") + "; 0 works in this process", jobs_or_auto)
    verb.add_argument(
        "--dry-run", action="store_true", help="print runs, time and room on the disk, and stop"
    )
    add_device(verb)
    add_workers(verb, "data loading processes per run; changes speed, never results")
    return verb


def add_report(verbs: Verbs) -> ArgumentParser:
    """The flags of `alcseg report`."""
    verb = new_verb(
        verbs,
        "report",
        "make tables, figures and one page of a benchmark or a run",
        "Reads records, computes nothing anew; an unfinished benchmark is shown as far as it is.",
    )
    verb.add_argument("folder", metavar="DIR", help="folder of a benchmark, finished or not, or a run folder")
    verb.add_argument("--out", metavar="DIR", help="folder of the report, by default DIR/report")
    add_overwrite(verb)
    return verb
