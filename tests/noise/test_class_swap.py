import numpy as np

from alcseg.noise.class_swap import ClassSwap

SPACING = (1.0, 1.0, 3.0)


def three_classes() -> np.ndarray:
    """A box of 12 x 12 x 6 = 864 voxels of which each third along the second axis is a class."""
    label = np.zeros((16, 16, 10), np.uint8)
    for value, low in ((1, 2), (4, 6), (9, 10)):
        label[2:14, low : low + 4, 2:8] = value
    return label


def test_classes_change_places_in_exactly_one_half_space(context) -> None:
    label = three_classes()
    for seed in range(3):
        outcome = ClassSwap()(label, context(25, seed=seed, spacing=SPACING))
        details = outcome.details
        # Every foreground voxel beyond the plane has changed and none before it, so depth separates the two.
        depth_mm = np.argwhere(label) * SPACING @ details["normal"]
        changed = (outcome.label != label)[label != 0]
        assert depth_mm[changed].min() >= depth_mm[~changed].max() - 0.002  # the normal has four digits
        assert details["share"] == changed.mean()
        assert 216 <= changed.sum() < 230  # 25 % of 864 voxels, and those at equal depth
        assert np.array_equal(outcome.label == 0, label == 0)
        for value, other in details["classes"].items():
            assert set(outcome.label[(label == int(value)) & (outcome.label != label)]) <= {other}
        assert sorted(details["classes"].values()) == [1, 4, 9]


def test_a_single_class_is_dropped_there(context) -> None:
    label = (three_classes() > 0).astype(np.uint8)
    outcome = ClassSwap()(label, context(50, spacing=SPACING))
    assert outcome.operation == "drop"
    assert set(np.unique(outcome.label)) == {0, 1}
    assert 430 - 14 <= outcome.label.sum() <= 432  # half of 864, less those at equal depth
