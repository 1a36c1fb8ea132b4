"""The weight of every token in the loss: what a reduction divides by. It depends on the mask alone.

Names: T tokens, S sequences.
"""

import math
from numbers import Real

import torch
from torch import Tensor

from ..objective import PolicyObjective
from .look_at_values import look_at_values
from .policy_batch import PolicyBatch

Count = float | Tensor


def token_weights(
    batch: PolicyBatch, objective: PolicyObjective, num_tokens: Count | None, num_sequences: Count | None
) -> Tensor:
    """Weights w such that `loss = sum(w * token_loss)`; 0 at masked tokens. See `PolicyObjective` for the reductions.

    `num_tokens` and `num_sequences` take the place of this batch's own counts of unmasked tokens and of sequences
    that have one, so that the losses of parts of a batch add up to the loss of the whole.

    Returns:
        `[T]`, in the dtype of `batch.advantages_T`.
    Raises:
        ValueError: a count that is negative or not finite (the value of a tensor is looked at on the CPU only: a GPU
            would have to be waited for).
    """
    _check_count("num_tokens", num_tokens)
    _check_count("num_sequences", num_sequences)
    mask_T = batch.mask_T.to(batch.advantages_T.dtype)
    if objective.reduction in ("sum", "none"):
        return mask_T
    if objective.reduction == "token_mean":
        return mask_T / _not_zero(mask_T.sum() if num_tokens is None else num_tokens)
    tokens_S = batch.sequences.lengths(mask_T)
    sequences = _not_zero((tokens_S > 0).sum() if num_sequences is None else num_sequences)
    if objective.reduction == "sequence_mean_token_sum":
        return mask_T / sequences
    if objective.reduction == "sequence_sum_constant":
        assert objective.reduction_constant is not None
        return mask_T / (objective.reduction_constant * sequences)
    assert objective.reduction == "sequence_mean_token_mean"
    return mask_T / (batch.sequences.spread(tokens_S.clamp(min=1)) * sequences)


def _not_zero(count: Count) -> Count:
    """A batch without a token has loss 0, not 0 / 0. A count gets no gradient."""
    if not isinstance(count, Tensor):
        return float(count) or 1.0
    count = count.detach().reshape(())
    return count.where(count != 0, 1)


def _check_count(name: str, count: Count | None) -> None:
    if count is None:
        return
    if isinstance(count, Tensor):
        if count.numel() != 1:
            raise ValueError(f"{name} must be one number, got a tensor of shape {tuple(count.shape)}")
        if count.dtype in (torch.bool, torch.complex64, torch.complex128):
            raise ValueError(f"{name} must be a real number, got a tensor of {count.dtype}")
        if not look_at_values(count.device):
            return
        count = count.item()
    # (A compiler does not trace math.isfinite of a number that changes.)
    if isinstance(count, bool) or not isinstance(count, Real) or not 0 <= count < math.inf:
        raise ValueError(f"{name} must be a finite number of at least 0, got {count!r}")
