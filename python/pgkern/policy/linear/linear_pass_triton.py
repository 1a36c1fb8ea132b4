"""One pass over chunks of logits with cuBLAS for the products and Triton for the rows: the GPU path.

Names: T tokens of one chunk, N tokens in all, D hidden size, V vocabulary.
"""

import torch
from torch import Tensor

from ...kernels.policy_loss_rows import policy_loss_rows
from ...kernels.token_log_probs_backward import token_log_probs_backward
from ...kernels.token_log_probs_forward import token_log_probs_forward
from ..taken import taken
from ..terms.policy_terms import PolicyTerms
from ..terms.triton_objective import triton_objective
from .linear_chunks import logit_chunks
from .linear_gradients import LinearGradients, LinearPass, Needs
from .linear_head import LinearHead


def log_probs_pass(head: LinearHead, rows_N: Tensor, *, with_entropy: bool, chunk_tokens: int | None) -> LinearPass:
    """See `linear_pass`. The entropy costs the kernel nothing."""
    log_probs_N, entropy_N = _zeros(head), _zeros(head)
    for rows_T, _, logits_TV in logit_chunks(head, rows_N, chunk_tokens):
        found = token_log_probs_forward(logits_TV, head.token_ids_T[rows_T], head.temperatures(rows_T), head.softcap)
        log_probs_N[rows_T], entropy_N[rows_T] = found[:2]
    return LinearPass(log_probs_N, entropy_N if with_entropy else None, None, None)


def loss_pass(
    head: LinearHead, rows_N: Tensor, terms: PolicyTerms, needs: Needs, *, chunk_tokens: int | None
) -> LinearPass:
    """See `linear_pass`."""
    log_probs_N, entropy_N, coefficients_N = _zeros(head), _zeros(head), _zeros(head)
    gradients = LinearGradients.zeros(head, needs)
    objective = triton_objective(terms.objective)
    grad_buffer_TV = None
    for rows_T, hidden_TD, logits_TV in logit_chunks(head, rows_N, chunk_tokens):
        grad_buffer_TV = _gradient_buffer(head, logits_TV) if grad_buffer_TV is None else grad_buffer_TV
        grad_logits_TV = grad_buffer_TV[: rows_T.numel()]
        terms_T = terms.at(rows_T)
        _, log_probs_N[rows_T], entropy_N[rows_T], coefficients_N[rows_T] = policy_loss_rows(
            logits_TV,
            head.token_ids_T[rows_T],
            terms_T.advantages_N,
            terms_T.weights_N,
            terms_T.old_log_probs_N,
            terms_T.ref_log_probs_N,
            terms_T.rollout_log_probs_N,
            objective,
            head.temperatures(rows_T),
            head.softcap,
            out=grad_logits_TV,
        )
        gradients.add_rows(head, rows_T, hidden_TD, grad_logits_TV)
    return LinearPass(log_probs_N, entropy_N, coefficients_N, gradients)


def gradient_pass(
    head: LinearHead,
    rows_N: Tensor,
    coefficients_N: Tensor,
    entropy_coefficients_N: Tensor | None,
    needs: Needs,
    *,
    chunk_tokens: int | None,
) -> LinearGradients:
    """See `linear_pass`."""
    gradients = LinearGradients.zeros(head, needs)
    if not needs.any:
        return gradients
    grad_buffer_TV = None
    for rows_T, hidden_TD, logits_TV in logit_chunks(head, rows_N, chunk_tokens):
        grad_buffer_TV = _gradient_buffer(head, logits_TV) if grad_buffer_TV is None else grad_buffer_TV
        ids_T = head.token_ids_T[rows_T]
        temperature_T = head.temperatures(rows_T)
        _, entropy_T, largest_T, log_sums_T = token_log_probs_forward(logits_TV, ids_T, temperature_T, head.softcap)
        grad_logits_TV = token_log_probs_backward(
            logits_TV,
            ids_T,
            entropy_T,
            largest_T,
            log_sums_T,
            coefficients_N[rows_T],
            taken(entropy_coefficients_N, rows_T),
            temperature_T,
            head.softcap,
            out=grad_buffer_TV[: rows_T.numel()],
        )
        gradients.add_rows(head, rows_T, hidden_TD, grad_logits_TV)
    return gradients


def _gradient_buffer(head: LinearHead, logits_TV: Tensor) -> Tensor:
    """Where the rows' gradients go: bf16 beside the logits where both products take bf16, else over the logits.

    fp16 is not narrow enough a case: a gradient of 1e-8 would be lost in it.
    """
    if head.weight_VD.dtype == head.hidden_TD.dtype == torch.bfloat16:
        return torch.empty_like(logits_TV, dtype=torch.bfloat16)
    return logits_TV


def _zeros(head: LinearHead) -> Tensor:
    return torch.zeros(head.hidden_TD.shape[0], dtype=torch.float32, device=head.hidden_TD.device)
