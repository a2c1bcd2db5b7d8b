"""How far two predictions of the same patch are apart."""

from typing import Literal

from torch import Tensor

__all__ = ["ConsistencyKind", "consistency_loss"]

ConsistencyKind = Literal["mse", "kl"]


def consistency_loss(
    student_logits: Tensor, teacher_probs: Tensor, *, kind: ConsistencyKind = "mse"
) -> Tensor:
    """Disagreement of the student with a fixed target distribution, mean over samples and voxels.

    Args:
        student_logits: Raw logits, `(B, C, X, Y, Z)`; gradients flow into these.
        teacher_probs: Target probabilities, float32, same shape, without gradient.
        kind: `mse`: squared difference of the probabilities, mean over classes too; `kl`: KL(teacher ||
            student), summed over classes.

    Returns:
        Scalar, 0 where both agree.

    Source:
        Tarvainen and Valpola, NeurIPS 2017, arXiv:1703.01780; medical form as in UA-MT (Yu et al., MICCAI
        2019).
    """
    if kind == "mse":
        return (student_logits.float().softmax(1) - teacher_probs).square().mean()
    student = student_logits.float().log_softmax(1)
    return (teacher_probs * (teacher_probs.clamp_min(1e-12).log() - student)).sum(1).mean()
