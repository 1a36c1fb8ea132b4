"""The slow twins: the same functions with the same signatures, in plain torch, differentiated by autograd.

They hold all logits and take no short cut. Tests and benches compare against them.
"""

import torch
from torch import Tensor

from .objective import GRPO, PolicyObjective
from .policy_loss import PolicyLoss


def token_log_probs(
    logits: Tensor, token_ids: Tensor, *, temperature: float = 1.0, return_entropy: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """`(logits / temperature).log_softmax(-1)`, gathered at the tokens, and its entropy."""
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    log_p = (logits / temperature).log_softmax(-1)
    log_probs = log_p.gather(-1, token_ids[..., None].to(torch.int64))[..., 0]
    if not return_entropy:
        return log_probs
    # -inf is replaced before the product, so that neither 0 * -inf nor its derivative is formed.
    return log_probs, -(log_p.exp() * torch.where(log_p == -torch.inf, 0, log_p)).sum(-1)


def linear_token_log_probs(
    hidden: Tensor,
    weight: Tensor,
    token_ids: Tensor,
    *,
    bias: Tensor | None = None,
    temperature: float = 1.0,
    return_entropy: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """`token_log_probs(hidden @ weight.T + bias, token_ids)`."""
    logits = torch.nn.functional.linear(hidden, weight, bias)
    return token_log_probs(logits, token_ids, temperature=temperature, return_entropy=return_entropy)


def policy_loss(
    log_probs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    old_log_probs: Tensor | None = None,
    sequence_ids: Tensor | None = None,
    objective: PolicyObjective = GRPO,
    num_tokens: float | Tensor | None = None,
    num_sequences: float | Tensor | None = None,
) -> PolicyLoss:
    """A loop over sequences, with the formulas as the papers print them. No metrics."""
    shape = log_probs.shape
    mask = mask.reshape(-1) != 0
    sequence_of = (
        sequence_ids.reshape(-1)
        if sequence_ids is not None
        else torch.arange(mask.numel()) // (shape[1] if len(shape) == 2 else max(mask.numel(), 1))
    )
    advantage = advantages.reshape(-1) if advantages.shape == shape else advantages[sequence_of.where(mask, 0)]
    log_p = log_probs.reshape(-1)
    old_log_p = log_p.detach() if old_log_probs is None else old_log_probs.reshape(-1)
    kept = mask.nonzero()[:, 0]
    advantage, log_p, old_log_p, sequence_of = advantage[kept], log_p[kept], old_log_p[kept], sequence_of[kept]

    if objective.ratio == "none":
        objective_of_token = advantage * log_p
    else:
        ratio = torch.exp(torch.clamp(log_p - old_log_p, -20, 20))
        objective_of_token = ratio * advantage
        if objective.surrogate == "clip":
            assert objective.clip_low is not None
            assert objective.clip_high is not None
            clipped = torch.clamp(ratio, 1 - objective.clip_low, 1 + objective.clip_high)
            objective_of_token = torch.minimum(objective_of_token, clipped * advantage)

    if objective.reduction == "none":
        per_token = torch.zeros(mask.numel(), dtype=log_p.dtype).index_copy(0, kept, -objective_of_token)
        return PolicyLoss(per_token.reshape(shape), {})
    if kept.numel() == 0:
        return PolicyLoss(log_probs.where(torch.zeros_like(log_probs, dtype=torch.bool), 0).sum(), {})
    of_sequence = [objective_of_token[sequence_of == s] for s in torch.unique(sequence_of)]
    sequences = len(of_sequence) if num_sequences is None else num_sequences
    tokens = kept.numel() if num_tokens is None else num_tokens
    total = torch.stack([tokens_of_s.sum() for tokens_of_s in of_sequence]).sum()
    if objective.reduction == "token_mean":
        loss = -total / tokens
    elif objective.reduction == "sum":
        loss = -total
    elif objective.reduction == "sequence_mean_token_sum":
        loss = -total / sequences
    elif objective.reduction == "sequence_sum_constant":
        assert objective.reduction_constant is not None
        loss = -total / objective.reduction_constant / sequences
    else:
        loss = -torch.stack([tokens_of_s.mean() for tokens_of_s in of_sequence]).sum() / sequences
    return PolicyLoss(loss, {})


def linear_policy_loss(
    hidden: Tensor,
    weight: Tensor,
    token_ids: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    old_log_probs: Tensor | None = None,
    sequence_ids: Tensor | None = None,
    objective: PolicyObjective = GRPO,
    num_tokens: float | Tensor | None = None,
    num_sequences: float | Tensor | None = None,
    bias: Tensor | None = None,
    temperature: float = 1.0,
    chunk_tokens: int | None = None,
) -> PolicyLoss:
    """`policy_loss(linear_token_log_probs(hidden, weight, token_ids), ...)`."""
    kept = mask != 0
    log_probs = linear_token_log_probs(
        hidden.where(kept[..., None], 0), weight, token_ids.where(kept, 0), bias=bias, temperature=temperature
    )
    assert isinstance(log_probs, Tensor)
    return policy_loss(
        log_probs,
        advantages,
        mask,
        old_log_probs=old_log_probs,
        sequence_ids=sequence_ids,
        objective=objective,
        num_tokens=num_tokens,
        num_sequences=num_sequences,
    )
