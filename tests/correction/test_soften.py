"""Moving labels of flagged voxels."""

import torch

from alcseg.correction import runner_up, soften


def test_a_flagged_voxel_moves_by_its_share() -> None:
    label = torch.tensor([0, 1, 2, 1]).reshape(1, 4, 1, 1)
    flags = torch.tensor([True, True, False, False]).reshape(1, 4, 1, 1)
    replacement = torch.tensor([1, 2, 0, 0]).reshape(1, 4, 1, 1)
    target = soften(label, flags, replacement, 0.8, num_classes=3)
    assert target.dtype == torch.float32
    expected = torch.tensor([[0.2, 0.8, 0], [0, 0.2, 0.8], [0, 0, 1], [0, 1, 0]])
    torch.testing.assert_close(target[0, :, :, 0, 0].T, expected)

    share = torch.tensor([0.5, 1.0, 0.3, 0.3]).reshape(1, 4, 1, 1)
    target = soften(label, flags, replacement.to(torch.uint8), share, num_classes=3)
    expected = torch.tensor([[0.5, 0.5, 0], [0, 0, 1], [0, 0, 1], [0, 1, 0]])
    torch.testing.assert_close(target[0, :, :, 0, 0].T, expected)


def test_the_runner_up_is_the_likeliest_other_class() -> None:
    probs = torch.tensor(
        [[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.4, 0.2, 0.4], [0.4, 0.2, 0.4], [0.3, 0.4, 0.3]]
    )
    label = torch.tensor([0, 1, 0, 1, 1]).reshape(1, 5, 1, 1)
    second = runner_up(label, probs.T.reshape(1, 3, 5, 1, 1))
    assert second.flatten().tolist() == [1, 0, 2, 0, 0]  # the lower index on ties
    assert second.dtype == label.dtype
