import numpy as np
import pytest

from alcseg.correction.decision import Decision, Look
from alcseg.inference.compare import class_changes, class_uncertainty, held_out_classes

CLASSES = {"background": 0, "x": 1}


def look(refined: np.ndarray, uncertainty: float = 1.0) -> Look:
    return Look("a", refined, np.full(refined.shape, uncertainty, np.float32))


def decision(written: np.ndarray, action: str = "refined") -> Decision:
    return Decision(action, "", written, 0)


def row(*inside: int) -> np.ndarray:
    """A label map with a few voxels along its first axis."""
    label = np.zeros((8, 8, 8), np.uint8)
    label[list(inside), 1, 1] = 1
    return label


def test_changes_are_counted_in_cubic_millimetres() -> None:
    given, refined = row(1, 2), row(2, 3, 4)
    (found,) = class_changes(
        look(refined), given, decision(refined), spacing=(1, 1, 2.5), classes=CLASSES, in_sample=True
    )
    # Voxels 3 and 4 come, voxel 1 goes, voxel 2 stays; a voxel has 2.5 mm^3. Dice 2 * 1 / (2 + 3).
    assert (found.added_mm3, found.removed_mm3) == (5.0, 2.5)
    assert found.agreement == pytest.approx(0.4)
    assert found.uncertainty == pytest.approx(1.0)
    assert (found.case_id, found.class_name, found.in_sample, found.unsure) == ("a", "x", True, False)


def test_what_is_written_counts_as_changed_and_what_is_refined_as_agreement() -> None:
    given, seen = row(1, 2), row(2, 3)
    (found,) = class_changes(
        look(seen),
        given,
        decision(given, "given"),
        spacing=(1, 1, 1),
        classes=CLASSES,
        in_sample=False,
        unsure=True,
        expected=[(0.6, 0.7)],
    )
    assert (found.added_mm3, found.removed_mm3) == (0, 0)
    assert found.agreement == pytest.approx(0.5)
    assert found.unsure
    assert not found.in_sample
    assert (found.given_dice, found.written_dice) == (0.6, 0.7)


def test_a_label_larger_than_the_refined_one_is_shifted_outward() -> None:
    def shift(given: np.ndarray | None, refined: np.ndarray) -> float:
        (found,) = class_changes(
            look(refined),
            given,
            decision(refined),
            spacing=(1, 1, 1),
            classes=CLASSES,
            in_sample=False,
        )
        return found.shift_mm

    assert shift(row(1, 2, 3, 4), row(2, 3)) > 0
    assert shift(row(2, 3), row(1, 2, 3, 4)) < 0
    assert np.isnan(shift(row(), row(2)))
    assert np.isnan(shift(row(2), row()))
    assert np.isnan(shift(None, row(2)))


def test_all_of_a_pseudo_label_is_new() -> None:
    (found,) = class_changes(
        look(row(1)),
        None,
        decision(row(1)),
        spacing=(2, 2, 2),
        classes=CLASSES,
        in_sample=False,
    )
    assert (found.added_mm3, found.removed_mm3, found.agreement) == (8.0, 0.0, None)


def test_held_out_labels_tell_the_true_dice_of_each_class() -> None:
    refined, trusted = row(1, 2), row(2)
    refined[6:] = 2
    classes = {"background": 0, "x": 1, "y": 2, "z": 3}
    first, second, third = held_out_classes(look(refined, 0.25), trusted, classes)
    assert first == ("x", 0.25, pytest.approx(2 / 3))
    assert second == ("y", 0.25, 0.0)
    assert third.class_name == "z"
    assert np.isnan(third.uncertainty)
    assert np.isnan(third.dice)


def test_uncertainty_far_from_the_class_does_not_count() -> None:
    mask = np.zeros((20, 9, 9), bool)
    mask[4, 4, 4] = True
    doubt = np.zeros(mask.shape)
    doubt[8:] = 100.0
    assert class_uncertainty(doubt, mask) == 0
    doubt[7, 4, 4] = 1.0
    # Voxels within 3 of one: 123 of the ball of radius 3.
    assert class_uncertainty(doubt, mask) == pytest.approx(1 / 123)
    assert np.isnan(class_uncertainty(doubt, np.zeros_like(mask)))


def test_uncertainty_counts_up_to_the_border_of_the_volume() -> None:
    mask = np.zeros((9, 9, 9), bool)
    mask[0, 4, 8] = True
    doubt = np.zeros(mask.shape)
    doubt[3, 4, 8] = doubt[0, 4, 5] = 1.0
    assert class_uncertainty(doubt, mask) > 0
