"""The policy loss from log-probabilities that exist already.

Names: B padded rows of L tokens, T tokens in all.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..require_instance import require_instance
from .objective import GRPO, PolicyObjective
from .policy_batch import policy_batch
from .policy_metrics import policy_metrics
from .token_surrogate import PolicyTerms
from .token_weights import Count, token_weights


@dataclass(frozen=True, slots=True)
class PolicyLoss:
    """`loss`: a scalar to call `backward()` on, or one per token with reduction "none". Its gradient is the
    estimate; its value is no measure of progress (the primer's eq. 26). `metrics`: detached scalars on the device."""

    loss: Tensor
    metrics: Mapping[str, Tensor]


def policy_loss(
    log_probs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    old_log_probs: Tensor | None = None,
    sequence_ids: Tensor | None = None,
    objective: PolicyObjective = GRPO,
    num_tokens: Count | None = None,
    num_sequences: Count | None = None,
) -> PolicyLoss:
    """With the default objective, equal to

        ratio = exp(log_probs - old_log_probs)
        token = -minimum(advantages * ratio, advantages * ratio.clamp(1 - clip_low, 1 + clip_high))
        loss = ((token * mask).sum(-1) / mask.sum(-1)).mean()

    Args:
        log_probs: `[T]` (packed) or `[B, L]` (padded), floating point, log p(token) under the policy being trained.
        advantages: `[B]` (padded) or `[S]` (one per sequence id), or the tokens' shape. `[T]` without `sequence_ids`
            is one sequence, so there `[1]`. The tokens' shape wins: with `[T]` tokens and `sequence_ids`, advantages
            of shape `[T]` are one per token also where there happen to be as many sequences as tokens (S = T). To rule
            that out gather them first: `advantages[sequence_ids]` is one per token. No gradient flows to it.
        mask: the tokens' shape; bool, or numbers 0 and 1. Whatever stands at a masked position of any input
            (NaN, inf, -100) changes neither the loss nor a gradient.
        old_log_probs: the tokens' shape, log p(token) under the policy that sampled. Without it a ratio is 1 and has
            the gradient of the log-probability (on-policy).
        sequence_ids: the tokens' shape, integers from 0: which sequence a token belongs to.
        objective: ratio, surrogate and reduction; see `PolicyObjective`.
        num_tokens, num_sequences: the whole batch's count of unmasked tokens and of sequences with an unmasked token,
            for the loss of a part of it: the parts' losses and gradients then add up to the whole's. A reduction uses
            the one it divides by. A sequence must lie within one part where its own length matters. Numbers of at
            least 0, or tensors of one; the value of a tensor on a GPU is not looked at.

    The log-ratio is clamped to ±20, beyond which a token has no gradient. fp16 and bf16 are computed in fp32.

    Raises:
        ValueError: types, shapes, dtypes or values that do not fit, with the numbers. At unmasked positions an
            advantage that is not finite, or an old log-probability of NaN, is one on the CPU; on a GPU, which is not
            waited for, the loss is then not finite either.
    Source: the primer's eq. 26 and 27; PPO arXiv 1707.06347; GRPO arXiv 2402.03300.
    """
    require_instance("log_probs", log_probs, Tensor)
    if not log_probs.is_floating_point():
        raise ValueError(f"log_probs must be floating point, got {log_probs.dtype}")
    dtype = torch.float64 if log_probs.dtype == torch.float64 else torch.float32
    batch = policy_batch(log_probs.shape, log_probs.device, advantages, mask, old_log_probs, sequence_ids, dtype)
    weights_T = token_weights(batch, objective, num_tokens, num_sequences)
    log_probs_T = log_probs.reshape(-1).to(dtype).where(batch.mask_T, 0)
    losses_T = PolicyTerms(batch.old_log_probs_T, batch.advantages_T, weights_T, objective).losses(log_probs_T)
    loss = losses_T.reshape(log_probs.shape) if objective.reduction == "none" else losses_T.sum()
    return PolicyLoss(loss, policy_metrics(log_probs_T.detach(), batch, objective))
