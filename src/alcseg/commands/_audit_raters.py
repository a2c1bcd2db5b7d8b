"""What an audit says of readers: of the labels that they drew alone, and of their share in a consensus."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from alcseg.auditing.evidence import evidence
from alcseg.auditing.judge import Judge, Judgment
from alcseg.commands._findings import BAD_BELOW, mean_dice
from alcseg.commands._seen import SeenCase
from alcseg.commands.progress import track
from alcseg.data.folder import Dataset
from alcseg.data.preprocess import preprocess_label
from alcseg.data.rater_labels import rater_labels
from alcseg.metrics import summarize
from alcseg.records.audit import AuditRater
from alcseg.records.cases import CaseRow

__all__ = ["judge_readers", "sum_up_readers"]

ByReader = dict[str, dict[str, list[Judgment]]]
"""Judgments of the drawn classes by reader and case."""


def judge_readers(
    source: Dataset, seen: Mapping[str, SeenCase], judge: Judge, fold_of: Mapping[str, int]
) -> ByReader:
    """Judge the label that each reader drew of a case, where it is not the one that was audited.

    The judge and the predictions are those of the audit; nothing is trained or simulated anew.

    Args:
        source: The dataset.
        seen: What networks say of its cases.
        judge: Of the audited labels.
        fold_of: Fold of each case.

    Raises:
        DataError: If a label cannot be read.
    """
    known = {name: files for name, files in rater_labels(source).items() if name in seen}
    if not known:
        return {}
    rows, readers, names = [], [], []
    for name, files in track(known.items(), "Judging readers"):
        case, one = seen[name], seen[name].load()
        for reader, path in files.items():
            label = preprocess_label(source.read_label_file(path), case.plan, case.grid)
            rows.append(evidence(one.probs, case.keep(label), one.spacing))
            readers.append(reader)
            names.append(name)
    judged = judge.judge(np.stack(rows), names, [fold_of[name] for name in names])
    found: ByReader = {}
    for reader, name, all_classes in zip(readers, names, judged, strict=True):
        found.setdefault(reader, {})[name] = seen[name].of_drawn(all_classes)
    return found


def sum_up_readers(
    rows: Sequence[CaseRow],
    judged: Mapping[str, list[Judgment]],
    own: Mapping[str, Mapping[str, list[Judgment]]],
    unsure: Collection[str],
) -> tuple[AuditRater, ...]:
    """A line per reader, and per group of readers whose consensus was judged; the worst first.

    Args:
        rows: The cases with their readers; those without any are left out.
        judged: By case, judgments of the audited labels.
        own: By reader and case, those of labels that became a consensus.
        unsure: Cases that cannot be judged, which are left out.
    """
    found: ByReader = {reader: dict(cases) for reader, cases in own.items()}
    for row in rows:
        if row.rater and row.case_id in judged:
            found.setdefault(row.rater, {}).setdefault(row.case_id, judged[row.case_id])
    lines = []
    for reader, cases in found.items():
        labels = [one for name, one in cases.items() if name not in unsure]
        if not labels:
            continue
        wrong = [one for one in labels if mean_dice(one) < BAD_BELOW]
        kinds = Counter(judgment.kind for one in wrong for judgment in one if judgment.kind != "none")
        ((kind, count),) = kinds.most_common(1) or (("none", 0),)
        dice = summarize([mean_dice(one) for one in labels])
        lines.append(
            AuditRater(
                rater=reader,
                labels=len(labels),
                wrong=len(wrong),
                dice=dice.mean,
                dice_low=dice.low,
                dice_high=dice.high,
                kind=kind,
                kind_count=count,
            )
        )
    return tuple(sorted(lines, key=lambda line: (line.dice, line.rater)))
