"""What becomes of the label of a case: what is written, why, and what changes.

Nothing here reads a file or runs a network. A `Look` holds what the network says; which of the proposals is
best is for others to choose.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from alcseg.correction.alignment import MIN_AGREEMENT, shape_error
from alcseg.correction.offsets import Offsets
from alcseg.records.audit_trail import Action, Proposal
from alcseg.records.offsets import OffsetRow
from alcseg.types import FloatArray, LabelMap, Mask, Spacing

__all__ = ["Decision", "Look", "Opinion", "add_undrawn", "decide", "offset_rows", "pseudo_label"]


@dataclass(frozen=True, eq=False)
class Opinion:
    """What a network says of the given label of a case, on the model grid.

    Attributes:
        probs: Class probabilities of a plain pass, `(K, X, Y, Z)`; perturbed ones tell less of a label.
        refined: Classes 0..K-1 by the fused passes, `(X, Y, Z)`.
        label: The given label as classes 0..K-1, `(X, Y, Z)`.
        spacing: Voxel size in mm.
        to_source: From probabilities, class by class, to a label on the grid of the file, in the dataset's
            own values.
        known: Voxels that somebody labeled, bool, `(X, Y, Z)`; None for all. In the others `probs`,
            `refined` and `label` are background.
        undrawn: Indices of the classes that nobody drew in the label; they count as background in all three.
        whole: Class probabilities as they are, where that is not `probs`.
    """

    probs: NDArray[np.float32]
    refined: NDArray[np.unsignedinteger]
    label: NDArray[np.unsignedinteger]
    spacing: Spacing
    to_source: Callable[[Iterable[NDArray[np.float32]]], LabelMap]
    known: Mask | None = None
    undrawn: tuple[int, ...] = ()
    whole: NDArray[np.float32] | None = None

    @property
    def prediction(self) -> NDArray[np.float32]:
        """What the network says, whatever is known of the label."""
        return self.probs if self.whole is None else self.whole


@dataclass(frozen=True, eq=False)
class Look:
    """What a network says of one case, on the grid of the file.

    Attributes:
        case_id: The case.
        refined: Label of the fused passes in the dataset's own values, `(X, Y, Z)`; background where nobody
            labeled and in place of classes that nobody drew.
        uncertainty: u per voxel, `(X, Y, Z)`.
        opinion: On the given label; None where there is none.
        undrawn: Classes that nobody drew, where the fused passes see them and somebody labeled, in the
            dataset's own values, background elsewhere, `(X, Y, Z)`; None where all were drawn.
    """

    case_id: str
    refined: LabelMap
    uncertainty: FloatArray
    opinion: Opinion | None = None
    undrawn: LabelMap | None = None


@dataclass(frozen=True, eq=False)
class Decision:
    """What becomes of the label of one case.

    Attributes:
        action: In one word.
        reason: In a sentence.
        written: The label to write, in the dataset's own values, `(X, Y, Z)`.
        voxels_changed: In which it differs from the given label, or from background if there is none.
    """

    action: Action
    reason: str
    written: LabelMap
    voxels_changed: int


def decide(
    look: Look,
    given: LabelMap,
    proposals: Mapping[Proposal, LabelMap],
    chosen: Proposal,
    reason: str,
    untouched: Collection[int] = (),
    known: Mask | None = None,
) -> Decision:
    """Write a proposal. Only voxels that it changes are written: all others stay as they were drawn.

    Args:
        look: What the network says of the case; it has an opinion.
        given: The label as it came, in the dataset's own values, `(X, Y, Z)`.
        proposals: Classes 0..K-1 on the model grid, by name; see `proposals.propose`.
        chosen: Which of them.
        reason: Why, in a sentence.
        untouched: Values of classes that stay as they were given, since no trusted label tells of them.
        known: Voxels that somebody labeled, `(X, Y, Z)`; the others stay as they are. None for all.
    """
    assert look.opinion is not None
    classes = len(look.opinion.probs)
    if chosen == "given":
        written = given
    elif chosen == "refined":
        written = look.refined
    else:
        after, before = (
            look.opinion.to_source((label == index).astype(np.float32) for index in range(classes))
            for label in (proposals[chosen], look.opinion.label)
        )
        written = np.where(after != before, after, given)
    for value in untouched:
        written = np.where((given == value) | (written == value), given, written)
    if known is not None:
        written = np.where(known, written, given)
    return Decision(chosen, reason, written, int((written != given).sum()))


def pseudo_label(look: Look, background: int) -> Decision:
    """What is written where no label was given."""
    changed = int((look.refined != background).sum())
    reason = "no label was given: pseudo label from the fused passes"
    return Decision("pseudo_labeled", reason, look.refined, changed)


def add_undrawn(
    decision: Decision, look: Look, names: Mapping[int, str], background: int
) -> tuple[Decision, tuple[str, ...]]:
    """A decision with the classes that nobody drew where the fused passes see them and background is written.

    Args:
        decision: What is written otherwise.
        look: What the network says of the case.
        names: Values of the classes that may be added, and their names.
        background: Its value.

    Returns:
        The decision, and the names of the classes that were added.
    """
    if look.undrawn is None:
        return decision, ()
    new = np.isin(look.undrawn, list(names)) & (decision.written == background)
    count = int(new.sum())
    if not count:
        return decision, tuple(names.values())
    return replace(
        decision,
        written=np.where(new, look.undrawn, decision.written),
        voxels_changed=decision.voxels_changed + count,
        reason=f"{decision.reason}; not drawn before and added as predicted: {', '.join(names.values())}",
    ), tuple(names.values())


def offset_rows(
    look: Look, found: Offsets, blur_mm: torch.Tensor | float, written: Proposal, names: tuple[str, ...]
) -> list[OffsetRow]:
    """How each class of a label was drawn.

    Args:
        look: What the network says of the case; it has an opinion.
        found: What the prediction says of the label.
        blur_mm: Width within which the network's predictions change across right boundaries.
        written: What was chosen for the case.
        names: Of the foreground classes.
    """
    assert look.opinion is not None
    shape_mm = shape_error(found, blur_mm, min(look.opinion.spacing))
    rows = []
    for index, name in enumerate(names):
        if index + 1 in look.opinion.undrawn:
            continue
        agreement = float(found.dice[0, index])
        related = bool((look.opinion.label == index + 1).any()) and agreement >= MIN_AGREEMENT
        rows.append(
            OffsetRow(
                case_id=look.case_id,
                class_name=name,
                drawn_mm=0.0 - float(found.mm[0, index]) if related else float("nan"),
                shape_mm=float(shape_mm[0, index]) if related else float("nan"),
                agreement=agreement,
                agreement_as_given=float(found.given[0, index]),
                label=written,
            )
        )
    return rows
