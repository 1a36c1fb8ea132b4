"""The policy loss from logits that exist already, with their gradient found in the same visit.

Names: B padded rows of L tokens, N tokens in all, V vocabulary.
"""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .first_derivative_only import first_derivative_only
from .inputs.policy_batch import policy_batch
from .inputs.temperature import check_softcap, temperatures
from .inputs.token_ids import checked_token_ids
from .inputs.token_weights import Count, token_weights
from .logits.logit_gradient import ONCE, logit_gradient_op
from .logits.logit_losses import logit_losses_in_place_op, logit_losses_op
from .logits.logit_statistics import logit_statistics_op
from .logits.vocabulary_parallel import vocabulary_slice
from .objective import GRPO, PolicyObjective
from .policy_loss import PolicyLoss
from .policy_metrics import policy_metrics
from .terms.policy_terms import PolicyTerms
from .terms.token_losses import token_losses
from .token_log_probs import check_logits, checked_vocab_size, differentiable_log_probs

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup


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
    num_tokens: Count | None = None,
    num_sequences: Count | None = None,
    temperature: float | Tensor = 1.0,
    softcap: float | None = None,
    inplace_backward: bool = False,
    vocab_size: int | None = None,
    process_group: "ProcessGroup | None" = None,
) -> PolicyLoss:
    """Equal to

        log_probs, entropy = token_log_probs(logits, token_ids, temperature=temperature, return_entropy=True)
        policy_loss(log_probs, advantages, mask, entropy=entropy, old_log_probs=old_log_probs, ...)

    in one visit to every row: it is read, its log-sum-exp gives the log-probability, the entropy, the ratio and the
    coefficient, and its gradient is written. An objective that looks at whole sequences, reduction "none", fp16 logits
    (whose gradients vanish unless a scaled loss reaches them first) and `process_group` take two visits: one for the
    log-probabilities, one for the gradient.

    Args:
        logits: `[T, V]` (packed) or `[B, L, V]` (padded), floating point, with any strides, already aligned:
            `logits[t]` is the distribution that `token_ids[t]` was drawn from.
        token_ids: logits' leading shape, int64 or int32.
        inplace_backward: write the gradient over the logits: no second array of their size. The logits' values are gone
            after this call (where it takes two visits, after `backward`), and `backward` works once.
        temperature, softcap, vocab_size, process_group: as in `token_log_probs`. With `process_group` the loss is the
            same on every rank, each of which gets its slice's gradient.
        advantages, mask, old_log_probs, ref_log_probs, rollout_log_probs, sequence_ids, objective, num_tokens,
            num_sequences: as in `policy_loss`, with logits' leading shape for the tokens' shape.

    Masked rows are not read (by two visits: change nothing) and may hold anything, also a token id such as -100; their
    gradient is 0. The metrics are those of `policy_loss`, with "entropy". fp16 and bf16 are computed in fp32.

    Raises:
        ValueError: what `policy_loss` and `token_log_probs` refuse.
    Source: the primer's eq. 26 and 27; papers with each constructor of `PolicyObjective`.
    """
    check_logits(logits, token_ids, inplace_backward)
    columns = checked_vocab_size(vocab_size, logits.shape[-1])
    dtype = torch.promote_types(logits.dtype, torch.float32)
    batch = policy_batch(
        token_ids.shape,
        logits.device,
        advantages,
        mask,
        objective,
        old_log_probs,
        ref_log_probs,
        rollout_log_probs,
        sequence_ids,
        dtype,
    )
    temperature_N = temperatures(temperature, token_ids.shape, logits.device, dtype, batch.mask_T)
    softcap = check_softcap(softcap)
    part = vocabulary_slice(columns, token_ids.numel(), logits.device, process_group)
    token_ids_N = checked_token_ids(token_ids, columns if part is None else part.vocabulary, batch.mask_T)
    terms = batch.terms(token_weights(batch, objective, num_tokens, num_sequences), objective)
    of_rows = terms.for_rows()
    if process_group is not None or logits.dtype == torch.float16 or not of_rows.take_one_visit:
        log_probs_N, entropy_N = differentiable_log_probs(
            logits,
            token_ids_N,
            temperature_N,
            softcap,
            columns,
            with_entropy=True,
            in_place=inplace_backward,
            part=part,
        )
        log_probs_N, entropy_N = log_probs_N.where(batch.mask_T, 0), entropy_N.where(batch.mask_T, 0)
        losses_N, coefficients_N = token_losses(log_probs_N, entropy_N, of_rows)
        loss = losses_N.reshape(token_ids.shape) if objective.reduction == "none" else losses_N.sum()
    elif torch.compiler.is_compiling():
        losses_N, log_probs_N, entropy_N, coefficients_N, _ = logit_losses_op(
            logits,
            *_arguments(token_ids_N, temperature_N, softcap, columns, of_rows),
            logits.requires_grad and torch.is_grad_enabled(),
        )
        loss = losses_N.sum()
    else:
        loss, log_probs_N, entropy_N, coefficients_N = _OneVisit.apply(  # type: ignore[no-untyped-call]
            logits,
            inplace_backward,
            torch.is_grad_enabled(),
            *_arguments(token_ids_N, temperature_N, softcap, columns, of_rows),
        )
    return PolicyLoss(loss, policy_metrics(log_probs_N.detach(), batch, terms, coefficients_N, entropy_N.detach()))


def _arguments(
    token_ids_N: Tensor, temperature_N: Tensor, softcap: float | None, columns: int, terms: PolicyTerms
) -> tuple[Any, ...]:
    """What the operators take after the logits."""
    return (
        token_ids_N,
        temperature_N,
        softcap,
        columns,
        terms.advantages_N,
        terms.weights_N,
        terms.old_log_probs_N,
        terms.ref_log_probs_N,
        terms.rollout_log_probs_N,
        terms.objective.key,
    )


class _OneVisit(torch.autograd.Function):
    """The gradient is found in forward; backward scales it in place and hands it over without a copy.

    A second backward through the same graph finds it gone and computes it again, unless the logits are.
    """

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, in_place: bool, with_grad: bool, *arguments: Any
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        with_grad = with_grad and ctx.needs_input_grad[0]
        if in_place and with_grad:
            losses_N, *rest = logit_losses_in_place_op(logits, *arguments)
            ctx.gradient = logits
        else:
            losses_N, *rest, ctx.gradient = logit_losses_op(logits, *arguments, with_grad)
        ctx.in_place = in_place
        ctx.softcap, ctx.columns = arguments[2:4]
        _, _, coefficients_N = rest
        terms_weights_N, objective = arguments[5], PolicyObjective.from_key(arguments[-1])
        ctx.entropy_coef = objective.entropy_coef
        ctx.save_for_backward(None if in_place else logits, *arguments[:2], coefficients_N, terms_weights_N)
        ctx.mark_non_differentiable(*rest)
        return losses_N.sum(), *rest

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, grad_loss: Tensor, *_unused: Tensor | None) -> tuple[Tensor | None, ...]:
        nothing = (None,) * 12
        gradient, ctx.gradient = ctx.gradient, None
        if gradient is not None:
            return gradient.mul_(grad_loss), *nothing
        if ctx.in_place:
            raise RuntimeError(ONCE)
        logits, token_ids_N, temperature_N, coefficients_N, weights_N = ctx.saved_tensors
        with_entropy = ctx.entropy_coef != 0
        found = logit_statistics_op(logits, token_ids_N, temperature_N, ctx.softcap, ctx.columns, with_entropy)
        gradient = logit_gradient_op(
            logits,
            token_ids_N,
            temperature_N,
            ctx.softcap,
            ctx.columns,
            *found,
            coefficients_N * grad_loss,
            weights_N * (grad_loss * -ctx.entropy_coef) if with_entropy else None,
        )
        return gradient, *nothing
