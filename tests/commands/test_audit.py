"""`alcseg audit` from end to end on phantoms: worst labels first, files, and what is refused."""

import importlib
import pickle
import re
import shutil
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from alcseg.audited import Audit
from alcseg.auditing.judge import Judgment
from alcseg.commands._findings import Findings
from alcseg.commands._out_of_fold import Fold
from alcseg.commands.audit import audit
from alcseg.commands.correct import correct
from alcseg.commands.train import train
from alcseg.data.folder import Dataset
from alcseg.data.nifti import read_label
from alcseg.data.phantoms import write_phantoms
from alcseg.data.writer import write_label
from alcseg.errors import CheckpointError, ConfigError, DataError, UsageError
from alcseg.launching import LocalLauncher
from alcseg.records.audit import AuditRecord, AuditRow, RegionRow
from alcseg.records.cases import CaseRow
from alcseg.records.fingerprint import FingerprintRow
from alcseg.records.run import RunRecord
from alcseg.run import Run

SMALL = ("network.filters=4", "data.patch=[32,32,16]", "trainer.precision=32")
WRONG = ("phantom_002", "phantom_005", "phantom_009")


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory) -> Path:
    """Twelve phantoms: a label mirrored, one empty of a class, one that is another's."""
    root = write_phantoms(
        tmp_path_factory.mktemp("audit") / "data", train=12, val=0, test=1, shape=(32, 32, 24), seed=2
    )
    folder = Dataset.open(root)
    for name, change in (
        (WRONG[0], lambda label: np.flip(label, 0)),
        (WRONG[1], lambda label: np.where(label == 2, 0, label)),
        (WRONG[2], lambda label: folder.read_label("phantom_001").array),
    ):
        label = folder.read_label(name)
        write_label(label.path, np.ascontiguousarray(change(label.array)), label)
    return root


@pytest.fixture(scope="module")
def result(spoiled) -> Audit:
    return audit(spoiled, out=spoiled.parent / "out", folds=2, steps=60, rounds=1, set=SMALL, device="cpu")


@pytest.mark.timeout(600)
def test_wrong_labels_stand_at_the_top(result):
    assert len({row.case_id for row in result.ranking}) == 12
    ranks = {row.case_id: row.rank for row in result.ranking}
    assert sorted(ranks.values()) == list(range(1, 13))
    # Even networks that were trained for seconds see that a label is mirrored.
    assert ranks[WRONG[0]] <= 3
    assert sum(ranks[name] for name in WRONG) / 3 <= 6
    for row in result.ranking:
        assert 0 <= row.dice_low <= row.dice <= row.dice_high <= 1
        assert row.class_name in row.words


@pytest.mark.timeout(600)
def test_equal_label_maps_are_named(result):
    assert result.record.duplicates == (("phantom_001", WRONG[2]),)


@pytest.mark.timeout(600)
def test_the_folder_says_where_and_whom_to_trust(result, spoiled):
    assert Audit.open(result.path).ranking == result.ranking
    assert RegionRow.read(result.path) == result.regions
    voxels = np.prod(Dataset.open(spoiled).read_label(WRONG[1]).spacing)
    assert all(row.mm3 >= 8 * voxels - 0.1 for row in result.regions)
    trusted = (result.path / "trusted.txt").read_text().split()
    assert tuple(trusted) == result.trusted
    assert not set(trusted) & {WRONG[0], WRONG[2]}


@pytest.mark.timeout(600)
def test_maps_of_what_differs_hold_the_voxels_of_the_regions(result, spoiled):
    given = Dataset.open(spoiled).read_label(WRONG[0])
    missing, extra = (read_label(result.path / name / f"{WRONG[0]}.nii.gz") for name in ("missing", "extra"))
    np.testing.assert_allclose(missing.affine, given.affine)
    drawn = extra.array != 0
    np.testing.assert_array_equal(extra.array[drawn], given.array[drawn])
    assert not ((missing.array == given.array) & (missing.array != 0)).any()
    for what, found in (("missing", missing), ("extra", extra)):
        mm3 = sum(row.mm3 for row in result.regions if row.case_id == WRONG[0] and row.what == what)
        assert 0 < mm3 <= (found.array != 0).sum() * np.prod(given.spacing) + 0.1


@pytest.mark.timeout(600)
def test_the_worst_labels_can_be_seen(result):
    assert (result.path / "worst.png").read_bytes().startswith(b"\x89PNG")
    assert len(result.plot(cases=5).axes) == 8  # two lines of four, three of them empty
    html = result._repr_html_()
    assert html.count("<img ") == 1
    assert (result.record.verdict if result.record.knows_little else "of 12 labels seem wrong") in html
    assert len(html) < 300_000


@pytest.mark.timeout(600)
def test_a_case_is_told_by_its_worst_class(result):
    worst = result.worst
    assert [row.rank for row in worst] == list(range(1, 13))
    for line in worst:
        assert line.dice == min(row.dice for row in result.ranking if row.case_id == line.case_id)


@pytest.mark.timeout(600)
def test_tables_are_data_frames(result):
    assert list(result.to_frame().columns)[:4] == ["rank", "case_id", "class", "dice"]
    assert len(result.to_frame("regions")) == len(result.regions)
    with pytest.raises(UsageError, match="ranking or regions"):
        result.to_frame("offsets")


@pytest.mark.timeout(600)
def test_a_second_call_trains_nothing_and_finds_the_same(result, spoiled, monkeypatch):
    monkeypatch.setattr(importlib.import_module("alcseg.training.fit"), "fit_stage", None)
    again = audit(spoiled, out=result.path, folds=2, steps=60, rounds=1, set=SMALL, device="cpu")
    assert again.ranking == result.ranking


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"folds": 1}, UsageError, "--folds of at least 2"),
        ({"rounds": 3}, UsageError, "--rounds 1 or 2"),
        ({"workers": -1}, UsageError, "--workers: expected 0 or more"),
        ({"device": "tpu"}, UsageError, "--device: expected auto, cpu"),
        ({"folds": 20}, DataError, "at least 20 groups"),
        ({"method": "h_sup"}, UsageError, "needs no trusted labels"),
        ({"method": "hlsup"}, ConfigError, "hl_sup"),
        ({"launcher": "lsf"}, UsageError, "one of local, slurm"),
        ({"slurm": ["partition=gpu"]}, UsageError, "expected --launcher slurm beside it"),
        ({"run": "somewhere"}, CheckpointError, "expected a run folder"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_trained(spoiled, tmp_path, options, error, words):
    with pytest.raises(error, match=words):
        audit(spoiled, out=tmp_path / "out", **options)


@pytest.mark.timeout(600)
def test_a_folder_goes_on_with_its_own_audit_alone(result, spoiled, tmp_path):
    options = {"out": result.path, "folds": 2, "steps": 60, "rounds": 1, "set": SMALL, "device": "cpu"}
    with pytest.raises(ConfigError, match=r"holds a run with trainer.steps=60, asked for 50"):
        audit(spoiled, **options | {"steps": 50})
    with pytest.raises(UsageError, match=r"trained on .*the folder holds an audit with other folds"):
        audit(spoiled, **options | {"folds": 3})
    other = write_phantoms(tmp_path / "other", train=12, val=0, test=1, shape=(32, 32, 24), seed=3)
    with pytest.raises(UsageError, match="found one that saw another image of case 'phantom_"):
        audit(other, **options)


def test_a_training_that_was_killed_before_it_began_begins_anew(result, spoiled, tmp_path):
    source = Dataset.open(spoiled)
    settings = Run.open(result.run_path(0)).settings
    steps = settings.trainer.model_copy(update={"steps": 1, "checkpoint_every": 1})
    settings = settings.model_copy(update={"trainer": steps})
    rows = source.rows_where(split="train")
    fold = Fold("fold 1 of 2", source, rows[:6], rows[6:8], settings, tmp_path / "fold-0", 0)
    fold.run.path.mkdir(parents=True)
    (fold.run.path / ".partial-1x-config.yaml").touch()
    fold.work("cpu")
    assert fold.run.finished
    assert {path.name for path in (fold.root / "cases").glob("*.probs.npy")} == {
        f"{row.case_id}.probs.npy" for row in rows[6:8]
    }


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_trainings_may_be_jobs_of_slurm(spoiled, tmp_path):
    pytest.importorskip("submitit")
    options = {"folds": 2, "steps": 1, "rounds": 1, "set": SMALL, "device": "cpu"}
    found = audit(spoiled, out=tmp_path / "out", launcher="slurm", slurm=["cluster=local"], **options)
    assert all(found.run_path(fold).joinpath("DONE").is_file() for fold in (0, 1))
    assert len(list((found.path / "slurm").glob("*_log.out"))) == 2


def test_logs_of_a_launcher_may_lie_in_a_folder_that_is_new(spoiled, tmp_path, monkeypatch):
    """SLURM's are there before the first job."""

    def make_launcher(name, folder, **options):
        (folder / "slurm").mkdir(parents=True)
        raise DataError("ready for jobs")

    monkeypatch.setattr("alcseg.commands.audit.make_launcher", make_launcher)
    with pytest.raises(DataError, match="ready for jobs"):
        audit(spoiled, out=tmp_path / "out", launcher="slurm", slurm=["cluster=local"])
    with pytest.raises(UsageError, match="found files in it"):  # nothing was begun, so they are of others
        audit(spoiled, out=tmp_path / "out", steps=1, set=SMALL, device="cpu")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("launcher", "slurm"), ("slurm", ["qos=low"]), ("jobs", 2), ("workers", 1), ("repeats", 1),
        ("set", ["data.patch=[8,8,8]"]), ("folds", 3), ("steps", 400), ("rounds", 2), ("method", "hl_sup"),
    ],
)  # fmt: skip
def test_a_run_is_not_told_how_to_train(result, spoiled, tmp_path, name, value):
    """Also where it is told what a training would do anyway: whoever says so expects a training."""
    with pytest.raises(UsageError, match=rf"nothing is trained, got --{name}\. Leave out it, or --run"):
        audit(spoiled, out=tmp_path / "out", run=result.run_path(0), **{name: value})
    assert not (tmp_path / "out").exists()


def test_every_option_of_trainings_that_a_run_is_told_is_named(alcseg, result, spoiled, tmp_path):
    words = ("--run", str(result.run_path(0)), "--rounds", "2", "--folds", "5")
    found = alcseg("audit", str(spoiled), "--out", str(tmp_path / "out"), *words)
    assert found.code == 2
    assert "got --folds, --rounds. Leave out them, or --run." in found.err


def test_a_dataset_without_labels_cannot_be_judged(tmp_path):
    root = write_phantoms(tmp_path / "data", train=2, val=0, test=1, shape=(16, 16, 16), seed=2)
    rows = [row.model_copy(update={"quality": "unlabeled"}) for row in CaseRow.read(root)]
    CaseRow.write(root, rows)
    with pytest.raises(DataError, match="expected labels of the splits train and val to judge, found none"):
        audit(root, out=tmp_path / "out")


def test_a_training_that_fails_ends_the_audit_after_the_others(spoiled, tmp_path, monkeypatch):
    asked = []

    def work(self, device):
        asked.append(self.name)
        raise DataError(f"no luck with {self.name}")

    monkeypatch.setattr(Fold, "work", work)
    with pytest.raises(DataError, match=r"no luck with fold 1 of 3 \(round-1\)"):
        audit(spoiled, out=tmp_path / "out", steps=1, set=SMALL, device="cpu")
    assert asked == [f"fold {number} of 3 (round-1)" for number in (1, 2, 3)]


def test_the_output_may_not_lie_in_the_dataset(spoiled):
    with pytest.raises(UsageError, match="outside of the source"):
        audit(spoiled, out=spoiled / "audit")


@pytest.mark.timeout(600)
def test_a_folder_of_other_files_is_no_place_for_an_audit(spoiled, tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(UsageError, match="expected an empty or new output folder, found files in it"):
        audit(spoiled, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_run_may_judge_and_what_it_has_seen_is_marked(result, spoiled, tmp_path):
    run = Run.open(result.run_path(0))
    found = audit(spoiled, out=tmp_path / "out", run=run, device="cpu")
    seen = set(run.record.train_cases)
    assert {row.case_id for row in found.ranking if row.in_sample} == seen
    assert {row.fold for row in found.ranking} == {0}
    assert (found.record.run, len(found.record.rounds), found.record.method) == (str(run.path), 1, "hl_sup")
    assert (found.record.folds, found.record.steps) == (1, 0)  # undivided, and nothing was trained
    assert not (tmp_path / "out" / "folds").exists()
    page = (found.path / "report.html").read_text(encoding="utf-8")
    assert f"prediction by {run.path}" in page
    assert "--oof" not in page
    assert "never saw" not in page
    with pytest.raises(
        DataError, match="expected an audit whose networks never saw the labels, found one by"
    ):
        correct(found, spoiled, out=tmp_path / "corrected", oof=True, device="cpu")


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ("lq", "expected training labels of quality lq that the audit in .* Call those lq in cases.csv"),
        ("hq", "expected training labels that the audit in .* does not trust, found none"),
    ],
)
def test_an_audit_that_trusts_what_could_be_corrected_is_told_from_one_that_trusts_all(
    small, tmp_path, first, words
):
    source, audited = tmp_path / "data", tmp_path / "audit"
    shutil.copytree(small, source)
    one, *others = Dataset.open(source).rows
    CaseRow.write(source, [one.model_copy(update={"quality": first}), *others])
    rows = [
        AuditRow(
            rank=rank, case_id=row.case_id, class_name="organ", dice=0.5, dice_low=0, dice_high=1,
            surface_mm=1, kind="ragged", kind_probability=0.9, agreement=0.5, quality=row.quality, fold=0,
            words="",
        )
        for rank, row in enumerate((one, *others), start=1)
    ]  # fmt: skip
    AuditRow.write(audited, rows)
    AuditRecord(
        dataset=str(source), method="hl_sup", steps=1, folds=2, seed=0, draws=1, cases=len(rows),
        bad_below=0.85, rounds=(), wrong=1, kinds={}, verdict="",
        trusted=tuple(row.case_id for row in rows[: 1 if first == "lq" else None]),
    ).write(audited)  # fmt: skip
    with pytest.raises(DataError, match=words):
        correct(audited, source, out=tmp_path / "out", oof=True, device="cpu")


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """Four phantoms of few voxels."""
    return write_phantoms(
        tmp_path_factory.mktemp("small") / "data", train=4, val=0, test=0, shape=(16, 16, 16), seed=2
    )


QUICK = {"folds": 2, "steps": 1, "rounds": 1, "set": (*SMALL, "data.patch=[16,16,16]"), "device": "cpu"}


def test_repeats_are_dealt_anew_and_averaged(small, tmp_path):
    found = audit(small, out=tmp_path / "out", repeats=2, **QUICK)
    assert found.record.repeats == 2
    folders = sorted(
        path.parent.relative_to(found.path).as_posix() for path in found.path.rglob("run/run.json")
    )
    assert folders == [
        f"folds/{repeat}round-1/fold-{fold}/run" for repeat in ("repeat-2/", "") for fold in (0, 1)
    ]
    one, two = ({*Run.open(found.path / name).record.train_cases} for name in folders[::2])
    assert one != two  # dealt anew
    single = audit(small, out=tmp_path / "single", **QUICK)
    assert single.ranking != found.ranking


def test_networks_that_know_nothing_propose_nothing(small, tmp_path, alcseg):
    """After one step all intervals run from 0 to 1, and a second round would have nothing to go by."""
    options = ("--folds", "2", "--steps", "1", "--jobs", "1", "--device", "cpu")
    settings = ("--set", *SMALL, "data.patch=[16,16,16]")
    found = alcseg("audit", str(small), "--out", str(tmp_path / "out"), *options, *settings)
    record = Audit.open(tmp_path / "out").record
    assert (len(record.rounds), record.blind, record.knows_little) == (1, record.cases, True)
    assert "know too little to judge these labels: the Dice of" in " ".join(found.out.split())
    assert "Go on from here" not in found.out
    opened = Audit.open(tmp_path / "out")
    assert "labels seem wrong" not in opened._repr_html_()
    for count in (0, -1):
        with pytest.raises(UsageError, match=f"at least one case to draw, got cases={count}"):
            opened.plot(cases=count)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "None, before longer trained networks say the same" in page
    assert "--hq-from" not in page


def test_three_labels_are_judged_though_one_fold_holds_all_that_is_believed(tmp_path):
    root = write_phantoms(tmp_path / "data", train=3, val=0, test=0, shape=(16, 16, 16), seed=2)
    found = audit(root, out=tmp_path / "out", **QUICK | {"folds": 3})
    assert {row.fold for row in found.ranking} == {0, 1, 2}
    assert found.record.rounds[0].believed == 1


def test_jobs_are_trained_side_by_side_and_change_nothing(small, tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO", logger="alcseg")
    side_by_side = []

    def launch(launcher, jobs, ended):
        side_by_side.append((launcher.side_by_side, len(jobs)))
        for job in pickle.loads(pickle.dumps(jobs)):  # as they reach other processes
            ended(job, job.work(launcher.device))

    monkeypatch.setattr(LocalLauncher, "_start_all", launch)
    found = audit(small, out=tmp_path / "out", jobs=2, **QUICK)
    assert side_by_side == [(2, 2)]
    assert re.search(
        r"2 trainings of 1 steps, about \d+ minutes in all, 2 side by side, \d+ thread", caplog.text
    )
    caplog.clear()
    assert found.ranking == audit(small, out=tmp_path / "here", jobs=1, **QUICK).ranking
    assert side_by_side == [(2, 2)]
    assert "minutes in all, one after the other" in caplog.text


def test_trainings_share_the_cores_and_go_on_as_they_began(small, tmp_path, caplog, launched):
    caplog.set_level("INFO", logger="alcseg")
    for begun in (None, 1):
        if begun:
            RunRecord(device="cpu", threads=begun).write(tmp_path / "out/folds/round-1/fold-1/run")
        with pytest.raises(KeyboardInterrupt):
            audit(small, out=tmp_path / "out", jobs="auto", **QUICK)
    assert launched == [(2, 2, 2), (2, 1, 2)]
    told = [message for message in caplog.messages if "minutes in all" in message]
    assert [message.rpartition("in all, ")[2] for message in told] == [
        "2 side by side, 2 threads each",
        "2 side by side, 1 thread each",
    ]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_jobs_are_processes_of_their_own(small, tmp_path):
    found = audit(small, out=tmp_path / "out", jobs=2, **QUICK)
    assert all(found.run_path(fold).joinpath("DONE").is_file() for fold in (0, 1))


@pytest.mark.timeout(600)
def test_the_page_tells_what_was_found(result):
    page = (result.path / "report.html").read_text(encoding="utf-8")
    assert result.record.verdict.split(";")[0] in page
    assert all(row.case_id in page for row in result.ranking)
    assert f"One and the same label map: phantom_001 and {WRONG[2]}." in page
    doubted = list(dict.fromkeys(row.case_id for row in result.ranking if row.case_id not in result.trusted))
    assert re.findall(r'<article class="case" id="case-([^"]*)"', page) == doubted
    assert page.count('role="img"') == 3 * len(doubted)
    assert f"?case={doubted[0]}&amp;region=1&amp;of={result.path.name}" in page
    assert sum(point.n for point in result.record.foretold) >= 8  # simulated errors
    assert "How far to believe it" in page


@pytest.mark.timeout(600)
def test_hq_labels_that_seem_wrong_are_named(result):
    assert WRONG[0] in result.record.doubted_hq  # cases.csv of the phantoms calls all labels hq
    assert set(result.record.doubted_hq).isdisjoint(result.trusted)


@pytest.mark.timeout(600)
def test_a_training_goes_on_from_what_an_audit_trusts_and_a_correction_from_that(result, spoiled, tmp_path):
    trusted = ("phantom_001", "phantom_003", "phantom_004", "phantom_006", "phantom_007")
    audited = tmp_path / "audit"
    audited.mkdir()
    result.record.model_copy(update={"trusted": trusted}).write(audited)
    AuditRow.write(audited, result.ranking)
    run = train(
        spoiled,
        out=tmp_path / "run",
        method="h_sup",
        hq_from=audited,
        device="cpu",
        set=(*SMALL, "trainer.steps=3"),
    )
    assert {*run.record.hq_cases, *run.record.val_cases} == set(trusted)
    assert len(run.record.val_cases) == 2
    assert run.record.hq_from == str(audited)
    # cases.csv calls all labels hq; the run knows better.
    corrected = correct(run, spoiled, out=tmp_path / "corrected", passes=2, device="cpu")
    assert set(corrected.corrected) == {f"phantom_{number:03d}" for number in range(1, 13)} - set(trusted)
    assert corrected.calibration.cases == run.record.val_cases
    hq = {row.case_id for row in Dataset.open(corrected.path).rows_where(split="train", quality="hq")}
    assert hq == set(trusted)  # and the next training knows, too


@pytest.mark.timeout(600)
def test_an_audit_that_trusts_nothing_here_is_no_start_for_a_training(result, spoiled, tmp_path):
    result.record.model_copy(update={"trusted": ("elsewhere",)}).write(tmp_path)
    AuditRow.write(tmp_path, result.ranking)
    with pytest.raises(DataError, match="expected an audit that trusts some training label"):
        train(spoiled, out=tmp_path / "run", hq_from=tmp_path, device="cpu")


@pytest.mark.timeout(600)
def test_the_networks_of_an_audit_correct_labels_that_they_never_saw(result, spoiled, tmp_path, monkeypatch):
    monkeypatch.setattr("alcseg.commands._looks.POOR", 0.0)  # they were trained for seconds
    trusted = tuple(f"phantom_{number:03d}" for number in (1, 3, 4, 6, 7, 8))
    result.record.model_copy(update={"trusted": trusted}).write(tmp_path)
    AuditRow.write(tmp_path, result.ranking)
    (tmp_path / "folds").symlink_to(result.path / "folds")
    corrected = correct(tmp_path, spoiled, out=tmp_path / "out", oof=True, passes=2, device="cpu")
    record = corrected.record
    assert (record.out_of_fold, record.network, record.in_sample) == (True, "predict", 0)
    assert record.calibration.cases == trusted
    qualities = {row.case_id: row.quality for row in Dataset.open(corrected.path).rows_where(split="train")}
    assert {name for name, quality in qualities.items() if quality == "hq"} == set(trusted)
    assert "unlabeled" not in qualities.values()
    assert set(corrected.corrected) == {f"phantom_{number:03d}" for number in range(1, 13)} - set(trusted)
    assert record.rehearsal is not None
    for name in trusted:
        given, written = (
            read_label(folder / "labelsTr" / f"{name}.nii.gz") for folder in (spoiled, corrected.path)
        )
        assert np.array_equal(given.array, written.array)


@pytest.mark.timeout(600)
def test_an_audit_of_another_dataset_corrects_nothing(result, spoiled, tmp_path):
    result.record.write(tmp_path)
    AuditRow.write(tmp_path, [row for row in result.ranking if row.case_id != "phantom_004"])
    with pytest.raises(DataError, match="found an audit"):
        correct(tmp_path, spoiled, out=tmp_path / "out", device="cpu")
    with pytest.raises(DataError, match="it does not know case 'phantom_004'"):
        correct(tmp_path, spoiled, out=tmp_path / "out", oof=True, device="cpu")


@pytest.mark.timeout(600)
def test_an_audit_is_of_no_other_dataset_with_the_same_names(result, spoiled, tmp_path):
    trusted = ("phantom_001", "phantom_003", "phantom_004")
    audited = tmp_path / "audit"
    audited.mkdir()
    result.record.model_copy(update={"trusted": trusted}).write(audited)
    AuditRow.write(audited, result.ranking)
    FingerprintRow.write(audited, FingerprintRow.read(result.path))
    mended = tmp_path / "mended"
    shutil.copytree(spoiled, mended)
    folder = Dataset.open(mended)
    for name, refused in (("phantom_002", False), ("phantom_003", True)):  # the first is not trusted
        label = folder.read_label(name)
        write_label(label.path, np.zeros_like(label.array), label)
        if refused:
            for use in (partial(correct, audited, mended, oof=True), partial(train, mended, hq_from=audited)):
                with pytest.raises(DataError, match="it trusts another label of case 'phantom_003'"):
                    use(out=tmp_path / "out", device="cpu")
        else:
            Audit.open(audited).require_same(folder)
    kept = FingerprintRow.read(audited)
    FingerprintRow.write(audited, [row for row in kept if row.case_id != "phantom_004"])
    with pytest.raises(
        DataError, match=r"fingerprint\.csv: expected a line .*, found none for 'phantom_004'"
    ):
        train(spoiled, hq_from=audited, out=tmp_path / "out", device="cpu")
    FingerprintRow.write(audited, kept)
    (audited / "trusted.txt").write_text("phantom_003\nphantom_001\nphantom_002\n")
    for use in (partial(correct, audited, spoiled, oof=True), partial(train, spoiled, hq_from=audited)):
        with pytest.raises(DataError, match=r"trusted\.txt: expected .*, got 'phantom_002' \(1 such\)"):
            use(out=tmp_path / "out", device="cpu")
    (audited / "trusted.txt").write_text("phantom_001\n\nphantom_003 \n")
    assert Audit.open(audited).trusted == ("phantom_001", "phantom_003")
    other = write_phantoms(tmp_path / "other", train=12, val=0, test=1, shape=(32, 32, 24), seed=3)
    with pytest.raises(DataError, match="it judged another image of case 'phantom_001'"):
        correct(audited, other, oof=True, out=tmp_path / "out", device="cpu")


def test_cases_that_cannot_be_judged_stand_after_those_that_seem_wrong():
    def judged(dice: float) -> list[Judgment]:
        return [Judgment(dice, 0.0, 1.0, 1.0, {"ragged": 1.0})]

    found = Findings(
        source=SimpleNamespace(label_names=("background", "organ"), undrawn=lambda name: ()),
        seen={name: SimpleNamespace(agreement=(0.5,)) for name in ("lost", "wrong", "right")},
        judged={"lost": judged(0.1), "wrong": judged(0.4), "right": judged(0.95)},
        fold_of={"lost": 0, "wrong": 0, "right": 1},
        unsure=frozenset({"lost"}),
        in_sample=frozenset(),
    )
    rows = [CaseRow(case_id=name, quality="hq", split="train") for name in ("lost", "wrong", "right")]
    ranking = found.ranking(rows)
    assert [(row.case_id, row.rank, row.unsure) for row in ranking] == [
        ("wrong", 1, False), ("lost", 2, True), ("right", 3, False),
    ]  # fmt: skip
    assert "cannot be judged" in ranking[1].words
    assert "lost" not in found.trusted()
