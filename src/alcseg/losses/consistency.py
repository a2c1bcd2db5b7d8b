"""How far two predictions of the same patch are apart."""

from typing import Literal

from torch import Tensor

from alcseg.losses.partial import masked_mean

__all__ = ["ConsistencyKind", "consistency_loss"]

ConsistencyKind = Literal["mse", "kl"]


def consistency_loss(
    student_logits: Tensor,
    teacher_probs: Tensor,
    *,
    kind: ConsistencyKind = "mse",
    mask: Tensor | None = None,
) -> Tensor:
    """Disagreement of the student with a fixed target distribution, mean over samples and voxels.

    Args:
        student_logits: Raw logits, `(B, C, X, Y, Z)`; gradients flow into these.
        teacher_probs: Target probabilities, float32, same shape, without gradient.
        kind: `mse`: squared difference of the probabilities, mean over classes too; `kl`: KL(teacher ||
            student), summed over classes.
        mask: Voxels that count, bool, `(B, X, Y, Z)`; all where None.

    Returns:
        Scalar, 0 where both agree, and where no voxel counts.

    Source:
        Tarvainen and Valpola, NeurIPS 2017, arXiv:1703.01780; medical form as in UA-MT (Yu et al., MICCAI
        2019).
    """
    if kind == "mse":
        squares = (student_logits.float().softmax(1) - teacher_probs).square()
        return squares.mean() if mask is None else masked_mean(squares.mean(1), mask)
    student = student_logits.float().log_softmax(1)
    return masked_mean((teacher_probs * (teacher_probs.clamp_min(1e-12).log() - student)).sum(1), mask)
