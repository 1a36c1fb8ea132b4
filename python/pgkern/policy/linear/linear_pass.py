"""One pass over chunks of logits, by whoever does the row work here: plain torch, or Triton kernels.

Names: N tokens, D hidden size, V vocabulary.
"""

import torch
from torch import Tensor

from ..backend import use_triton
from ..terms.policy_terms import PolicyTerms
from . import linear_pass_torch
from .linear_gradients import LinearGradients, LinearPass, Needs
from .linear_head import LinearHead


def log_probs_pass(head: LinearHead, rows_N: Tensor, *, with_entropy: bool, chunk_tokens: int | None) -> LinearPass:
    """Log-probabilities and entropies of these rows: one product."""
    with torch.no_grad(), torch.autocast(head.hidden_TD.device.type, enabled=False):
        if use_triton(head.hidden_TD, head.compute_dtype):
            from . import linear_pass_triton

            return linear_pass_triton.log_probs_pass(head, rows_N, with_entropy=with_entropy, chunk_tokens=chunk_tokens)
        return linear_pass_torch.log_probs_pass(head, rows_N, with_entropy=with_entropy, chunk_tokens=chunk_tokens)


def loss_pass(
    head: LinearHead, rows_N: Tensor, terms: PolicyTerms, needs: Needs, *, chunk_tokens: int | None
) -> LinearPass:
    """The same, and the gradients of `terms.losses(log_probs).sum()`: three products."""
    if not needs.any:
        return log_probs_pass(head, rows_N, with_entropy=True, chunk_tokens=chunk_tokens)
    with torch.no_grad(), torch.autocast(head.hidden_TD.device.type, enabled=False):
        if use_triton(head.hidden_TD, head.compute_dtype):
            from . import linear_pass_triton

            return linear_pass_triton.loss_pass(head, rows_N, terms, needs, chunk_tokens=chunk_tokens)
        return linear_pass_torch.loss_pass(head, rows_N, terms, needs, chunk_tokens=chunk_tokens)


def gradient_pass(
    head: LinearHead,
    rows_N: Tensor,
    coefficients_N: Tensor,
    entropy_coefficients_N: Tensor | None,
    needs: Needs,
    *,
    chunk_tokens: int | None,
) -> LinearGradients:
    """Gradients of `sum(coefficients * log_probs + entropy_coefficients * entropy)`, with the logits computed again."""
    with torch.no_grad(), torch.autocast(head.hidden_TD.device.type, enabled=False):
        if use_triton(head.hidden_TD, head.compute_dtype):
            from . import linear_pass_triton

            return linear_pass_triton.gradient_pass(
                head, rows_N, coefficients_N, entropy_coefficients_N, needs, chunk_tokens=chunk_tokens
            )
        return linear_pass_torch.gradient_pass(
            head, rows_N, coefficients_N, entropy_coefficients_N, needs, chunk_tokens=chunk_tokens
        )
