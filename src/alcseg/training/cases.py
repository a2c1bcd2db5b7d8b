"""Which cases train a method and which validate it."""

from collections.abc import Mapping, Sequence

import torch

from alcseg.data.cache import CachedCase
from alcseg.data.folder import Dataset
from alcseg.data.sampling import Patches
from alcseg.data.splits import hold_out, members_of_groups
from alcseg.errors import DataError
from alcseg.records.cases import CaseRow
from alcseg.records.settings import DataSettings
from alcseg.training_methods import Task

__all__ = ["blank_batch", "choose_cases", "stream_cases", "stream_sizes"]

_HELD_OUT_SHARE = 0.2


def choose_cases(
    folder: Dataset, streams: Sequence[str], *, val_hq: int | None = None
) -> tuple[list[CaseRow], list[CaseRow]]:
    """Training and validation cases of a dataset.

    Validation uses `split=val`. Where there is none, HQ training cases are held out, for every method the
    same. A group, such as a patient, does one or the other: its LQ cases do not train where its HQ cases
    validate.

    Args:
        folder: The dataset.
        streams: Of the method; they say which qualities are read.
        val_hq: Number of HQ cases to hold out, more where a group would be divided; `None`: a fifth, at least
            two of five and more, one of fewer, none if there is only one, or one group.

    Returns:
        Cases to train on (only those the method reads) and to validate on.

    Raises:
        DataError: If a stream of the method has no case, or a group trains and validates.
    """
    groups = {row.case_id: row.group for row in folder.rows}
    train = [row for row in folder.rows_where(split="train") if row.quality != "unlabeled"]
    val = [row for row in folder.rows_where(split="val") if row.quality == "hq"]
    hq = [row.case_id for row in train if row.quality == "hq"]
    if not val:
        fewest = 2 if len(hq) >= 5 else 1  # with two, `correct` can tell what a change is worth
        share = max(fewest, round(_HELD_OUT_SHARE * len(hq)))
        count = share if val_hq is None else val_hq
        if val_hq is not None and count >= len(hq) > 0:
            raise DataError(
                f"{folder.root}: expected more than {count} HQ training cases to hold {count} out, "
                f"found {len(hq)}. Lower --val-hq or declare more cases as hq."
            )
        doubtful = [row.case_id for row in train if row.quality != "hq"]
        held_out = hold_out(hq, count, groups, doubtful=doubtful)
        if val_hq is not None and len(held_out) < count:
            raise DataError(
                f"{folder.root}: expected one group of HQ training cases more than hold {count} cases, found "
                f"{len(members_of_groups(hq, groups))} with {len(hq)} cases. Lower --val-hq or correct the "
                f"column group of {CaseRow.NAME}."
            )
        val = [row for row in train if row.case_id in held_out]
        apart = {row.group for row in val}
        train = [row for row in train if row.group not in apart]
    _require_apart(folder, train, val)
    for stream in streams:
        if stream != "union" and not any(row.quality == stream for row in train):
            raise DataError(
                f"{folder.root}: the method expects training cases of quality '{stream}', "
                "found none. Set the quality column of cases.csv, let `alcseg audit` tell and train with "
                "--hq-from, or see `alcseg methods` for a method that needs no such cases."
            )
    if "union" not in streams:
        train = [row for row in train if row.quality in streams]
    if not train:
        raise DataError(f"{folder.root}: expected labeled training cases, found none. Check cases.csv.")
    return train, val


def _require_apart(folder: Dataset, train: Sequence[CaseRow], val: Sequence[CaseRow]) -> None:
    """Raise if a group trains and validates: what is known of its cases would say nothing of others."""
    trains = {row.group: row for row in train}
    for row in val:
        if other := trains.get(row.group):
            raise DataError(
                f"{folder.root}: expected each group in one split, found '{row.group}' with "
                f"'{other.case_id}' ({other.split}) and '{row.case_id}' ({row.split}). Move its cases to one "
                f"split in {CaseRow.NAME}."
            )


def stream_cases(streams: Sequence[str], cases: Sequence[CachedCase]) -> dict[str, list[CachedCase]]:
    """The cases of each stream of a method; `union` holds all of them."""
    return {stream: [case for case in cases if stream in ("union", case.quality)] for stream in streams}


def stream_sizes(streams: Sequence[str], settings: DataSettings) -> dict[str, int]:
    """Patches per step of each stream of a method; `union` has as many as both others together."""
    hq, lq = settings.hq_batch or 0, settings.lq_batch or 0
    sizes = {"hq": hq, "lq": lq, "union": hq + lq}
    return {stream: sizes[stream] for stream in streams}


def blank_batch(
    task: Task, sizes: Mapping[str, int], device: torch.device | str = "cpu"
) -> dict[str, Patches]:
    """Patches of background, as many of each stream as asked, to try a step before there is data."""
    return {
        stream: Patches(
            torch.zeros(count, task.in_channels, *task.patch, device=device),
            torch.zeros(count, *task.patch, dtype=torch.long, device=device),
            ["blank"] * count,
            torch.arange(count),
        )
        for stream, count in sizes.items()
    }
