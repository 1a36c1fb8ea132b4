"""The policy loss from log-probabilities that exist already.

Names: B padded rows of L tokens, T tokens in all.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..require_instance import require_instance
from .inputs.look_at_values import look_at_values
from .inputs.policy_batch import policy_batch, refuse_nan, require_shape
from .inputs.token_weights import Count, token_weights
from .objective import GRPO, PolicyObjective
from .policy_metrics import policy_metrics
from .terms.token_losses import token_losses


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
    ref_log_probs: Tensor | None = None,
    rollout_log_probs: Tensor | None = None,
    entropy: Tensor | None = None,
    sequence_ids: Tensor | None = None,
    objective: PolicyObjective = GRPO,
    num_tokens: Count | None = None,
    num_sequences: Count | None = None,
) -> PolicyLoss:
    """With the default objective, equal to

        ratio = exp(log_probs - old_log_probs)
        token = -minimum(advantages * ratio, advantages * ratio.clamp(1 - clip_low, 1 + clip_high))
        loss = ((token * mask).sum(-1) / mask.sum(-1)).mean()

    and with others what `PolicyObjective` says.

    Args:
        log_probs: `[T]` (packed) or `[B, L]` (padded), floating point, log p(token) under the policy being trained.
        advantages: `[B]` (padded) or `[S]` (one per sequence id), or the tokens' shape. `[T]` without `sequence_ids`
            is one sequence, so there `[1]`. The tokens' shape wins: with `[T]` tokens and `sequence_ids`, advantages
            of shape `[T]` are one per token also where there happen to be as many sequences as tokens (S = T). To rule
            that out gather them first: `advantages[sequence_ids]` is one per token. No gradient flows to it.
        mask: the tokens' shape; bool, or numbers 0 and 1. Whatever stands at a masked position of any input
            (NaN, inf, -100) changes neither the loss nor a gradient.
        old_log_probs: the tokens' shape, log p(token) under the policy at the start of the updates, as the trainer
            computes it. Without it a ratio is 1 and has the gradient of the log-probability (on-policy).
        ref_log_probs: the tokens' shape, log p(token) under a reference policy, for the KL penalty.
        rollout_log_probs: the tokens' shape, log p(token) as the sampling engine reported it, for the correction.
        entropy: the tokens' shape, of the next-token distribution, in nats, for the entropy bonus; differentiable.
        sequence_ids: the tokens' shape, integers: which sequence a token belongs to. With `advantages` of shape `[S]`
            they index it, from 0; with one advantage per token they may be any integers.
        objective: ratio, surrogate, penalties, correction and reduction; see `PolicyObjective`.
        num_tokens, num_sequences: the whole batch's count of unmasked tokens and of sequences with an unmasked token,
            for the loss of a part of it: the parts' losses and gradients then add up to the whole's. A reduction uses
            the one it divides by. A sequence must lie within one part where the objective looks at all of it. Numbers
            of at least 0, or tensors of one; 0 counts as 1; the value of a tensor on a GPU is not looked at.

    A token's log-ratio is clamped to ±20, beyond which it has no gradient. fp16 and bf16 are computed in fp32.
    Differentiable once. Metrics: see `policy_metrics`. `torch.compile(fullgraph=True)` takes it whole.

    Raises:
        ValueError: types, shapes, dtypes or values that do not fit, with the numbers. At unmasked positions an
            advantage that is not finite, or a log-probability of NaN, is one on the CPU; on a GPU, which is not
            waited for, and in compiled code the loss is then not finite either.
    Source: the primer's eq. 26 and 27; papers with each constructor of `PolicyObjective`.
    """
    require_instance("log_probs", log_probs, Tensor)
    if not log_probs.is_floating_point():
        raise ValueError(f"log_probs must be floating point, got {log_probs.dtype}")
    dtype = torch.promote_types(log_probs.dtype, torch.float32)
    batch = policy_batch(
        log_probs.shape,
        log_probs.device,
        advantages,
        mask,
        objective,
        old_log_probs,
        ref_log_probs,
        rollout_log_probs,
        sequence_ids,
        dtype,
    )
    terms = batch.terms(token_weights(batch, objective, num_tokens, num_sequences), objective)
    log_probs_T = log_probs.reshape(-1).to(dtype).where(batch.mask_T, 0)
    entropy_T = _flat_entropy(entropy, log_probs, batch.mask_T)
    if objective.entropy_coef != 0 and entropy_T is None:
        raise ValueError(f"the objective has entropy_coef {objective.entropy_coef}, so entropy must be given")
    if look_at_values(log_probs.device):
        refuse_nan("log_probs", log_probs_T, batch.sequences)
        if entropy_T is not None:
            refuse_nan("entropy", entropy_T, batch.sequences)
    losses_T, coefficients_T = token_losses(log_probs_T, entropy_T, terms.for_rows())
    loss = losses_T.reshape(log_probs.shape) if objective.reduction == "none" else losses_T.sum()
    return PolicyLoss(loss, policy_metrics(log_probs_T.detach(), batch, terms, coefficients_T, entropy_T))


def _flat_entropy(entropy: Tensor | None, log_probs: Tensor, mask_T: Tensor) -> Tensor | None:
    if entropy is None:
        return None
    require_instance("entropy", entropy, Tensor)
    require_shape("entropy", entropy, log_probs.shape)
    if not entropy.is_floating_point():
        raise ValueError(f"entropy must be floating point, got {entropy.dtype}")
    if entropy.device != log_probs.device:
        raise ValueError(f"entropy is on {entropy.device}, the tokens are on {log_probs.device}")
    return entropy.reshape(-1).to(torch.promote_types(log_probs.dtype, torch.float32)).where(mask_T, 0)
