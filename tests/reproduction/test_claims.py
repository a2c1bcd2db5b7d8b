"""Verdicts on the paper's claims from paired intervals."""

import pytest

from alcseg.reporting.records import Benchmark
from alcseg.reproduction.claims import claims_table, findings
from benchmark_folder import write_evaluation


def found(fake, dataset="Toy, 10 % HQ"):
    return {entry.claim: entry for entry in findings(Benchmark.open(fake.root)) if entry.data == dataset}


def test_a_gain_on_every_case_and_seed_is_a_yes(fake):
    finding = found(fake)["ALC is better than ALC w/o LR"]
    # By case 2, 1 and 3 points, the same for both seeds.
    assert finding.difference == pytest.approx(2.0)
    assert finding.interval[0] >= 1.0 - 1e-9
    assert finding.interval[1] <= 3.0 + 1e-9
    assert finding.verdict == "yes"
    assert finding.paper == pytest.approx(88.87 - 87.31)
    assert finding.why == "ALC minus ALC w/o LR; 3 cases, 2 seeds"


def test_a_loss_on_every_case_is_a_no(fake):
    for seed in (0, 1):
        fake.add_run("few", "alc", seed, dice=(0.70, 0.60, 0.50))
    found_here = found(fake)
    assert found_here["ALC is better than ALC w/o LR"].verdict == "no"
    assert found_here["The order is ALC > ALC w/o LR > Mean Teacher"].verdict == "no"


def test_an_order_fails_by_any_of_its_steps(fake):
    for seed in (0, 1):
        fake.add_run("few", "alc_wo_lr", seed, dice=(0.60, 0.50, 0.40))
    found_here = found(fake)
    assert found_here["ALC is better than ALC w/o LR"].verdict == "yes"
    whole = found_here["The order is ALC > ALC w/o LR > Mean Teacher"]
    assert (whole.verdict, whole.why) == ("no", "the steps above: 1 yes, 1 no, 0 undecided")


def test_alc_against_the_best_of_all_others(empty):
    """Upper bounds and other kinds of ALC aside; a single other method is no field to be best of."""
    claim = "ALC is better than every other method, here HL-Sup"
    empty.write_plan(rows=[*empty.plan["rows"], {"row": "hl_sup", "title": "HL-Sup"}], seeds=[0])
    for row, dice in (("alc", 0.8), ("alc_wo_lr", 0.75), ("mean_teacher", 0.6), ("oracle", 0.9)):
        empty.add_run("few", row, 0, dice=(dice, dice, dice))
    assert not any("every other method" in one for one in found(empty))
    empty.add_run("few", "hl_sup", 0, dice=(0.7, 0.7, 0.7))
    assert found(empty)[claim].difference == pytest.approx(10.0)


def test_seeds_that_disagree_are_undecided(fake):
    fake.add_run("few", "alc", 0, dice=(0.70, 0.60, 0.50))
    finding = found(fake)["ALC is better than ALC w/o LR"]
    assert finding.interval[0] < 0 < finding.interval[1]
    assert finding.verdict == "undecided"


@pytest.mark.parametrize(("apart", "verdict"), [(0.9, "no, within a point"), (1.1, "undecided")])
def test_rows_that_differ_by_less_than_a_point_for_sure_are_equal(fake, apart, verdict):
    """Cases on which one or the other is better by as much; the interval ends there."""
    for seed in (0, 1):
        fake.add_run("few", "alc_wo_lr", seed, dice=(0.7, 0.6, 0.5))
        fake.add_run("few", "alc", seed, dice=(0.7 + apart / 100, 0.6, 0.5 - apart / 100))
    here = found(fake)
    assert here["ALC is better than ALC w/o LR"].verdict == verdict
    order = here["The order is ALC > ALC w/o LR > Mean Teacher"]
    assert order.verdict == verdict.partition(",")[0]


def test_wanting_runs_are_undecided(empty):
    empty.add_run("few", "alc", 0)
    finding = found(empty)["ALC is better than ALC w/o LR"]
    assert (finding.difference, finding.interval, finding.verdict) == (None, None, "undecided")
    assert "not run" in finding.why


def test_no_claims_without_any_run(empty):
    assert claims_table(Benchmark.open(empty.root)) is None


def test_the_gain_shrinks_is_paired_over_the_datasets(fake):
    for seed in (0, 1):  # ALC minus Mean Teacher: 10 points on `few`, here 4
        fake.add_run(
            "more", "alc", seed, dice=[round(d + 0.05 + 0.02 * seed + 0.04, 4) for d in (0.7, 0.6, 0.5)]
        )
    finding = found(fake, "Toy, 10 % HQ, Toy, 20 % HQ")["The gain shrinks with more HQ labels"]
    assert finding.difference == pytest.approx(6.0)
    assert finding.verdict == "yes"
    assert finding.paper == pytest.approx((88.87 - 83.79) - (89.29 - 87.51))


def shrinking(fake):
    return [
        entry for entry in findings(Benchmark.open(fake.root)) if entry.claim.startswith("The gain shrinks")
    ]


def test_gains_at_one_share_of_hq_labels_are_not_compared(fake):
    assert len(shrinking(fake)) == 1
    datasets = {name: spec | {"hq_percent": 10} for name, spec in fake.plan["datasets"].items()}
    fake.write_plan(datasets=datasets)
    assert shrinking(fake) == []


def test_gains_over_other_cases_are_not_compared(fake):
    for row in ("alc", "mean_teacher"):
        for seed in (0, 1):
            write_evaluation(fake.path("more", row, seed) / "eval", {"another": 0.8})
    assert shrinking(fake) == []


@pytest.mark.parametrize(("gain", "verdict"), [(0.05, "yes"), (-0.05, "no"), (0.0, "no, within a point")])
def test_refined_against_generated(fake, gain, verdict):
    for seed in (0, 1):
        fake.add_pseudo_labels("few", seed, gain=gain)
    finding = found(fake)["Refined labels are better than directly generated ones"]
    assert finding.difference == pytest.approx(100 * gain)
    assert finding.verdict == verdict
    assert finding.why.endswith("2 cases, 2 seeds")


def test_the_table_shows_signs(fake):
    line = next(
        line for line in claims_table(Benchmark.open(fake.root)).lines if line.cells[0].startswith("ALC is")
    )
    assert [line.cells[i].text for i in (2, 4)] == ["+2.00", "+1.56"]
    assert line.cells[5] == "yes"


def test_gains_under_other_noise_are_not_compared(fake):
    """Few HQ labels under one noise and more under another are two differences at once."""
    datasets = dict(fake.plan["datasets"])
    datasets["more"] = datasets["more"] | {"corrupt": datasets["more"]["corrupt"] | {"model": "reader"}}
    fake.write_plan(datasets=datasets)
    assert shrinking(fake) == []


def test_a_dataset_without_any_run_has_no_claims(empty):
    empty.add_run("few", "alc", 0)
    assert {entry.data for entry in findings(Benchmark.open(empty.root))} <= {
        "Toy, 10 % HQ",
        "Toy, 10 % HQ, Toy, 20 % HQ",
    }
