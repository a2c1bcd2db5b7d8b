"""How alike the features of a voxel are to those of its own class and of others in the next slice.

Cui et al., MICCAI 2023, whose clip of video frames is here a patch whose frames are its slices along the last
axis. With unit features f and the neighbor z' = z - 1 (of the first slice, the second), a voxel m of class y
has

    same  S+(m) = f(m) . M(z', y) / N(z', y)                  M(z, c) = sum of f over class c in slice z
    other S-(m) = f(m) . sum_{c != y} M(z', c) / sum_{c != y} N(z', c)      N(z, c) = how many they are

which are the means of all cosines between m and those voxels of slice z', without forming them one by one.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["patch_confidence", "suspicious_voxels", "volume_weights", "voxel_affinity"]


@torch.no_grad()
def patch_confidence(
    features: Tensor,
    label: Tensor,
    num_classes: int,
    *,
    balanced: bool = True,
    known: Tensor | None = None,
) -> Tensor:
    """Mean over slices of `avg S+ + 1 - avg S-`; high where the label follows the features.

    A slice counts where both averages have a voxel, so that its neighbor holds a class of its own and another
    one, and where it or its neighbor holds foreground.

    Args:
        features: Of one patch, `(C, X, Y, Z)`, of any scale.
        label: Class indices `(X, Y, Z)`.
        num_classes: Classes, background counted.
        balanced: `avg` is the mean over classes of their means over voxels; else the plain mean over voxels,
            which background decides.
        known: Voxels that count, bool, `(X, Y, Z)`; all where None.

    Returns:
        Scalar in -1..3, in 0..2 for features that are not negative; nan where no slice counts.
    """
    with torch.autocast(features.device.type, enabled=False):
        _, _, sums, count = _class_sums(features, label, num_classes, known)
        near_count = _previous(count)
        # The mean of S+ over class k of a slice is M(z, k) . M(z', k) / (N(z, k) N(z', k)); S- alike. Sums
        # over other classes leave the own one out instead of subtracting it: it may be far the largest.
        dots = torch.einsum("kcz,lcz->klz", sums, _previous(sums))
    same = dots.diagonal().T  # (K, Z)
    other = dots.masked_fill(torch.eye(num_classes, device=dots.device)[:, :, None] > 0, 0).sum(1)
    same_pairs = count * near_count
    other_pairs = count * (near_count.sum(0) - near_count)

    def average(total: Tensor, pairs: Tensor) -> Tensor:
        weight = (pairs > 0).float() * (1 if balanced else count)
        return (weight * total / pairs.clamp_min(1)).sum(0) / weight.sum(0).clamp_min(1)

    confidence = average(same, same_pairs) + 1 - average(other, other_pairs)
    return confidence[_counts(count)].mean()


@torch.no_grad()
def voxel_affinity(
    features: Tensor, label: Tensor, num_classes: int, *, known: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """`S+` and `S-` of each voxel of one patch.

    Args:
        features: `(C, X, Y, Z)`, of any scale.
        label: Class indices `(X, Y, Z)`.
        num_classes: Classes, background counted.
        known: Voxels that count, bool, `(X, Y, Z)`; all where None.

    Returns:
        Two maps `(X, Y, Z)`; 0 where the neighbor holds no voxel to compare with.
    """
    with torch.autocast(features.device.type, enabled=False):
        unit, target, sums, count = _class_sums(features, label, num_classes, known)
        near_count = _previous(count)
        dots = torch.einsum("cxyz,kcz->kxyz", unit, _previous(sums))
        own = torch.einsum("kxyz,kz->xyz", target, near_count)
    others = near_count.sum(0) - own
    same = (dots * target).sum(0) / own.clamp_min(1)
    other = (dots * (1 - target)).sum(0) / others.clamp_min(1)
    return same, other


@torch.no_grad()
def suspicious_voxels(
    features: Tensor, label: Tensor, num_classes: int, share: float, *, known: Tensor | None = None
) -> Tensor:
    """Voxels among the lowest `S+` and at once among the highest `S-` of their slice.

    Args:
        features: Of one patch, `(C, X, Y, Z)`, of any scale.
        label: Class indices `(X, Y, Z)`.
        num_classes: Classes, background counted.
        share: Of a slice's voxels on either side, 0 to 1; ties at the threshold count.
        known: Voxels that count, bool, `(X, Y, Z)`; all where None.

    Returns:
        Bool, `(X, Y, Z)`; nothing in slices that do not count for `patch_confidence`.
    """
    same, other = voxel_affinity(features, label, num_classes, known=known)
    if known is not None:
        return _suspicious_among(known, same, other, label, num_classes, share)
    size = label.shape[0] * label.shape[1]
    rank = min(round(share * size), size)
    if rank == 0:
        return torch.zeros_like(label, dtype=torch.bool)
    lowest = same.flatten(0, 1).kthvalue(rank, 0).values
    highest = other.flatten(0, 1).kthvalue(size + 1 - rank, 0).values
    count = torch.stack([(label == index).sum((0, 1)) for index in range(num_classes)])
    return (same <= lowest) & (other >= highest) & _counts(count)


def _suspicious_among(
    known: Tensor, same: Tensor, other: Tensor, label: Tensor, num_classes: int, share: float
) -> Tensor:
    """The same where some voxels do not count, so that slices are of different sizes."""
    rank = (share * known.sum((0, 1))).round().long()
    at = (rank - 1).clamp_min(0)[None]
    lowest = same.masked_fill(~known, torch.inf).flatten(0, 1).sort(0).values.gather(0, at)
    highest = (
        other.masked_fill(~known, -torch.inf).flatten(0, 1).sort(0, descending=True).values.gather(0, at)
    )
    count = torch.stack([((label == index) & known).sum((0, 1)) for index in range(num_classes)])
    return (same <= lowest) & (other >= highest) & known & (rank > 0) & _counts(count)


def volume_weights(confidence: Mapping[str, float]) -> dict[str, float]:
    """Weight 0.4 to 1 of each case by its rank; the least confident third has 0.4, the most confident 1.

    With rank r = 0 for the lowest of n: `clip(0.4 + 0.6 (r - (n/3 - 1)) / (n/3 + 1), 0.4, 1)`.

    Args:
        confidence: By case; equal values are ranked by name.

    Returns:
        By case, from the lowest rank to the highest.
    """
    third = len(confidence) / 3
    order = sorted(confidence, key=lambda case_id: (confidence[case_id], case_id))
    weights = (0.4 + 0.6 * (rank - (third - 1)) / (third + 1) for rank in range(len(order)))
    return {case_id: min(max(weight, 0.4), 1.0) for case_id, weight in zip(order, weights, strict=True)}


def _class_sums(
    features: Tensor, label: Tensor, num_classes: int, known: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Unit features, one-hot label `(K, X, Y, Z)`, M `(K, C, Z)` and N `(K, Z)`, all float32."""
    unit = functional.normalize(features.float(), dim=0)
    target = functional.one_hot(label.long(), num_classes).movedim(-1, 0).float()
    if known is not None:
        target = target * known
    return unit, target, torch.einsum("cxyz,kxyz->kcz", unit, target), target.sum((1, 2))


def _previous(per_slice: Tensor) -> Tensor:
    """Values of slice z - 1 at z, along the last axis; at the first slice those of the second, if any."""
    return torch.cat([per_slice[..., :2][..., -1:], per_slice[..., :-1]], -1)


def _counts(count: Tensor) -> Tensor:
    """Slices `(Z,)` where both averages have a voxel and foreground is in the slice or its neighbor."""
    near_count = _previous(count)
    same = (count * near_count > 0).any(0)
    other = (count * (near_count.sum(0) - near_count) > 0).any(0)
    return same & other & ((count[1:] + near_count[1:]).sum(0) > 0)
