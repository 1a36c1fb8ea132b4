"""The operators from logits to the loss of every token and its gradient over the logits.

Names: N rows.
"""

from typing import Any

import torch
from torch import Tensor

from ..first_derivative_only import first_derivative_only
from ..objective import PolicyObjective
from ..terms.policy_terms import PolicyTerms
from .logit_loss_rows import LossRows

_AFTER_LOGITS = (
    "Tensor token_ids, Tensor temperature, float? softcap, SymInt vocab_size, Tensor advantages, Tensor weights, "
    "Tensor? old_log_probs, Tensor? ref_log_probs, Tensor? rollout_log_probs, str objective"
)


@torch.library.custom_op(
    "pgkern::logit_losses",
    mutates_args=(),
    schema=f"(Tensor logits, {_AFTER_LOGITS}, bool with_gradient) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
)
def logit_losses_op(logits: Tensor, *arguments: Any) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Losses (entropy bonus included), log-probabilities, entropies and coefficients of every token `[N]`, and the
    gradient of the losses' sum over the logits (empty unless `with_gradient`).

    Rows of weight 0 are not used and are 0 in every result. A kept token id outside the vocabulary makes its row NaN.
    """
    *of_rows, with_gradient = arguments
    gradient = _gradient_like(logits, with_gradient)
    return *_rows(*of_rows).visit(logits, gradient if with_gradient else None), gradient


@logit_losses_op.register_fake
def _(logits: Tensor, *arguments: Any) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    losses, log_probs, entropy, coefficients = (torch.empty_like(arguments[4]) for _ in range(4))
    return losses, log_probs, entropy, coefficients, _gradient_like(logits, arguments[-1])


@torch.library.custom_op(
    "pgkern::logit_losses_",
    mutates_args=("logits",),
    schema=f"(Tensor(a!) logits, {_AFTER_LOGITS}) -> (Tensor, Tensor, Tensor, Tensor)",
)
def logit_losses_in_place_op(logits: Tensor, *arguments: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The same, with the gradient over the logits."""
    return _rows(*arguments).visit(logits, logits)


@logit_losses_in_place_op.register_fake
def _(_logits: Tensor, *arguments: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    losses, log_probs, entropy, coefficients = (torch.empty_like(arguments[4]) for _ in range(4))
    return losses, log_probs, entropy, coefficients


def _gradient_like(logits: Tensor, with_gradient: bool) -> Tensor:
    return torch.empty(logits.shape if with_gradient else (0,), dtype=logits.dtype, device=logits.device)


def _rows(token_ids: Tensor, temperature: Tensor, softcap: float | None, vocab_size: int, *of_terms: Any) -> LossRows:
    *numbers, objective = of_terms
    advantages, weights, old_log_probs, ref_log_probs, rollout_log_probs = numbers
    terms = PolicyTerms(
        advantages,
        weights,
        old_log_probs,
        ref_log_probs,
        rollout_log_probs,
        None,
        PolicyObjective.from_key(objective),
    )
    return LossRows(token_ids, temperature, softcap, vocab_size, terms)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(output[-1])
    ctx.mark_non_differentiable(*output[1:])


@first_derivative_only
def _backward(ctx: Any, grad_losses: Tensor, *_unused: Tensor | None) -> tuple[Tensor | None, ...]:
    (gradient,) = ctx.saved_tensors
    scales = grad_losses.reshape(*gradient.shape[:-1], 1)
    return (gradient * scales).to(gradient.dtype), *(None,) * 11


logit_losses_op.register_autograd(_backward, setup_context=_save)
