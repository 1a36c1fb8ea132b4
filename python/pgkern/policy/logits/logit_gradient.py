"""The operators from coefficients of log-probabilities and entropies to the logits' gradient."""

from typing import Any

import torch
from torch import Tensor

from .logit_gradient_rows import GradientRows

ONCE = (
    "this backward has happened: with inplace_backward=True the logits became their gradient, which was handed over; "
    "call backward once, or leave inplace_backward False"
)
"""What a second backward in place is told."""

_AFTER_LOGITS = (
    "Tensor token_ids, Tensor temperature, float? softcap, SymInt vocab_size, Tensor log_probs, Tensor entropy, "
    "Tensor largest, Tensor log_sums, Tensor coefficients, Tensor? entropy_coefficients"
)


@torch.library.custom_op(
    "pgkern::logit_gradient", mutates_args=(), schema=f"(Tensor logits, {_AFTER_LOGITS}) -> Tensor"
)
def logit_gradient_op(logits: Tensor, *rows: Any) -> Tensor:
    """Gradient of `sum(coefficients * log_probs + entropy_coefficients * entropy)`, in the logits' shape and dtype.

    The statistics are those of `logit_statistics` (or, of a slice of the vocabulary, of all slices together). Columns
    from `vocab_size` on get 0. A token id that is none of the columns has none. A row without coefficients is 0 and not
    read.
    """
    gradient = torch.empty(logits.shape, dtype=logits.dtype, device=logits.device)
    GradientRows(*rows).write(logits, gradient)
    return gradient


@logit_gradient_op.register_fake
def _(logits: Tensor, *_rows: Any) -> Tensor:
    return torch.empty(logits.shape, dtype=logits.dtype, device=logits.device)


@torch.library.custom_op(
    "pgkern::logit_gradient_", mutates_args=("logits",), schema=f"(Tensor(a!) logits, {_AFTER_LOGITS}) -> ()"
)
def logit_gradient_in_place_op(logits: Tensor, *rows: Any) -> None:
    """The same, over the logits."""
    GradientRows(*rows).write(logits, logits)


@logit_gradient_in_place_op.register_fake
def _(*_all: Any) -> None:
    return None
