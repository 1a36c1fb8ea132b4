"""The policy loss from hidden states and the head's weight, without ever holding the logits of all tokens.

Names: N tokens, D hidden size, V vocabulary, B padded rows of L tokens.
"""

from typing import Any

import torch
from torch import Tensor

from ..require_instance import require_instance
from .first_derivative_only import first_derivative_only
from .inputs.policy_batch import policy_batch
from .inputs.token_weights import Count, token_weights
from .linear.linear_gradients import Needs
from .linear.linear_head import LinearHead, compute_dtype, linear_head
from .linear.linear_pass import gradient_pass, loss_pass
from .linear_log_probs import differentiable_log_probs
from .objective import GRPO, PolicyObjective
from .policy_loss import PolicyLoss
from .policy_metrics import policy_metrics
from .terms.policy_terms import PolicyTerms
from .terms.token_losses import token_losses


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
    num_tokens: Count | None = None,
    num_sequences: Count | None = None,
    bias: Tensor | None = None,
    temperature: float | Tensor = 1.0,
    softcap: float | None = None,
    chunk_tokens: int | None = None,
) -> PolicyLoss:
    """Equal to

        logits = hidden @ weight.T + bias
        log_probs, entropy = token_log_probs(logits, token_ids, temperature=temperature, return_entropy=True)
        policy_loss(log_probs, advantages, mask, entropy=entropy, old_log_probs=old_log_probs, ...)

    but a chunk of tokens at a time, with the gradients of hidden, weight and bias found in the same pass as the loss:
    3 products of 2 * N * D * V operations in all, 2 with a frozen hidden or weight, 1 without gradients. Masked tokens
    cost nothing; tokens without a gradient (clipped, or of advantage 0 without KL and bonus) cost one product
    instead of three (on the CPU, in one pass).
    Logits, sums and gradients are fp32 also from bf16 inputs (fp64 from fp64).

    Args:
        hidden: `[N, D]` (packed) or `[B, L, D]` (padded), already aligned: `hidden[t]` predicts `token_ids[t]`.
        weight: `[V, D]`.
        token_ids: hidden's leading shape, int64 or int32.
        bias: `[V]`.
        temperature, softcap: as in `token_log_probs`.
        chunk_tokens: how many tokens' logits are alive at a time; by default as many as fit a fixed memory budget.
        advantages, mask, old_log_probs, ref_log_probs, rollout_log_probs, sequence_ids, objective, num_tokens,
            num_sequences: as in `policy_loss`, with hidden's leading shape for the tokens' shape (packed, `advantages`
            of shape `[N]` is one per token).

    Masked positions may hold anything, also a token id such as -100 or NaN in `hidden`. The metrics are those of
    `policy_loss`, with "entropy". With reduction "none", and where the objective looks at whole sequences, the
    coefficients are not known in the first pass: `backward` then computes the logits again (4 products).

    Raises:
        ValueError: what `policy_loss` refuses, and types, shapes, dtypes or values that do not fit, with the numbers.
            A token id outside the vocabulary at an unmasked position is one on the CPU; on a GPU, which is not waited
            for, it makes the loss NaN.
    Source: the primer's eq. 26 and 27; PPO arXiv 1707.06347; GRPO arXiv 2402.03300.
    """
    require_instance("hidden", hidden, Tensor)
    require_instance("weight", weight, Tensor)
    if hidden.dim() not in (2, 3):
        raise ValueError(f"hidden must have shape [T, D] (packed) or [B, L, D] (padded), got {list(hidden.shape)}")
    batch = policy_batch(
        hidden.shape[:-1],
        hidden.device,
        advantages,
        mask,
        objective,
        old_log_probs,
        ref_log_probs,
        rollout_log_probs,
        sequence_ids,
        compute_dtype(hidden, weight),
    )
    head = linear_head(hidden, weight, token_ids, bias, temperature, softcap, batch.mask_T)
    terms = batch.terms(token_weights(batch, objective, num_tokens, num_sequences), objective)
    of_rows = terms.for_rows()
    rows_N = batch.mask_T.nonzero()[:, 0]  # on a GPU this waits for the device, once
    if not terms.take_one_visit:
        losses_N, log_probs_N, entropy_N, coefficients_N = _two_passes(head, rows_N, of_rows, chunk_tokens)
        loss = losses_N.reshape(hidden.shape[:-1]) if objective.reduction == "none" else losses_N.sum()
    else:
        loss, log_probs_N, entropy_N, coefficients_N = _LinearPolicyLoss.apply(  # type: ignore[no-untyped-call]
            head, rows_N, of_rows, chunk_tokens, torch.is_grad_enabled(), head.hidden_TD, weight, bias
        )
    return PolicyLoss(loss, policy_metrics(log_probs_N, batch, terms, coefficients_N, entropy_N))


class _LinearPolicyLoss(torch.autograd.Function):
    """Gradients are found in forward; backward scales them in place and hands them over without a copy.

    A second backward through the same graph finds them gone and computes them again.
    """

    @staticmethod
    def forward(
        ctx: Any,
        head: LinearHead,
        rows_N: Tensor,
        terms: PolicyTerms,
        chunk_tokens: int | None,
        with_grad: bool,
        hidden_ND: Tensor,
        weight_VD: Tensor,
        bias_V: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        needs = Needs(*(with_grad and wanted for wanted in ctx.needs_input_grad[-3:]))
        found = loss_pass(head, rows_N, terms, needs, chunk_tokens=chunk_tokens)
        log_probs_N, entropy_N, coefficients_N = found.log_probs_N, found.entropy_N, found.coefficients_N
        assert entropy_N is not None
        if coefficients_N is None:
            coefficients_N = terms.coefficients(log_probs_N)
        ctx.mark_non_differentiable(log_probs_N, entropy_N, coefficients_N)
        ctx.gradients = found.gradients
        ctx.softcap, ctx.needs, ctx.chunk_tokens = head.softcap, needs, chunk_tokens
        ctx.entropy_coefficients_N = terms.entropy_coefficients()
        ctx.save_for_backward(
            hidden_ND, weight_VD, bias_V, head.token_ids_T, head.temperature_T, rows_N, coefficients_N
        )
        losses_N = terms.with_entropy_bonus(terms.losses(log_probs_N), entropy_N)
        return losses_N.sum(), log_probs_N, entropy_N, coefficients_N

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, grad_loss: Tensor, *_unused: Tensor | None) -> tuple[Tensor | None, ...]:
        hidden_ND, weight_VD, bias_V, token_ids_N, temperature_N, rows_N, coefficients_N = ctx.saved_tensors
        head = LinearHead(hidden_ND, weight_VD, bias_V, token_ids_N, temperature_N, ctx.softcap)
        gradients, ctx.gradients = ctx.gradients, None
        if gradients is None:
            gradients = gradient_pass(
                head, rows_N, coefficients_N, ctx.entropy_coefficients_N, ctx.needs, chunk_tokens=ctx.chunk_tokens
            )
        return None, None, None, None, None, *gradients.scaled_(grad_loss, head)


def _two_passes(
    head: LinearHead, rows_N: Tensor, terms: PolicyTerms, chunk_tokens: int | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Log-probabilities first, then losses; the logits are computed again in backward: four products."""
    log_probs_R, entropy_R = differentiable_log_probs(head.at(rows_N), chunk_tokens)
    zeros_N = torch.zeros(head.hidden_TD.shape[0], dtype=log_probs_R.dtype, device=log_probs_R.device)
    log_probs_N = zeros_N.index_copy(0, rows_N, log_probs_R)
    entropy_N = zeros_N.index_copy(0, rows_N, entropy_R)
    losses_N, coefficients_N = token_losses(log_probs_N, entropy_N, terms)
    return losses_N, log_probs_N.detach(), entropy_N.detach(), coefficients_N
