"""The flags of the verbs that let a trained network answer, score answers, and let people look."""

from argparse import ArgumentParser

from alcseg.cli.flags.shared import (
    Verbs,
    add_as,
    add_device,
    add_engine,
    add_launcher,
    add_output,
    add_overwrite,
    add_passes,
    add_seed,
    new_verb,
)

__all__ = ["add_correct", "add_evaluate", "add_export", "add_predict", "add_review"]


def add_predict(verbs: Verbs) -> ArgumentParser:
    """The flags of `alcseg predict`."""
    verb = new_verb(verbs, "predict", "segment images, on the grid of each input")
    verb.add_argument(
        "run", metavar="RUN", help="run folder, or a .pt2, .onnx file or bundle that `export` made of one"
    )
    verb.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="file, folder, quoted glob, .txt or .csv list or DICOM series folder",
    )
    add_output(verb, what="folder for the label maps; given again, cases that are finished stay")
    verb.add_argument(
        "--with",
        dest="others",
        nargs="+",
        action="extend",
        default=[],
        metavar="RUN",
        help="further runs or exports that answer together with RUN, by the mean of all probabilities",
    )
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
    add_as(verb, "format of the label maps")
    add_passes(verb)
    add_seed(verb, "the perturbations behind --uncertainty, mixed with each case id")
    add_device(verb)
    add_engine(verb)
    verb.add_argument(
        "--num-parts", type=int, metavar="N", help="share the cases, sorted by name, out to N parts"
    )
    verb.add_argument(
        "--part-id",
        type=int,
        metavar="K",
        help="predict only part K of --num-parts, from 0, into the same --out; without it all parts, as jobs",
    )
    add_launcher(
        verb, "jobs side by side, by default one per GPU, else one in this process; also the number of parts"
    )
    return verb


def add_export(verbs: Verbs) -> ArgumentParser:
    """The flags of `alcseg export`."""
    verb = new_verb(
        verbs,
        "export",
        "write a model that runs elsewhere, with its plan in the file",
        "The exported network is compared with the trained one; where they differ by more than 1e-4, nothing "
        "is written. `predict` takes the file as it takes a run.",
    )
    verb.add_argument("run", nargs="+", metavar="RUN", help="run folder, one")
    verb.add_argument(
        "--to",
        required=True,
        choices=("pt2", "onnx", "bundle"),
        help="torch.export, ONNX (opset 18), or a MONAI bundle",
    )
    verb.add_argument("--out", metavar="PATH", required=True, help="file, or the folder of a bundle")
    verb.add_argument(
        "--data",
        metavar="DATASET",
        help="dataset of the run, a case of which serves for the comparison (default: seeded noise)",
    )
    verb.add_argument("--license", metavar="FILE", help="text that becomes the LICENSE of a bundle")
    verb.add_argument("--overwrite", action="store_true", help="replace what PATH holds")
    return verb


def add_correct(verbs: Verbs) -> ArgumentParser:
    """The flags of `alcseg correct`."""
    verb = new_verb(verbs, "correct", "write a new dataset with mended LQ labels and a review list")
    verb.add_argument("run", metavar="RUN", help="run folder; with --oof the folder of an audit")
    verb.add_argument("dataset", metavar="DATASET", help="dataset folder whose LQ labels are mended")
    add_output(verb, what="dataset folder to make")
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
    verb.add_argument(
        "--add-undrawn",
        action="store_true",
        help="draw classes that nobody drew in a doubted label, as predicted; nothing tells how good it is",
    )
    add_as(verb, "write all labels once more, into DIR/exported", default=None)
    add_passes(verb)
    add_seed(verb, "the perturbations and the simulated errors, mixed with each case id")
    add_device(verb)
    add_engine(verb)
    return verb


def add_evaluate(verbs: Verbs) -> ArgumentParser:
    """The flags of `alcseg evaluate`."""
    verb = new_verb(verbs, "evaluate", "score label maps against a reference")
    verb.add_argument("pred", metavar="PRED", help="folder of predicted label maps, or a dataset folder")
    verb.add_argument("truth", metavar="TRUTH", help="the same of the reference")
    add_output(verb, what="folder for per_case.csv and summary.json")
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
    verb.add_argument(
        "--ignore-label",
        type=int,
        metavar="VALUE",
        help="value of voxels that nobody labeled, which do not count (default: that of --dataset)",
    )
    verb.add_argument("--quality", choices=("hq", "lq", "unlabeled"), help="only these cases of --dataset")
    verb.add_argument("--split", choices=("train", "val", "test"), help="only these cases of --dataset")
    return verb


def add_review(verbs: Verbs) -> ArgumentParser:
    """The flags of `alcseg review`."""
    verb = new_verb(
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
        "--export",
        metavar="DST",
        help="write .seg.nrrd files for 3D Slicer, or what --as says, and decisions.jsonl",
    )
    instead.add_argument(
        "--import",
        dest="import_folder",
        metavar="DIR",
        help="take labels that were mended elsewhere as decisions",
    )
    add_as(instead, "with --export: format of the label maps", default=None)
    add_overwrite(verb)
    return verb
