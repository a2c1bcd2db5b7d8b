"""Flags with values that cannot be, and some that can."""

import random

from accidents.damage import WRITES
from accidents.trial import BAD_DATA, COMMANDS, DONE, WRONG_USE, Trial

WRONG = {
    "import": (
        "--val-fraction 1.5", "--val-fraction -0.1", "--val-fraction nan", "--test-fraction 1", "--val-fraction 0.6 --test-fraction 0.6",
        "--seed -1", "--seed 1.5", "--seed x", "--seed 4294967296", "--spacing 0 1 1", "--spacing -1 1 1", "--spacing nan 1 1", "--spacing 1 1", "--spacing inf 1 1",
        "--label-map x=1", "--label-map 1", "--label-map 1=2=3", "--label-map 1.5=1", "--format bmp", "--group-regex (", "--group-regex [",
        "--archive 0", "--archive -3", "--archive x", "--unknown", "--val-fractoin 0.1", "--label-map 99999999999999999999=1", "--test",
        "--in-order --seed",
    ),
    "check": ("--fix=3", "extra", "--fxi", "--out {out}"),
    "corrupt": (
        "--model blob", "--size 1", "--size -3 -1", "--size 5 2", "--size nan 2", "--size inf inf", "--size 1e30 1e31", "--unit parsec",
        "--workers -1", "--workers 1.5", "--seed -2", "--seed 99999999999", "--hq-fraction 0.5", "--model network", "--model ball --unit percent --size 1 2",
    ),
    "dry run": (
        "--val-hq -1", "--val-hq x", "--seed -1", "--device gpu", "--device cpu:5", "--preset heart",
        "--method none", "--set", "--set trainer.steps", "--set trainer.steps=", "--set trainer.steps=0", "--set trainer.steps=1e3x",
        "--set trainer.steps=[1]", "--set trainer.steps=1_000", "--set trainer.learning_rate=-1", "--set trainer.learning_rate=nan",
        "--set trainer.learning_rate=.inf", "--set data.patch=[16,16,16,16]", "--set data.patch=16", "--set data.patch=[1e9,16,16]",
        "--set data.spacing=[0,1,1]", "--set data.spacing=[-1,1,1]", "--set data.spacing=[.nan,1,1]", "--set data.foreground=1.5",
        "--set data.rotate_plane=[0,0]", "--set data.rotate_plane=[0,3]", "--set data.flip_axes=[0,0]", "--set data.flip_axes=[3]",
        "--set network.filters=-2", "--set network.filters=1.5", "--set network.dropout=1", "--set network.dropout=-0.1",
        "--set network.depth_of=3", "--set network.name=resnet", "--set method.alpha=-1", "--set method.alpha=nan", "--set method.name=x",
        "--set trainer.precision=8", "--set trainer.devices=0", "--set trainer.devices=-1", "--set ..=1", "--set =1", "--set a.b.c.d=1",
        "--set data.hq_batch=-1", "--set data.normalization=max", "--set trainer.checkpoint_every=0", "--set trainer.log_every=-1",
        "--set trainer.validate_every=-1", "--set data.patch=[[16],[16],[16]]", "--set data.cache=3", "--set trainer.steps=99999999999999999999",
        "--set data.patch={{a:1}}", "--set trainer.weight_decay=-1", "--set trainer.momentum=2",
    ),
    "train": ("--workers -1", "--workers 1.5", "--set method.noise_std=-0.1", "--set data.lq_batch=-1"),
    "predict": (
        "--passes 0", "--passes -1", "--passes 1.5", "--seed -1", "--window box", "--network master", "--device tpu", "--device cuda:-1",
        "--passes 0 --uncertainty", "--spacing 1 1 1", "--network teacher --network pupil",
    ),
    "correct": ("--risk -0.1", "--risk 1.5", "--risk nan", "--how best", "--passes 0", "--passes -3", "--seed -1", "--risk x", "--risk inf"),
    "evaluate": (
        "--tolerance-mm -1", "--tolerance-mm nan", "--tolerance-mm inf", "--protocol cm", "--split all", "--quality best", "--tolerance-mm x",
        "--dataset",
    ),
    "audit": (
        "--folds 1", "--folds 0", "--folds -2", "--repeats 0", "--steps 0", "--steps -5", "--rounds 3", "--rounds 0", "--method alc",
        "--method x", "--jobs -1", "--slurm partition", "--launcher ssh", "--seed -1", "--workers -1",
    ),
    "benchmark": ("--jobs -1", "--jobs x", "--launcher ssh", "--slurm x", "--workers -1", "--device tpu"),
    "report": ("--overwrite=1", "extra", "--out"),
    "review --export": ("--pass 0", "--pass -1", "--port 99999 --pass 0", "--reviewer", "--apply {out}2", "--pass x"),
    "cache": ("--keep-gib -1", "--keep-gib nan", "--keep-gib x", "--prune --keep-gib -1", "--prune --keep-gib inf --x"),
}  # fmt: skip
RIGHT = {
    "import": ("--val-fraction 0.2 --seed 7", "--test-fraction 0.3", "--group-regex scan", "--hq-list {lists}/trusted.txt", "--in-order --val-fraction 0.2",
               "--label-map 2=1", "--val-fraction 0", "--json", "-v"),
    "check": ("--json", "-v", "--fix"),
    "corrupt": ("--model ball", "--model smooth_boundary", "--model slice_offset", "--workers 1", "--model reader",
                "--no-keep-nonempty", "--size 1 2 --unit voxel", "--model markov_boundary --unit mm"),
    "dry run": ("--workers 2", "--set trainer.steps=007", "--seed 3", "--method mean_teacher", "--method h_sup", "--json", "--set trainer.learning_rate=1e-3"),
    "predict": ("--uncertainty --passes 2", "--probabilities", "--window lineage", "--network student", "--json", "--seed 1"),
    "evaluate": ("--protocol paper", "--tolerance-mm 2", "--json", "--dataset {noisy}"),
    "cache": ("--json", "--prune", "--prune --keep-gib 1"),
    "report": ("--json",),
    "report of a run": ("--json",),
}  # fmt: skip
PLAIN = {
    "methods": (("methods", DONE), ("methods alc", DONE), ("methods alcc", WRONG_USE), ("methods ''", WRONG_USE), ("methods --json", DONE),
                ("methods h_sup --json", DONE), ("methods ../alc", WRONG_USE), ("methods alc alc", WRONG_USE), ("methods --all", WRONG_USE)),
    "doctor": (("doctor", DONE | {5}), ("doctor --json", DONE | {5}), ("doctor x", WRONG_USE), ("doctor --fix", WRONG_USE)),
    "no verb": (("impot {plain} {out}", WRONG_USE), ("--help", DONE), ("--version", DONE), ("train", WRONG_USE), ("predict {run}", WRONG_USE),
                ("import {plain}", WRONG_USE), ("corrupt {phantoms} {out}", WRONG_USE), ("check", WRONG_USE), ("-x", WRONG_USE)),
    "dry run": ((f"{COMMANDS['dry run']} --device cuda:99", frozenset({5})),),
    "train": ((f"{COMMANDS['train']} --val-hq 99", DONE),),  # said not to be used: there are validation cases
    "cache": (("cache {nowhere}", BAD_DATA | WRONG_USE), ("cache {lists}/cases.txt", BAD_DATA | WRONG_USE), ("cache {lists}", DONE | BAD_DATA)),
    "predict": (("predict {run} {nowhere} --out {out} --device cpu", BAD_DATA), ("predict {new} {new} --out {out} --device cpu", BAD_DATA),
                ("predict {nowhere} {new} --out {out} --device cpu", BAD_DATA), ("predict {run} {run} --out {out} --device cpu", BAD_DATA),
                ("predict {run} {new}/*.mha --out {out} --device cpu", BAD_DATA), ("predict {run} {new}/new0.nii.gz {new}/new0.nii.gz --out {out} --device cpu", DONE | WRONG_USE),
                ("predict {run} {new} {new} --out {out} --device cpu", DONE | WRONG_USE), ("predict {run} {lists}/trusted.txt --out {out} --device cpu", BAD_DATA)),
    "check": (("check {nowhere}", BAD_DATA), ("check {plain}", BAD_DATA), ("check {lists}/cases.csv", BAD_DATA), ("check {run}", BAD_DATA), ("check ''", BAD_DATA | WRONG_USE)),
    "evaluate": (("evaluate {nowhere} {noisy} --out {out}", BAD_DATA), ("evaluate {predictions} {nowhere} --out {out}", BAD_DATA),
                 ("evaluate {lists} {lists} --out {out}", BAD_DATA), ("evaluate {predictions} {noisy} --split val --out {out}", BAD_DATA),
                 ("evaluate {noisy} {noisy} --out {out}", DONE), ("evaluate {predictions} {predictions} --out {out}", DONE | BAD_DATA)),
    "report": (("report {nowhere} --out {out}", BAD_DATA), ("report {noisy} --out {out}", BAD_DATA), ("report {lists}/cases.csv --out {out}", BAD_DATA)),
    "correct": (("correct {noisy} {noisy} --out {out}", BAD_DATA), ("correct {run} {run} --out {out}", BAD_DATA), ("correct {run} {plain} --out {out}", BAD_DATA),
                ("correct {run} {noisy} --out {out} --oof", BAD_DATA)),
    "audit": (("audit {plain} --out {out}", BAD_DATA), ("audit {noisy} --folds 99 --out {out}", BAD_DATA), ("audit {nowhere} --out {out}", BAD_DATA), ("audit {noisy} --out {run}", BAD_DATA | WRONG_USE)),
    "benchmark": (("benchmark nothing --out {out}", WRONG_USE), ("benchmark smoke --out {out} --dry-run", DONE), ("benchmark {bench} --out {out}", WRONG_USE | BAD_DATA),
                  ("benchmark table9 --out {out} --dry-run", WRONG_USE), ("benchmark {lists}/config.yaml --out {out} --dry-run", WRONG_USE | BAD_DATA)),
    "review --export": (("review {plain} --export {out}", BAD_DATA), ("review {nowhere} --export {out}", BAD_DATA),
                        ("review {correction} --export {out} --book {nowhere}/x/book.sqlite", BAD_DATA | WRONG_USE | DONE)),
    "import": (("import {nowhere} {out}", BAD_DATA), ("import {lists} {out}", BAD_DATA), ("import {lists}/cases.csv {out}", BAD_DATA),
               ("import {plain} {out} --hq-list {nowhere}", BAD_DATA), ("import {plain} {out} --test {nowhere}", BAD_DATA), ("import {plain} {out} --hq-list {plain}", BAD_DATA),
               ("import {plain} {out} --format dicom", BAD_DATA), ("import {dicom} {out} --format nifti", BAD_DATA), ("import {plain} {out} --test {plain}", BAD_DATA),
               ("import {h5} {out}", BAD_DATA | WRONG_USE), ("import {h5} {out} --spacing 2 2 2", DONE), ("import {nrrd} {out}", DONE), ("import {dicom} {out}", DONE),
               ("import {msd} {out}", DONE), ("import {phantoms} {out}", DONE), ("import {plain} {out} --archive", BAD_DATA), ("import {h5} {out} --format msd", BAD_DATA)),
}  # fmt: skip


def trials(rng: random.Random) -> list[Trial]:
    """Each of the lists once."""
    found = []
    for codes, lists in ((WRONG_USE, WRONG), (DONE, RIGHT)):
        for verb, kinds in lists.items():
            for flag in kinds:
                words = (*COMMANDS[verb].split(), *flag.replace("{{", "{").replace("}}", "}").split())
                found.append(Trial(verb, flag, words, codes, writes=_writes(verb, flag)))
    for verb, commands in PLAIN.items():
        for command, codes in commands:
            words = tuple("" if word == "''" else word for word in command.split())
            found.append(Trial(verb, command, words, frozenset(codes), writes=_writes(verb, command)))
    return found


def _writes(verb: str, flag: str) -> tuple[str, ...]:
    may = WRITES.get(verb, ())
    return (*may, "noisy") if "--fix" in flag else (*may, "cached") if "--prune" in flag else may
