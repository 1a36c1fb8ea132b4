"""The operator from log-probabilities to the loss and the coefficient of every token.

Names: N tokens.
"""

from dataclasses import replace
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
    """`PolicyTerms.losses` and `PolicyTerms.coefficients`, each `[N]`. `objective` is a `PolicyObjective.key`."""
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
            None,
            advantages,
            weights,
            old_log_probs,
            ref_log_probs,
            rollout_log_probs,
            replace(triton_objective(terms.objective), entropy_coef=0.0),  # (added to the losses by the caller)
        )
    return terms.losses(log_probs), terms.coefficients(log_probs)


@token_losses_op.register_fake
def _(log_probs: Tensor, *_rest: Any) -> tuple[Tensor, Tensor]:
    return torch.empty_like(log_probs), torch.empty_like(log_probs)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, ctx.num_sequences, ctx.objective = inputs
    objective = PolicyObjective.from_key(ctx.objective)
    _, coefficients = output
    ctx.mark_non_differentiable(coefficients)
    # Only a loss per token has gradients that differ within a sequence.
    ctx.mixes_tokens = objective.reduction == "none" and objective.couples_tokens(old_log_probs=inputs[3])
    ctx.save_for_backward(coefficients, *(tensors if ctx.mixes_tokens else ()))


@first_derivative_only
def _backward(ctx: Any, grad_losses: Tensor, _unused: Tensor | None) -> tuple[Tensor | None, ...]:
    coefficients, *tensors = ctx.saved_tensors
    if ctx.mixes_tokens:
        # Every loss depends on the whole sequence and has a gradient of its own, which multiplies the loss's weight.
        log_probs, advantages, weights, *rest = tensors
        _, gradient = token_losses_op(
            log_probs, advantages, weights * grad_losses, *rest, ctx.num_sequences, ctx.objective
        )
    else:
        gradient = coefficients * grad_losses
    return gradient, *(None,) * 9


token_losses_op.register_autograd(_backward, setup_context=_save)


def token_losses(log_probs_N: Tensor, entropy_N: Tensor | None, terms: PolicyTerms) -> tuple[Tensor, Tensor]:
    """The loss of every token, differentiable once in log-probabilities and entropies, and `terms.coefficients`, which
    are not. An objective with an entropy bonus needs the entropies."""
    assert terms.sequences is not None
    losses_N, coefficients_N = token_losses_op(
        log_probs_N,
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
    return losses_N if entropy_N is None else terms.with_entropy_bonus(losses_N, entropy_N), coefficients_N
