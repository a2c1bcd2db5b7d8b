"""What a review is worth: `python benchmarks/review_gain.py TARGET NOISY [--train WORK --test CLEAN]`.

TARGET is what `alcseg review` opens (an audit or a corrected dataset), NOISY the dataset whose labels were
spoiled, with the clean ones in `labelsClean`. A simulated reader decides the first 10, 20 and 40 cases of the
queue, or as many random ones:

- one who sees the truth and draws the clean label;
- one who errs as readers do: the clean label, drawn anew by the noise model `reader`.

Printed is the mean foreground Dice of all labels of the set to the clean ones; of random cases the mean and
spread over 20 draws. With --train, a network is trained on the labels as they came and after 20 reviews of
either kind (through the review's own book and `--apply`), and scored on the cases of CLEAN that NOISY lacks;
each of the `--seeds` has its own draw of random cases. `--set KEY=VALUE` changes the training.
"""

import argparse
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

import alcseg
from alcseg.arrays import label_hash
from alcseg.data.nifti import read_label
from alcseg.files import copy_into
from alcseg.metrics.overlap import dice
from alcseg.noise import apply as spoil
from alcseg.noise import case_generator
from alcseg.records.decisions import Reading, ReadingKey
from alcseg.records.review_book import ReviewBook
from alcseg.reviewing.reviewed_dataset import apply_review
from alcseg.reviewing.subject import Subject
from alcseg.types import LabelMap

BUDGETS = (10, 20, 40)
DRAWS = 20
SECONDS = 30.0  # A person's time on a case; assumed, not measured.
TRAINING = ("trainer.steps=400", "trainer.validate_every=400")


def main() -> None:
    """Print the tables as Markdown."""
    words = argparse.ArgumentParser()
    words.add_argument("target")
    words.add_argument("noisy")
    words.add_argument("--train", type=Path)
    words.add_argument("--test")
    words.add_argument("--seeds", type=int, default=1)
    words.add_argument("--set", action="append", default=list(TRAINING))
    given = words.parse_args()
    noisy = alcseg.Dataset.open(given.noisy)
    subject = Subject.open(given.target, noisy) if is_audit(given.target) else Subject.open(given.target)
    queue = [item.case_id for item in subject.queue]
    truth = {name: clean_label(noisy, name) for name in queue}
    now = {name: noisy.read_label(name).array for name in queue}
    readers = {
        "sees the truth": truth,
        "errs as readers do": {name: drawn_anew(noisy, name, truth[name]) for name in queue},
    }
    as_given = {name: score(noisy, now[name], truth[name]) for name in queue}
    print(f"{len(queue)} labels, mean Dice as given {np.mean(list(as_given.values())):.4f}\n")
    print("| reader | reviews | queue | random, 20 draws (spread) | ratio of gains |\n|---|---|---|---|---|")
    for reader, labels in readers.items():
        after = {name: score(noisy, labels[name], truth[name]) for name in queue}
        for budget in BUDGETS:
            first = mean_after(as_given, after, queue[:budget])
            rng = np.random.default_rng(0)
            random = [mean_after(as_given, after, rng.permutation(queue)[:budget]) for _ in range(DRAWS)]
            base = float(np.mean(list(as_given.values())))
            ratio = (first - base) / (np.mean(random) - base)
            by_chance = f"{np.mean(random):.4f} ({np.std(random):.4f})"
            print(f"| {reader} | {budget} | {first:.4f} | {by_chance} | {ratio:.1f} |")
    print(f"\n{minutes_saved(as_given, queue)}")
    if given.train:
        train(
            subject,
            noisy,
            given.train,
            queue,
            labels=readers["errs as readers do"],
            test=alcseg.Dataset.open(given.test),
            seeds=given.seeds,
            settings=given.set,
        )


def is_audit(target: str) -> bool:
    """Whether a folder is an audit."""
    return (Path(target) / "audit.json").is_file()


def clean_label(noisy: alcseg.Dataset, name: str) -> LabelMap:
    """The label before it was spoiled."""
    clean = noisy.root / "labelsClean" / f"{name}{noisy.file_ending}"
    return read_label(clean).array if clean.is_file() else noisy.read_label(name).array


def drawn_anew(noisy: alcseg.Dataset, name: str, clean: LabelMap) -> LabelMap:
    """The clean label as another reader would draw it."""
    return spoil("reader", clean, noisy.read_label(name).spacing, seed=case_generator(7, name))


def score(noisy: alcseg.Dataset, label: LabelMap, clean: LabelMap) -> float:
    """Mean Dice over the classes."""
    return float(np.mean([dice(label == value, clean == value) for value in noisy.label_values[1:]]))


def mean_after(before: dict[str, float], after: dict[str, float], reviewed: Iterable[str]) -> float:
    """Mean Dice of all labels where some were reviewed."""
    chosen = set(reviewed)
    return float(np.mean([after[name] if name in chosen else before[name] for name in before]))


def minutes_saved(before: dict[str, float], queue: list[str]) -> str:
    """How many random reviews give what twenty of the queue give."""
    gained = sum(1 - before[name] for name in queue[:20])
    each = np.mean([1 - value for value in before.values()])
    wanted = min(gained / each, len(queue))
    minutes = (wanted - 20) * SECONDS / 60
    return (
        f"20 reviews of the queue mend as much as {wanted:.0f} random ones: at {SECONDS:.0f} s a case "
        f"(assumed) {minutes:.0f} minutes of a person."
    )


def train(
    subject: Subject,
    noisy: alcseg.Dataset,
    work: Path,
    queue: list[str],
    *,
    labels: dict[str, LabelMap],
    test: alcseg.Dataset,
    seeds: int,
    settings: list[str],
) -> None:
    """Train on the labels as they came and after twenty reviews; score on cases that are not in the set."""
    known = {row.case_id for row in noisy.rows}
    cases = [case for case in test if case.case_id not in known]
    for case in cases:
        copy_into(test.label_path(case.case_id), work / "truth")
    print(f"\n| seed | labels | Dice on {len(cases)} unseen cases |\n|---|---|---|")
    found: dict[str, list[float]] = {}
    for seed in range(seeds):
        by_chance = list(np.random.default_rng(seed).permutation(queue)[:20])
        for words, chosen in {"as given": [], "20 of the queue": queue[:20], "20 random": by_chance}.items():
            place = work / f"seed-{seed}" / words.replace(" ", "-")
            dataset = noisy if not chosen else reviewed(subject, place / "dataset", chosen, labels)
            run = alcseg.train(
                dataset, out=place / "run", method="hl_sup", preset="hippocampus", seed=seed, set=settings
            )
            pred = alcseg.predict(run, cases, out=place / "pred")
            scores = alcseg.evaluate(pred, work / "truth", out=place / "eval", overwrite=True)
            dice_of_run = scores.summary.foreground_mean["dice"].mean
            found.setdefault(words, []).append(dice_of_run)
            print(f"| {seed} | {words} | {dice_of_run:.4f} |", flush=True)
    for words, values in found.items():
        print(f"| all | {words} | {np.mean(values):.4f} (sd {np.std(values, ddof=min(1, seeds - 1)):.4f}) |")


def reviewed(subject: Subject, out: Path, chosen: list[str], labels: dict[str, LabelMap]) -> Path:
    """The dataset after these cases were decided, through the review's own book."""
    if (out / "dataset.json").is_file():
        return out
    with tempfile.TemporaryDirectory() as folder:
        book = ReviewBook.open(Path(folder) / "book.sqlite", labels=subject.dataset.labels)
        for name in chosen:
            given = subject.given(name)
            reading = Reading(ReadingKey(name, "simulated"), seconds=SECONDS)
            book.decide(reading, "edit", seen=label_hash(given.array), label=labels[name])
        apply_review(subject, book, out)
        book.close()
    return out


if __name__ == "__main__":
    main()
