"""The slow twins: the same functions in plain torch, differentiated by autograd.

Their signatures are the same, but for `process_group`. They hold all logits, loop over sequences and take no short cut;
what says how the others save memory or work changes nothing here. Tests and benches compare against them.
"""

import torch
from torch import Tensor

from .naive_objective import NaiveSequence, sequence_losses
from .objective import GRPO, PolicyObjective
from .policy_loss import PolicyLoss


def token_log_probs(
    logits: Tensor,
    token_ids: Tensor,
    *,
    temperature: float | Tensor = 1.0,
    softcap: float | None = None,
    vocab_size: int | None = None,
    return_entropy: bool = False,
    inplace_backward: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """`(softcap * tanh(logits / softcap) / temperature).log_softmax(-1)` at the tokens, and its entropy.

    `inplace_backward` is how the other one saves memory; here it changes nothing.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    if vocab_size is not None:
        logits = logits[..., :vocab_size]
    if softcap is not None:
        logits = softcap * torch.tanh(logits / softcap)
    if isinstance(temperature, Tensor):
        temperature = temperature.to(logits.dtype).expand(token_ids.shape)[..., None]
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
    lora: tuple[Tensor, Tensor, float] | None = None,
    temperature: float | Tensor = 1.0,
    softcap: float | None = None,
    return_entropy: bool = False,
    chunk_tokens: int | None = None,
    logits_dtype: torch.dtype | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """`token_log_probs(hidden @ weight.T + scaling * (hidden @ lora_A.T) @ lora_B.T + bias, token_ids)`."""
    logits = torch.nn.functional.linear(hidden, weight, bias)
    if lora is not None:
        lora_a, lora_b, scaling = lora
        logits = logits + scaling * (hidden.to(lora_a.dtype) @ lora_a.T) @ lora_b.T
    return token_log_probs(logits, token_ids, temperature=temperature, softcap=softcap, return_entropy=return_entropy)


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
    num_tokens: float | Tensor | None = None,
    num_sequences: float | Tensor | None = None,
) -> PolicyLoss:
    """A loop over sequences, with the formulas as the papers print them. No metrics."""
    # The unmasked tokens are picked first, so that nothing at a masked position is ever calculated with.
    kept = mask != 0
    dtype = torch.promote_types(log_probs.dtype, torch.float32)
    log_p = log_probs[kept].to(dtype)
    sequence_of = (_row_of_token(mask) if sequence_ids is None else sequence_ids)[kept].to(torch.int64)
    advantage = (advantages[kept] if advantages.shape == log_probs.shape else advantages[sequence_of]).to(dtype)
    old_log_p = log_p.detach() if old_log_probs is None else old_log_probs.detach()[kept].to(dtype)

    places, losses = [], []  # of each sequence: which of the unmasked tokens are its own, and their losses
    for index in torch.unique(sequence_of):
        place = (sequence_of == index).nonzero()[:, 0]

        def its_own(tensor: Tensor | None, place: Tensor = place) -> Tensor | None:
            return None if tensor is None else tensor[kept][place].to(dtype)

        sequence = NaiveSequence(
            log_p=log_p[place],
            advantage=advantage[place],
            old_log_p=old_log_p[place],
            ref_log_p=its_own(ref_log_probs),
            rollout_log_p=its_own(rollout_log_probs),
            entropy=its_own(entropy),
        )
        places.append(place)
        losses.append(sequence_losses(sequence, objective))

    if objective.reduction == "none":
        in_order = torch.cat(losses)[torch.cat(places).argsort()] if losses else log_p
        per_token = torch.zeros(log_probs.shape, dtype=dtype, device=log_probs.device)
        return PolicyLoss(per_token.masked_scatter(kept, in_order), {})
    if not losses:  # a sum of nothing, with gradients of 0
        return PolicyLoss(log_p.sum() if entropy is None else log_p.sum() + entropy[kept].sum(), {})
    tokens = log_p.numel() if num_tokens is None else float(num_tokens)
    sequences = len(losses) if num_sequences is None else float(num_sequences)
    total = sum(loss.sum() for loss in losses)
    if objective.reduction == "token_mean":
        loss = total / tokens
    elif objective.reduction == "sum":
        loss = total
    elif objective.reduction == "sequence_mean_token_sum":
        loss = total / sequences
    elif objective.reduction == "sequence_sum_constant":
        assert objective.reduction_constant is not None
        loss = total / objective.reduction_constant / sequences
    else:
        assert objective.reduction == "sequence_mean_token_mean"
        loss = sum(loss.mean() for loss in losses) / sequences
    assert isinstance(loss, Tensor)
    return PolicyLoss(loss, {})


def _row_of_token(mask: Tensor) -> Tensor:
    """Which sequence a token is of when nothing says so: padded, its row; packed, the only one."""
    if mask.dim() == 1:
        return torch.zeros_like(mask, dtype=torch.int64)
    return torch.arange(mask.shape[0], device=mask.device)[:, None].expand(mask.shape)


def logits_policy_loss(
    logits: Tensor,
    token_ids: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    old_log_probs: Tensor | None = None,
    ref_log_probs: Tensor | None = None,
    rollout_log_probs: Tensor | None = None,
    sequence_ids: Tensor | None = None,
    objective: PolicyObjective = GRPO,
    num_tokens: float | Tensor | None = None,
    num_sequences: float | Tensor | None = None,
    temperature: float | Tensor = 1.0,
    softcap: float | None = None,
    vocab_size: int | None = None,
    inplace_backward: bool = False,
) -> PolicyLoss:
    """`policy_loss(token_log_probs(logits, token_ids), ...)`, with the entropy where the objective asks for it."""
    kept = mask != 0
    found = token_log_probs(
        logits.where(kept[..., None], 0),
        token_ids.where(kept, 0),
        temperature=temperature.where(kept, 1) if isinstance(temperature, Tensor) else temperature,
        softcap=softcap,
        vocab_size=vocab_size,
        return_entropy=objective.entropy_coef != 0,
    )
    log_probs, entropy = found if isinstance(found, tuple) else (found, None)
    return policy_loss(
        log_probs,
        advantages,
        mask,
        old_log_probs=old_log_probs,
        ref_log_probs=ref_log_probs,
        rollout_log_probs=rollout_log_probs,
        entropy=entropy,
        sequence_ids=sequence_ids,
        objective=objective,
        num_tokens=num_tokens,
        num_sequences=num_sequences,
    )


def linear_policy_loss(
    hidden: Tensor,
    weight: Tensor,
    token_ids: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    old_log_probs: Tensor | None = None,
    ref_log_probs: Tensor | None = None,
    rollout_log_probs: Tensor | None = None,
    sequence_ids: Tensor | None = None,
    objective: PolicyObjective = GRPO,
    num_tokens: float | Tensor | None = None,
    num_sequences: float | Tensor | None = None,
    bias: Tensor | None = None,
    lora: tuple[Tensor, Tensor, float] | None = None,
    temperature: float | Tensor = 1.0,
    softcap: float | None = None,
    chunk_tokens: int | None = None,
    logits_dtype: torch.dtype | None = None,
    return_metrics: bool = True,
) -> PolicyLoss:
    """`policy_loss(linear_token_log_probs(hidden, weight, token_ids), ...)`, all at once and without metrics."""
    kept = mask != 0
    # Masked rows become 0: rubbish in them, times a gradient of 0, would be rubbish in the weight's gradient.
    found = linear_token_log_probs(
        hidden.where(kept[..., None], 0),
        weight,
        token_ids.where(kept, 0),
        bias=bias,
        lora=lora,
        temperature=temperature.where(kept, 1) if isinstance(temperature, Tensor) else temperature,
        softcap=softcap,
        return_entropy=objective.entropy_coef != 0,
    )
    log_probs, entropy = found if isinstance(found, tuple) else (found, None)
    return policy_loss(
        log_probs,
        advantages,
        mask,
        old_log_probs=old_log_probs,
        ref_log_probs=ref_log_probs,
        rollout_log_probs=rollout_log_probs,
        entropy=entropy,
        sequence_ids=sequence_ids,
        objective=objective,
        num_tokens=num_tokens,
        num_sequences=num_sequences,
    )
