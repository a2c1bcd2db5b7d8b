"""Labels that are not complete: voxels that nobody labeled, and classes that nobody drew in a case.

A label file marks voxels that nobody labeled by a value of its own, `ignore` in `dataset.json`. It is taken
out where the file is read: the voxels become background and `Volume.known` tells them from background that
somebody saw. So the value can become no class anywhere. Whoever writes a label puts it back.

A class that was not drawn in a case (`classes_drawn` in `cases.csv`) may be anywhere in what is labeled
background there. The probability of that background is the sum of the probabilities of background and these
classes, the marginal probability:

Source:
    Shi, Xiao, Chen and Zhou, Marginal loss and exclusion loss for partially supervised multi-organ
    segmentation, Medical Image Analysis 70, 101979, 2021, arXiv:2007.03868.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from alcseg.data.case import Volume
from alcseg.errors import DataError, LabelError
from alcseg.records.cases import CaseRow
from alcseg.records.dataset import DatasetRecord
from alcseg.types import LabelMap, Mask
from alcseg.words import shorten

__all__ = [
    "keep_within",
    "marginal_probabilities",
    "put_back",
    "require_drawn",
    "take_out",
    "undrawn_classes",
    "within_known",
]


def take_out(label: Volume, ignore: int | None, background: int) -> Volume:
    """A label with the voxels that nobody labeled as background, and `known` telling the others.

    Args:
        label: As it came.
        ignore: The value of such voxels; None where there is none.
        background: The value of background.
    """
    if ignore is None or not (unknown := label.array == ignore).any():
        return label
    return replace(label, array=np.where(unknown, background, label.array), known=~unknown)


def put_back(values: LabelMap, known: Mask | None, ignore: int | None) -> LabelMap:
    """A label map as its file has it: `ignore` where nobody labeled a voxel.

    Args:
        values: Label values, `(X, Y, Z)`.
        known: Voxels that somebody labeled; None for all.
        ignore: The value of the others.
    """
    if known is None or ignore is None:
        return values
    written: LabelMap = np.where(
        known, values.astype(np.result_type(values, np.min_scalar_type(ignore))), ignore
    )
    return written


def undrawn_classes(row: CaseRow, labels: Mapping[str, int]) -> tuple[int, ...]:
    """Indices of the classes that were not drawn in a case, background being 0; none where all were.

    Args:
        row: The line of the case.
        labels: Class name to value, background first.

    Raises:
        DataError: If the table names a class that `dataset.json` does not.
    """
    background, *names = labels
    if row.drawn is None:
        if row.classes_drawn.strip():
            raise DataError(
                f"{CaseRow.NAME}, case '{row.case_id}': expected in classes_drawn some of {shorten(names)}, "
                f"between ';', found '{row.classes_drawn:.60}' and no name. Leave the cell empty if all "
                "were drawn, set the quality of the case to unlabeled if nothing was."
            )
        return ()
    if strangers := [name for name in row.drawn if name not in labels]:
        raise DataError(
            f"{CaseRow.NAME}, case '{row.case_id}': expected in classes_drawn names of {DatasetRecord.NAME}, "
            f"{shorten(names)}, between ';', found {shorten(strangers)}. Correct the line."
        )
    if not set(row.drawn) - {background}:
        raise DataError(
            f"{CaseRow.NAME}, case '{row.case_id}': expected in classes_drawn some of {shorten(names)}, "
            "found background alone. Set the quality of the case to unlabeled if nothing was drawn."
        )
    return tuple(index for index, name in enumerate(names, start=1) if name not in row.drawn)


def require_drawn(label: Volume, undrawn: Sequence[int], labels: Mapping[str, int]) -> None:
    """Raise where a label holds a class that nobody drew in it.

    Args:
        label: Of the case.
        undrawn: Indices of the classes that were not drawn.
        labels: Class name to value, background first.

    Raises:
        LabelError: Naming the class.
    """
    for index in undrawn:
        name, value = list(labels.items())[index]
        if count := int((label.array == value).sum()):
            raise LabelError(
                f"{label.path}: expected no '{name}', which classes_drawn in {CaseRow.NAME} leaves out, "
                f"found {count} voxels. Add the class to classes_drawn, or take it out of the label."
            )


def marginal_probabilities(probs: NDArray[np.float32], undrawn: Sequence[int]) -> NDArray[np.float32]:
    """Class probabilities `(K, X, Y, Z)`; background stands for the classes that were not drawn, too."""
    if not undrawn:
        return probs
    merged = probs.copy()
    merged[0] += probs[list(undrawn)].sum(0)
    merged[list(undrawn)] = 0
    return merged


def within_known(
    probs: NDArray[np.float32], known: Mask | None, undrawn: Sequence[int]
) -> NDArray[np.float32]:
    """Class probabilities as far as a label can be held against them.

    Classes that nobody drew count as background, and what nobody labeled is background without doubt, as it
    is in the label: the two agree there, so that nothing is missing and nothing is too much.

    Args:
        probs: `(K, X, Y, Z)`.
        known: Voxels that somebody labeled, `(X, Y, Z)`; None for all.
        undrawn: Indices of the classes that were not drawn.
    """
    merged = marginal_probabilities(probs, undrawn)
    if known is None:
        return merged
    merged = np.where(known, merged, np.float32(0))
    merged[0][~known] = 1
    return merged


def keep_within(label: LabelMap, known: Mask | None, undrawn: Sequence[int], background: int = 0) -> LabelMap:
    """A label map with background where nobody labeled, and in place of classes that nobody drew.

    Args:
        label: `(X, Y, Z)`.
        known: Voxels that somebody labeled, same shape; None for all.
        undrawn: Values of the classes that were not drawn.
        background: Its value.
    """
    kept = np.where(np.isin(label, list(undrawn)), background, label) if len(undrawn) else label
    return kept if known is None else np.where(known, kept, background)
