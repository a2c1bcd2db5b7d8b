"""Plan files: what is read, and every way one is refused."""

from pathlib import Path

import pytest
import yaml

from alcseg.benchmarking.plan import plan_names, read_plan, resolve_run
from alcseg.errors import ConfigError, DataError
from alcseg.records.benchmark_plan import BenchmarkPlan

PLANS = Path(__file__).parents[2] / "src/alcseg/plans"
GUIDE = Path(__file__).parents[2] / "docs/howto/benchmark.md"


@pytest.mark.parametrize("name", plan_names())
def test_every_shipped_plan_reads_as_it_is_written_and_says_what_it_shows(name, tmp_path):
    plan = read_plan(name)
    assert plan.runs
    plan.write(tmp_path)
    assert BenchmarkPlan.read(tmp_path) == read_plan(BenchmarkPlan.path(tmp_path)) == plan
    assert (PLANS / f"{name}.yaml").read_text(encoding="utf-8").startswith("# ")
    assert f"`{name}`" in GUIDE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["table1", "table2", "table3", "sota-la", "la-official"])
def test_plans_of_the_papers_tables_hold_both_shares_and_all_rows(name):
    plan = read_plan(name)
    assert [dataset.hq_percent for dataset in plan.datasets.values()] == [10, 20]
    rows = {row.row: row for row in plan.rows}
    assert rows["oracle"].labels == "clean"
    assert rows["oracle"].title == "V-Net, all labels clean"
    assert (rows["alc"].title, rows["alc"].set) == ("ALC", {})
    assert rows["alc_as_written"].title == "ALC as written"
    written = resolve_run(next(run for run in plan.runs if run.row.row == "alc_as_written")).method.settings
    assert [written[key] for key in ("alpha", "beta", "select_fraction")] == [5, 1, 0.5]


def test_settings_of_a_row_win_over_the_dataset_and_the_plan(content, write):
    content["set"]["trainer.learning_rate"] = 0.1
    content["datasets"]["tiny"]["set"] = {"trainer.learning_rate": 0.2, "network.dropout": 0.25}
    content["rows"] = ["h_sup", {"row": "slow", "method": "h_sup", "set": {"trainer.learning_rate": 0.3}}]
    content["seeds"] = [0, 1]
    plan = read_plan(write(content))
    assert [run.id for run in plan.runs] == [
        f"tiny/{row}/seed-{seed}" for seed in (0, 1) for row in ("h_sup", "slow")
    ]
    settings = [resolve_run(run) for run in plan.runs]
    assert [one.trainer.learning_rate for one in settings] == [0.2, 0.3, 0.2, 0.3]
    assert {one.network.settings["dropout"] for one in settings} == {0.25}
    assert [row.title for row in plan.rows] == ["H-Sup", "H-Sup"]


def test_a_written_plan_leaves_nothing_to_defaults(content, write, tmp_path):
    tiny = content["datasets"]["tiny"]
    tiny |= {"hq_percent": 50, "halve": True}
    written = yaml.safe_load(read_plan(write(content)).write(tmp_path).read_text())
    assert written["format"] == 1
    assert written["datasets"]["tiny"] == {
        "title": "tiny", "format": "auto", "import": {}, "test_data": False, "halve": True, "preset": None,
        "set": {}, "hq_percent": 50, **{key: tiny[key] for key in ("corrupt", "phantoms")},
    }  # fmt: skip
    assert written["rows"] == [
        {
            "row": "hl_sup",
            "title": "HL-Sup",
            "method": "hl_sup",
            "set": {},
            "labels": "given",
            "init": None,
            "reference": None,
        }
    ]
    assert written["evaluate"] == {"protocol": "mm", "window": "gaussian", "split": "test"}


def test_numbers_in_a_label_map_stay_numbers(content, write, tmp_path):
    content["datasets"]["tiny"] = {"import": {"label_map": {2: 1}}}
    read_plan(write(content)).write(tmp_path)
    assert BenchmarkPlan.read(tmp_path).datasets["tiny"].importing == {"label_map": {2: 1}}


def test_a_plan_from_before_formats_were_numbered(content, write, tmp_path):
    """As `alcseg benchmark` wrote it then, in all its folders."""
    plan = read_plan(write(content))
    path = plan.write(tmp_path)
    old = yaml.safe_load(path.read_text())
    del old["format"]
    path.write_text(yaml.safe_dump(old))
    assert BenchmarkPlan.read(tmp_path) == plan
    path.write_text(yaml.safe_dump(old | {"format": 2}))
    with pytest.raises(DataError, match="written by a newer alcseg"):
        BenchmarkPlan.read(tmp_path)


def test_a_key_without_a_value_is_left_to_its_default(content, write):
    content |= {"seeds": None, "correct": None, "evaluate": {"window": None}}
    plan = read_plan(write(content))
    assert (plan.seeds, plan.correct, plan.evaluate.window) == ((0,), (), "gaussian")


def remove(content, key):
    del content[key]


REFUSED = {
    "unknown key": (lambda c: c.update(sed=[1]), r"unknown key 'sed'. Did you mean 'seeds'\?"),
    "no rows": (lambda c: remove(c, "rows"), "expected the key 'rows'"),
    "unknown method": (lambda c: c.update(rows=["alcc"]), r"got 'alcc'. Did you mean 'alc'\?"),
    "unknown key of a row": (
        lambda c: c.update(rows=[{"method": "alc", "titel": "x"}]),
        "row 'alc': unknown key 'titel'. Did you mean 'title'",
    ),
    "row twice": (lambda c: c.update(rows=["alc", "alc"]), "found 'alc' twice. Give it a name by 'row'"),
    "folder name": (lambda c: c.update(rows=[{"row": "../x", "method": "alc"}]), "names a folder"),
    "wrong setting": (lambda c: c["set"].update({"trainer.steps": "many"}), "run tiny/hl_sup/seed-0: "),
    "unknown setting": (
        lambda c: c["set"].update({"trainer.step": 3}),
        r"'trainer.step'.*did you mean 'trainer.steps'",
    ),
    "setting of another method": (
        lambda c: c["set"].update({"method.alpha": 3}),
        "run tiny/hl_sup/seed-0: unknown key 'method.alpha'",
    ),
    "unknown preset": (lambda c: c["datasets"]["tiny"].update(preset="lla"), "got 'lla'"),
    "unknown option of corrupt": (
        lambda c: c["datasets"]["tiny"]["corrupt"].update(hq_frist=1),
        "corrupt: unknown key 'hq_frist'. Did you mean 'hq_first'",
    ),
    "unknown option of import": (
        lambda c: c["datasets"].update(x={"import": {"val_fractoin": 0.1}}),
        "import: unknown key 'val_fractoin'. Did you mean 'val_fraction'",
    ),
    "phantoms with import": (
        lambda c: c["datasets"]["tiny"].update({"import": {"val_fraction": 0.1}}),
        "so nothing is imported",
    ),
    "clean labels unknown": (
        lambda c: (c["datasets"]["tiny"].pop("corrupt"), c.update(lq_labels=True)),
        "clean labels are unknown",
    ),
    "yes": (lambda c: c.update(lq_labels="maybe"), "lq_labels: expected true or false"),
    "seeds": (lambda c: c.update(seeds=[1, 1]), "expected different whole numbers"),
    "correct": (lambda c: c.update(correct=["alc"]), "correct: expected one of hl_sup, got 'alc'"),
    "snapshots": (lambda c: c.update(pseudo_labels=["hl_sup"]), "expected trainer.snapshot_every"),
    "reference": (lambda c: c.update(reference="table4"), "reference: expected one of table1"),
    "window": (lambda c: c.update(evaluate={"window": "gausian"}), r"Did you mean 'gaussian'\?"),
    "split": (
        lambda c: c.update(evaluate={"split": "train"}),
        "evaluate.split: expected one of test, val, got",
    ),
    "protocol": (
        lambda c: c.update(evaluate={"protocol": "papre"}),
        r"evaluate.protocol: expected one of mm, paper, got 'papre'. Did you mean 'paper'\?",
    ),
    "unknown key of evaluate": (
        lambda c: c.update(evaluate={"spilt": "val"}),
        r"evaluate: unknown key 'spilt'. Did you mean 'split'\?",
    ),
    "labels": (
        lambda c: c.update(rows=[{"method": "alc", "labels": "clear"}]),
        "row 'alc', labels: expected one of given, clean, got 'clear'",
    ),
    "rows as keys": (lambda c: c.update(rows={"alc": {}}), "rows: expected a list"),
    "row as a number": (lambda c: c.update(rows=[3.5]), "row '3.5': expected keys with values, got 3.5"),
    "datasets as a list": (lambda c: c.update(datasets=["a"]), "datasets: expected keys with values"),
    "no dataset": (lambda c: c.update(datasets={}), "expected the key 'datasets'"),
    "dataset as a word": (
        lambda c: c.update(datasets={"tiny": "la"}),
        "dataset 'tiny': expected keys with values, got 'la'",
    ),
    "name of a dataset": (lambda c: c.update(datasets={"a/b": {}}), "dataset 'a/b': .*names a folder"),
    "percentage": (
        lambda c: c["datasets"]["tiny"].update(hq_percent="few"),
        "dataset 'tiny', hq_percent: expected a number, got 'few'",
    ),
    "options as a list": (
        lambda c: c["datasets"]["tiny"].update(corrupt=["cube"]),
        "dataset 'tiny', corrupt: expected keys with values",
    ),
    "seed in words": (lambda c: c.update(seeds=["one"]), "seeds, 0: expected a whole number, got 'one'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_plans_are_refused_with_the_place_and_the_remedy(content, write, case):
    change, message = REFUSED[case]
    change(content)
    with pytest.raises(ConfigError, match=message):
        read_plan(write(content))


def test_what_is_no_plan_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"found neither .* Did you mean 'smoke'\?"):
        read_plan("smok")
    path = tmp_path / "plan.yaml"
    path.write_text("title: [", encoding="utf-8")
    with pytest.raises(ConfigError, match="not valid YAML"):
        read_plan(path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="expected keys with values, got None"):
        read_plan(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not text"):
        read_plan(path)
    with pytest.raises(ConfigError, match="found neither"):
        read_plan(tmp_path)


@pytest.mark.parametrize("page", ["howto/benchmark.md", "reference/plan.md"])
def test_the_examples_of_the_pages_are_plans(page, tmp_path):
    text = (PLANS.parents[2] / "docs" / page).read_text(encoding="utf-8")
    examples = [block.split("```")[0] for block in text.split("```yaml\n")[1:]]
    assert examples
    for example in examples:
        path = tmp_path / "plan.yaml"
        path.write_text(example, encoding="utf-8")
        assert yaml.safe_load(example)["title"] == read_plan(path).title
