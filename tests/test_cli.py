"""The command line itself: help, errors and exit codes; what the verbs do is tested where they live."""

import errno
import importlib
import inspect
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from alcseg.cli import main
from alcseg.cli.flags import PRINT_OPTIONS
from alcseg.cli.parser import ARCHIVE, DRY_RUNS, ONE_METHOD, VERBS, build_parser, parse
from alcseg.cli.printing import document, show
from alcseg.data.readers import READERS
from alcseg.errors import DataError, ResourceError, UsageError


@pytest.fixture
def methods_raises(monkeypatch):
    """Make `alcseg methods` raise the given error."""

    def arrange(error: BaseException) -> None:
        def fail(name=None):
            raise error

        monkeypatch.setattr(importlib.import_module("alcseg.commands.methods"), "methods", fail)

    return arrange


def parameters_of(function):
    module, name = function
    return set(inspect.signature(getattr(importlib.import_module(module), name)).parameters)


@pytest.mark.parametrize("verb", VERBS)
def test_options_are_the_parameters_of_the_function(verb):
    _, verbs = build_parser()
    options = {action.dest for action in verbs[verb]._actions} - {"help", *PRINT_OPTIONS}
    if verb == "import":
        assert "part_mib" in parameters_of(ARCHIVE)
        options.remove("part_mib")  # the others are handed on to `import_dataset`
    if verb == "methods":
        options.remove("name")
        assert parameters_of(ONE_METHOD) == {"name"}
    if verb in DRY_RUNS:
        *planned, without = DRY_RUNS[verb]
        options.remove("dry_run")
        assert set(without) < options
        assert options - set(without) <= parameters_of(planned)
    assert options <= parameters_of(VERBS[verb])


def test_formats_in_the_help_are_those_that_are_read(alcseg):
    listed = f"layout of the source: auto, {', '.join(READERS)} (default: auto)"
    assert listed.replace(" ", "") in "".join(alcseg("import", "--help").out.split())


@pytest.mark.parametrize("verb", VERBS)
def test_help_is_light(verb):
    program = (
        "import sys; from alcseg.cli import main; main([sys.argv[1], '--help']); "
        "heavy = ('torch', 'numpy', 'lightning', 'monai', 'rich'); "
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)"
    )
    # The help of `corrupt` and `import` names noise models and readers, which compute with numpy.
    needed = ["numpy"] if verb in ("corrupt", "import") else []
    done = subprocess.run([sys.executable, "-c", program, verb], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"usage: alcseg {verb}")
    assert done.stderr.strip() == str(needed)


@pytest.mark.skipif(os.name == "nt", reason="os.times counts no child processes there")
def test_help_answers_within_half_a_second():
    before = os.times()
    subprocess.run([sys.executable, "-m", "alcseg", "train", "--help"], capture_output=True, check=True)
    after = os.times()
    # Processor time, not the clock's: other programs on the machine must not decide.
    used = after.children_user - before.children_user + after.children_system - before.children_system
    assert used < 0.5


def test_version(alcseg):
    result = alcseg("--version")
    assert result.code == 0
    assert result.out.startswith("alcseg 0.")


def test_no_words_show_the_verbs(alcseg):
    result = alcseg()
    assert result.code == 0
    assert all(verb in result.out for verb in VERBS)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["trian", "data"], "did you mean 'train'?"),
        (["train", "data", "--presett", "la"], "did you mean '--preset'?"),
        (["train", "data", "--sed=1", "--out", "run"], "did you mean '--seed'?"),
        (["train", "data"], "--out"),
        (["train", "data", "--out", "run", "--seed", "x"], "--seed"),
        (["corrupt", "a", "b"], "--hq-fraction"),
        (["corrupt", "a", "b", "--hq-first", "2", "--hq-fraction", "0.1"], "not allowed with"),
        (["import", "a", "b", "--val-fraction", "10"], "fraction from 0 to 1"),
        (["import", "a", "b", "--label-map", "255"], "255=1"),
        (["import", "a", "b", "--raters", "x=a", "x=b"], "expected 'x' once, got it twice"),
        (["corrupt", "a", "b", "--hq-first", "2", "--model", "bal"], "expected one of ball"),
    ],
)
def test_usage_errors_are_one_line_and_code_2(alcseg, words, hint):
    result = alcseg(*words)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith(("UsageError: ", "ConfigError: "))
    assert result.err.count("\n") == 1
    assert hint in result.err


def test_values_arrive_as_the_functions_want_them():
    options = parse(["corrupt", "a", "b", "--hq-first", "8", "--size", "3", "4.5", "--no-keep-nonempty"])
    assert options.size == (3, 4.5)
    assert options.keep_nonempty is False
    assert options.hq_first == 8
    assert options.hq_fraction is None

    options = parse(
        ["import", "a", "b", "--label-map", "255=1", "--label-map", "7=2", "--spacing", "1", "1", "2.5"]
    )
    assert options.label_map == {255: 1, 7: 2}
    assert options.spacing == (1.0, 1.0, 2.5)

    options = parse(["train", "data", "--out", "run", "--set", "a=1", "b=2", "--set", "c=3"])
    assert options.set == ["a=1", "b=2", "c=3"]
    assert options.out == "run"


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UsageError("a flag"), 2, "UsageError: a flag"),
        (DataError("a\nfile"), 4, "DataError: a file"),
        (ResourceError("a disk"), 5, "ResourceError: a disk"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "a"), 2, "UsageError: File name too long: a"),
        (OSError(errno.ENOSPC, "No space left on device", "cache.npy"), 5, "ResourceError: No space left"),
        (MemoryError("8 GiB"), 5, "ResourceError: out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 5, "ResourceError: out of memory"),
        (KeyboardInterrupt(), 130, "Interrupted"),
        (ZeroDivisionError("division by zero"), 1, "ZeroDivisionError: division by zero"),
    ],
)
def test_errors_become_one_line_and_their_exit_code(alcseg, methods_raises, error, code, line):
    methods_raises(error)
    result = alcseg("methods")
    assert result.code == code
    assert result.err.startswith(line)
    assert result.err.count("\n") == 1


def test_unexpected_errors_name_the_debug_flag(alcseg, methods_raises):
    methods_raises(ZeroDivisionError("division by zero"))
    assert "--debug" in alcseg("methods").err


def test_debug_lets_the_error_through(methods_raises):
    methods_raises(DataError("a file"))
    with pytest.raises(DataError, match="a file"):
        main(["methods", "--debug"])


@dataclass
class _Finding:
    grade: str


@dataclass
class _Result:
    failed: dict[str, str] = field(default_factory=dict)
    findings: list[_Finding] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (_Result(), 0),
        (_Result(failed={"case_1": "truncated"}), 3),
        (_Result(findings=[_Finding("ok"), _Finding("repairable")]), 4),
        (_Result(findings=[_Finding("ok"), _Finding("fatal")]), 4),
        (_Result(missing=["torch"]), 5),
    ],
)
def test_results_decide_the_exit_code(alcseg, monkeypatch, result, code):
    monkeypatch.setattr(importlib.import_module("alcseg.commands.doctor"), "doctor", lambda: result)
    assert alcseg("doctor", "--json").code == code


def test_document_is_plain_json():
    @dataclass
    class Inner:
        path: Path
        value: float

    result = {"a": Inner(Path("x/y"), float("nan")), 1: (np.float32(0.5), np.int64(3), True), "n": None}
    assert document(result) == {"a": {"path": "x/y", "value": None}, "1": [0.5, 3, True], "n": None}


def test_brackets_in_messages_are_not_markup(capsys):
    show("doctor", {"case": "[red]not a color"}, as_json=False)
    assert "[red]not a color" in capsys.readouterr().out


def test_methods_prints_json_on_stdout_alone(alcseg):
    result = alcseg("methods", "--json")
    assert result.code == 0
    assert result.err == ""
    assert {entry["name"] for entry in json.loads(result.out)["methods"]} >= {"alc", "h_sup"}


@pytest.mark.skipif(os.name == "nt", reason="pipes close differently")
def test_a_closed_pipe_is_no_error():
    command = f"{sys.executable} -m alcseg methods | head -1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr == ""


def test_the_reference_page_knows_every_verb_and_flag():
    page = (Path(__file__).parents[1] / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    _, verbs = build_parser()
    for name, verb in verbs.items():
        section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        for action in verb._actions:
            if action.dest not in {"help", *PRINT_OPTIONS}:
                word = action.option_strings[0] if action.option_strings else action.metavar
                assert f"`{word}" in section, f"docs/reference/cli.md: '{word}' is missing under {name}"


def test_a_link_that_leads_in_a_circle_is_told_in_a_line(alcseg, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    for verb, *more in (("report",), ("check",), ("import", tmp_path / "out"), ("report", "--out", tmp_path)):
        result = alcseg(verb, str(tmp_path / "loop"), *map(str, more))
        assert (result.code, result.err.count("\n")) in ((2, 1), (4, 1))
        assert f"{tmp_path / 'loop'}: expected" in result.err


def test_a_name_cannot_write_on_the_terminal(methods_raises, capsys):
    methods_raises(DataError("a\n\x1b[31mb\u202e: expected é, found 日."))
    assert main(["methods"]) == 4
    assert capsys.readouterr().err == "DataError: a \\x1b[31mb\\x202e: expected é, found 日.\n"


def test_an_error_under_json_is_a_document_on_stdout_and_a_line_on_stderr(alcseg, tmp_path):
    result = alcseg("check", tmp_path / "absent", "--json")
    found = json.loads(result.out)
    assert (found["error"], found["exit_code"]) == ("DataError", 4)
    assert result.err == f"DataError: {found['message']}\n"


def test_an_interruption_says_what_the_same_command_does(monkeypatch, alcseg):
    for module in ("train", "predict", "corrupt"):
        function = importlib.import_module(f"alcseg.commands.{module}")

        def stop(*given, **options):
            raise KeyboardInterrupt

        monkeypatch.setattr(function, module, stop)
    assert "the same command goes on" in alcseg("train", "data", "--out", "run").err
    assert "goes on without --overwrite" in alcseg("train", "data", "--out", "run", "--overwrite").err
    assert "begins again" in alcseg("predict", "run", "scans", "--out", "new", "--overwrite").err
    assert "begins again" in alcseg("corrupt", "data", "new", "--hq-first", 1).err


def test_a_file_that_vanishes_is_invalid_data(methods_raises, alcseg):
    methods_raises(FileNotFoundError(errno.ENOENT, "No such file or directory", "scan.nii.gz"))
    result = alcseg("methods")
    assert (result.code, result.out) == (4, "")
    assert result.err.startswith("DataError: scan.nii.gz: expected a file that stays")


def test_a_request_to_end_cleans_up_like_ctrl_c(monkeypatch, alcseg):
    def end(name=None):
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(importlib.import_module("alcseg.commands.methods"), "methods", end)
    before = signal.getsignal(signal.SIGTERM)
    assert alcseg("methods").code == 130
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_request_to_end_that_python_drops_is_made_again(monkeypatch, alcseg):
    class Ended:
        def __del__(self):
            signal.raise_signal(signal.SIGTERM)

    def go():
        Ended()  # what is raised as an object goes is dropped
        time.sleep(60)

    monkeypatch.setattr(importlib.import_module("alcseg.commands.methods"), "methods", go)
    before = sys.unraisablehook
    begun = time.monotonic()
    code, _, err = alcseg("methods")
    assert code == 130
    assert time.monotonic() - begun < 30
    assert "Exception ignored" not in err
    assert sys.unraisablehook == before


@pytest.mark.parametrize(
    ("verb", "engine", "inside", "alone"),
    [
        ("predict", "auto", "auto", "fastest"),
        ("correct", "auto", "auto", "fastest"),
        ("predict", "torch", "torch", "torch"),
        ("audit", "auto", "auto", "auto"),
    ],
)
def test_only_a_process_that_ends_with_its_predictions_takes_openvino_by_itself(
    verb, engine, inside, alone, monkeypatch
):
    asked = []

    def note(*args, engine, **options):
        asked.append(engine)
        raise DataError("enough")

    module, function = VERBS[verb]
    monkeypatch.setattr(importlib.import_module(module), function, note)
    words = [verb, "run", *([] if verb == "audit" else ["data"]), "--out", "out", "--engine", engine]
    main(words)  # from another program, which may train next
    monkeypatch.setattr(sys, "argv", ["alcseg", *words])
    main()
    assert asked == [inside, alone]


@pytest.mark.parametrize(
    ("verb", "given", "inside", "alone"),
    [("audit", (), None, "auto"), ("benchmark", (), None, "auto"), ("audit", ("--jobs", "1"), 1, 1),
     ("benchmark", ("--jobs", "auto"), "auto", "auto"), ("predict", (), None, None)],
)  # fmt: skip
def test_only_the_command_line_starts_processes_by_itself(verb, given, inside, alone, monkeypatch):
    asked = []

    def note(*args, jobs, **options):
        asked.append(jobs)
        raise DataError("enough")

    module, function = VERBS[verb]
    monkeypatch.setattr(importlib.import_module(module), function, note)
    words = [verb, "what", *(["data"] if verb == "predict" else []), "--out", "out", *given]
    main(words)  # from another program, which a process of its own would import anew
    monkeypatch.setattr(sys, "argv", ["alcseg", *words])
    main()
    assert asked == [inside, alone]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("benchmark", "plan", "--out", "o", "--jobs", "all"), "expected a whole number or auto, got 'all'"),
        (("train", "d", "--out", "o", "--seed", -1), "--seed: expected a whole number from 0 to 4294967295"),
        (("audit", "d", "--out", "o", "--seed", 2**32), "--seed: expected a whole number from 0"),
        (("import", "d", "o", "--seed", 1.5), "--seed: expected a whole number from 0"),
        (("benchmark", "smoke", "--out", "o", "--workers", -1), "--workers: expected a whole number from 0"),
        (("audit", "d", "--out", "o", "--steps", 0), "--steps: expected a whole number from 1"),
    ],
)
def test_a_number_out_of_range_is_wrong_usage(alcseg, words, said):
    result = alcseg(*words)
    assert result.code == 2
    assert said in result.err


@pytest.mark.parametrize(("rank", "lines"), [(0, 1), (1, 0)])
def test_several_processes_of_a_verb_that_one_does_are_refused_in_one_line(monkeypatch, alcseg, rank, lines):
    told = {
        "TORCHELASTIC_RUN_ID": "x",
        "WORLD_SIZE": 2,
        "LOCAL_WORLD_SIZE": 2,
        "RANK": rank,
        "LOCAL_RANK": rank,
    }
    for name, value in told.items():
        monkeypatch.setenv(name, str(value))
    result = alcseg("methods")
    assert (result.code, result.out, len(result.err.splitlines())) == (2, "", lines)
