"""The results table: means, spread, tests, and values that others published."""

import csv
import io

import pytest

from alcseg.metrics import METRICS, Metric
from alcseg.reporting.intervals import PairedTest
from alcseg.reporting.markup import to_csv, to_markdown
from alcseg.reporting.records import Benchmark
from alcseg.reporting.results import Published, _p_value, results_table
from benchmark_folder import write_evaluation


def lines(fake, published=None, **options):
    benchmark = Benchmark.open(fake.root)
    table = results_table(benchmark, benchmark.datasets[0], published, **options)
    return list(csv.DictReader(io.StringIO(to_csv(table)))), table


def test_mean_and_deviation_over_seeds(fake):
    rows, _ = lines(fake)
    alc = next(row for row in rows if row["method"] == "ALC")
    # Seeds have the means 70 and 72 %: together 71, standard deviation sqrt(2).
    assert float(alc["dice"]) == pytest.approx(71.0)
    assert float(alc["dice_std"]) == pytest.approx(2**0.5, rel=1e-5)
    assert float(alc["hd95"]) == pytest.approx(20 * 0.29)  # distances are no percentages
    assert alc["p"] == ""  # not against itself


def test_published_values_stand_in_gray_under_ours(fake):
    others = Published({"alc": {"dice": 88.87, "asd": 2.29}}, "other split", "Table 2 of somebody.")
    rows, table = lines(fake, others)
    names = [row["method"] for row in rows]
    assert names == [
        "Mean Teacher",
        "ALC w/o LR",
        "ALC",
        "ALC, paper (other split)",
        "V-Net, all labels clean",
    ]
    assert {key: rows[3][key] for key in ("source", "dice", "jaccard", "asd", "p")} == {
        "source": "paper", "dice": "88.87", "jaccard": "", "asd": "2.29", "p": "",
    }  # fmt: skip
    assert [line.published for line in table.lines] == [False, False, False, True, False]
    assert table.notes[-1] == "Gray: Table 2 of somebody."


def test_a_study_without_a_paper_has_no_gray_rows(fake):
    rows, table = lines(fake)
    assert len(rows) == 4
    assert not any("Gray" in note for note in table.notes)


@pytest.mark.parametrize(
    ("traits", "unit", "heading", "texts", "best"),
    [
        (  # a signed volume, in which neither direction is better
            {"unit": "mm3", "better": "nothing", "signed": True, "digits": 0},
            "mm3", "Error (mm³)", ["-500", "-250", "+0"], [],
        ),
        (
            {"unit": "count", "better": "lower", "digits": 1},
            "count", "Error", ["-500.0", "-250.0", "0.0"], [0],
        ),
        (
            {"unit": "fraction", "better": "higher", "percent": True},
            "fraction", "Error (%)", ["-50000.00", "-25000.00", "0.00"], [2],
        ),
        ({"unit": "mm", "better": "lower"}, "voxel", "Error (voxels)", ["-500.00", "-250.00", "0.00"], [0]),
    ],
)  # fmt: skip
def test_a_metric_from_elsewhere_is_shown_by_its_own_traits(
    empty, monkeypatch, traits, unit, heading, texts, best
):
    metric = Metric(compute=lambda pair: 0.0, title="Error", best=0.0, worst=None, penalty=0.0, **traits)
    monkeypatch.setitem(METRICS.builtin, "error", metric)
    more = {"error": (lambda dice: 1000 * (dice - 0.75), unit), "gone": (lambda dice: dice, "mm")}
    empty.write_plan(seeds=[0])
    for row, dice in (("mean_teacher", 0.25), ("alc_wo_lr", 0.5), ("alc", 0.75)):
        run = empty.add_run("few", row, 0)
        write_evaluation(run / "eval", dict.fromkeys(("a", "b"), dice), more=more)
    _, table = lines(empty)
    keys = [column.key for column in table.columns]
    assert keys == ["method", "dice", "jaccard", "hd95", "asd", "error", "dice_interval", "p", "seeds"]
    column = keys.index("error")
    assert table.columns[column].heading == heading
    cells = [line.cells[column] for line in table.lines[:3]]
    assert [cell.text for cell in cells] == texts
    assert [index for index, cell in enumerate(cells) if cell.best] == best


def test_another_row_can_be_the_baseline(fake):
    rows, table = lines(fake, baseline="mean_teacher")
    assert {row["method"] for row in rows if row["p"]} == {"ALC", "ALC w/o LR"}
    assert "p against Mean Teacher" in [column.heading for column in table.columns]


def test_upper_bounds_are_neither_best_nor_tested(fake):
    rows, table = lines(fake)
    best = [line.cells[0] for line in table.lines if getattr(line.cells[1], "best", False)]
    assert best == ["ALC"]
    assert rows[-1]["p"] == ""


def test_lower_distances_are_better(fake):
    _, table = lines(fake)
    column = [column.key for column in table.columns].index("hd95")
    assert table.columns[column].better == "lower"
    assert [line.cells[0] for line in table.lines if getattr(line.cells[column], "best", False)] == ["ALC"]


def test_what_was_not_run_is_said_and_not_invented(empty):
    empty.add_run("few", "alc", 0)
    rows, table = lines(empty)
    teacher = next(row for row in rows if row["method"] == "Mean Teacher")
    assert teacher["dice"] == teacher["dice_interval_low"] == ""
    assert teacher["seeds"] == "0"
    assert "not run" in to_markdown(table)
    assert "1 of 2" in to_markdown(table)
    benchmark = Benchmark.open(empty.root)
    assert results_table(benchmark, benchmark.datasets[1]) is None


@pytest.mark.parametrize(
    ("value", "text"), [(0.0009, "< 0.001"), (0.001, "0.001"), (0.0449, "0.045"), (1.0, "1.000")]
)
def test_p_values_as_they_are_printed(value, text):
    cell = _p_value(PairedTest(value, differ=16, cases=16))
    assert (cell.text, cell.value) == (text, value)
    assert _p_value(PairedTest(value, differ=5, cases=16)).text == f"{text} (5 of 16 differ)"


@pytest.mark.parametrize(
    ("seeds", "split", "words"),
    [
        (
            [0, 1],
            "test",
            ["3 test cases; mean over cases, ± standard deviation over seeds.", "seeds and cases."],
        ),
        ([0], "val", ["3 validation cases; mean over cases of one seed.", "bootstrap over cases."]),
    ],
)
def test_the_notes_say_what_was_scored_and_drawn(fake, seeds, split, words):
    fake.write_plan(seeds=seeds, evaluate=fake.plan["evaluate"] | {"split": split})
    _, table = lines(fake)
    assert table.notes[0] == f"2 HQ and 6 LQ training cases, {words[0]}"
    assert table.notes[2].endswith(words[1])
