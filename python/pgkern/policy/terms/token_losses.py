"""The operator from log-probabilities to the loss and the coefficient of every token.

Names: N tokens.
"""

from typing import Any

import torch
from torch import Tensor

from ..backend import use_triton
from ..first_derivative_only import first_derivative_only
from ..objective import PolicyObjective
from .policy_terms import PolicyTerms
from .sequences import Sequences


@torch.library.custom_op("pgkern::token_losses", mutates_args=())
def token_losses_op(
    log_probs: Tensor,
    entropy: Tensor | None,
    advantages: Tensor,
    weights: Tensor,
    old_log_probs: Tensor | None,
    ref_log_probs: Tensor | None,
    rollout_log_probs: Tensor | None,
    sequence_index: Tensor,
    mask: Tensor,
    num_sequences: int,
    objective: str,
) -> tuple[Tensor, Tensor]:
    """`PolicyTerms.losses` with the entropy bonus, and `PolicyTerms.coefficients`, each `[N]`.

    `objective` is a `PolicyObjective.key`. One with an entropy bonus needs the entropy.
    """
    terms = PolicyTerms(
        advantages,
        weights,
        old_log_probs,
        ref_log_probs,
        rollout_log_probs,
        Sequences(sequence_index, mask, num_sequences),
        PolicyObjective.from_key(objective),
    )
    if use_triton(log_probs, log_probs.dtype) and terms.on_device:
        from ...kernels.token_losses import token_losses
        from .triton_objective import triton_objective

        return token_losses(
            log_probs,
            entropy,
            advantages,
            weights,
            old_log_probs,
            ref_log_probs,
            rollout_log_probs,
            triton_objective(terms.objective),
        )
    losses = terms.losses(log_probs)
    return losses if entropy is None else terms.with_entropy_bonus(losses, entropy), terms.coefficients(log_probs)


@token_losses_op.register_fake
def _(log_probs: Tensor, *_rest: Any) -> tuple[Tensor, Tensor]:
    return torch.empty_like(log_probs), torch.empty_like(log_probs)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    log_probs, _, advantages, weights, old_log_probs, *rest, ctx.num_sequences, ctx.objective = inputs
    objective = PolicyObjective.from_key(ctx.objective)
    _, coefficients = output
    ctx.mark_non_differentiable(coefficients)
    # Only a loss per token has gradients that differ within a sequence.
    ctx.mixes_tokens = objective.reduction == "none" and objective.couples_tokens(old_log_probs)
    ctx.entropy_coef = objective.entropy_coef
    whole_sequences = (log_probs, advantages, old_log_probs, *rest) if ctx.mixes_tokens else ()
    ctx.save_for_backward(coefficients, weights, *whole_sequences)


@first_derivative_only
def _backward(ctx: Any, grad_losses: Tensor, _unused: Tensor | None) -> tuple[Tensor | None, ...]:
    coefficients, weights, *whole_sequences = ctx.saved_tensors
    if ctx.mixes_tokens:
        # Every loss depends on the whole sequence and has a gradient of its own, which multiplies the loss's weight.
        log_probs, advantages, *rest = whole_sequences
        _, gradient = token_losses_op(
            log_probs, None, advantages, weights * grad_losses, *rest, ctx.num_sequences, ctx.objective
        )
    else:
        gradient = coefficients * grad_losses
    entropy_gradient = -ctx.entropy_coef * weights * grad_losses if ctx.needs_input_grad[1] else None
    return gradient, entropy_gradient, *(None,) * 9


token_losses_op.register_autograd(_backward, setup_context=_save)


def token_losses(log_probs_N: Tensor, entropy_N: Tensor | None, terms: PolicyTerms) -> tuple[Tensor, Tensor]:
    """The loss of every token, differentiable once in log-probabilities and entropies, and `terms.coefficients`, which
    are not. An objective with an entropy bonus needs the entropies."""
    assert terms.sequences is not None
    losses_N, coefficients_N = token_losses_op(
        log_probs_N,
        None if terms.objective.entropy_coef == 0 else entropy_N,
        terms.advantages_N,
        terms.weights_N,
        terms.old_log_probs_N,
        terms.ref_log_probs_N,
        terms.rollout_log_probs_N,
        terms.sequences.index_T,
        terms.sequences.mask_T,
        terms.sequences.count,
        terms.objective.key,
    )
    return losses_N, coefficients_N
