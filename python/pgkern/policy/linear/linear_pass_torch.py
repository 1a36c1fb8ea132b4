"""One pass over chunks of logits in plain torch: the CPU path of everything that starts from hidden states.

Names: T tokens of one chunk, N tokens in all, D hidden size, V vocabulary.
"""

import functools

import torch
from torch import Tensor

from ..logits.row_exponentials import RowStatistics, exponentiate_rows_
from ..taken import taken
from ..terms.policy_terms import PolicyTerms
from .linear_chunks import logit_chunks
from .linear_gradients import LinearGradients, LinearPass, Needs
from .linear_head import LinearHead


def log_probs_pass(head: LinearHead, rows_N: Tensor, *, with_entropy: bool, chunk_tokens: int | None) -> LinearPass:
    """Log-probabilities and entropies of these rows: one product."""
    return _run(head, rows_N, None, Needs(False, False, False), with_entropy=with_entropy, chunk_tokens=chunk_tokens)


def loss_pass(
    head: LinearHead, rows_N: Tensor, terms: PolicyTerms, needs: Needs, *, chunk_tokens: int | None
) -> LinearPass:
    """The same, and the gradients of `terms.losses(log_probs).sum()`: three products.

    Rows whose coefficient is 0 are left out of the two gradient products.
    """
    return _run(head, rows_N, terms, needs, with_entropy=True, chunk_tokens=chunk_tokens)


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
    gradients = LinearGradients.zeros(head, needs)
    if not needs.any:
        return gradients
    for rows_T, hidden_TD, logits_TV in logit_chunks(head, rows_N, chunk_tokens):
        c_T = coefficients_N[rows_T]
        h_T = taken(entropy_coefficients_N, rows_T)
        statistics = exponentiate_rows_(
            logits_TV,
            head.token_ids_T[rows_T],
            head.temperatures(rows_T),
            head.softcap,
            with_entropy=h_T is not None,
            coefficients=functools.partial(_taken, c_T),
            entropy_coefficients_T=h_T,
        )
        _add_active_rows(gradients, head, rows_T, hidden_TD, logits_TV, statistics, c_T, h_T)
    return gradients


def _run(
    head: LinearHead,
    rows_N: Tensor,
    terms: PolicyTerms | None,
    needs: Needs,
    *,
    with_entropy: bool,
    chunk_tokens: int | None,
) -> LinearPass:
    zeros_N = torch.zeros(head.hidden_TD.shape[0], dtype=head.compute_dtype, device=head.hidden_TD.device)
    log_probs_N = zeros_N.clone()
    entropy_N = zeros_N.clone() if with_entropy else None
    coefficients_N = zeros_N if terms is not None else None
    gradients = LinearGradients.zeros(head, needs) if needs.any else None
    for rows_T, hidden_TD, logits_TV in logit_chunks(head, rows_N, chunk_tokens):
        ids_T = head.token_ids_T[rows_T]
        terms_T = None if terms is None else terms.at(rows_T)
        h_T = None if terms_T is None else terms_T.entropy_coefficients()
        statistics = exponentiate_rows_(
            logits_TV,
            ids_T,
            head.temperatures(rows_T),
            head.softcap,
            with_entropy=with_entropy,
            with_gradient=gradients is not None,
            coefficients=None if terms_T is None else terms_T.coefficients_at,
            entropy_coefficients_T=h_T,
        )
        log_probs_N[rows_T] = statistics.log_probs_T
        if entropy_N is not None and statistics.entropy_T is not None:
            entropy_N[rows_T] = statistics.entropy_T
        if terms_T is None or coefficients_N is None or gradients is None:
            continue
        c_T = terms_T.coefficients(statistics.log_probs_T)
        coefficients_N[rows_T] = c_T
        _add_active_rows(gradients, head, rows_T, hidden_TD, logits_TV, statistics, c_T, h_T)
    return LinearPass(log_probs_N, entropy_N, coefficients_N, gradients)


def _add_active_rows(
    gradients: LinearGradients,
    head: LinearHead,
    rows_T: Tensor,
    hidden_TD: Tensor,
    exponentials_TV: Tensor,
    statistics: RowStatistics,
    coefficients_T: Tensor,
    entropy_coefficients_T: Tensor | None,
) -> None:
    active_T = coefficients_T != 0
    if entropy_coefficients_T is not None:
        active_T |= entropy_coefficients_T != 0
    active_A = active_T.nonzero()[:, 0]
    if active_A.numel() == 0:
        return
    if active_A.numel() < coefficients_T.numel():
        exponentials_TV = _move_rows_up_(exponentials_TV, active_A)
        rows_T, hidden_TD = rows_T[active_A], hidden_TD[active_A]
    h_A = taken(entropy_coefficients_T, active_A)
    scales = statistics.at(active_A).gradient_scales(coefficients_T[active_A], h_A)
    gradients.add_exponentials(head, rows_T, hidden_TD, exponentials_TV, *scales)


def _taken(coefficients_T: Tensor, rows: slice, _log_probs: Tensor) -> Tensor:
    return coefficients_T[rows]


def _move_rows_up_(rows_TV: Tensor, kept_A: Tensor) -> Tensor:
    """`rows[kept]` without a second buffer: `kept` rises, so a row is never overwritten before it has moved."""
    for to, source in enumerate(kept_A.tolist()):
        if to != source:
            rows_TV[to].copy_(rows_TV[source])
    return rows_TV[: kept_A.numel()]
