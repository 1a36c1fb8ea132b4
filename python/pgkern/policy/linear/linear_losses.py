"""From hidden states to the gradients of the policy loss: three products where the rows' logits need not come back.

Names: N rows in all, R rows that are visited, T rows of one chunk, A rows with a gradient, D hidden size, V vocabulary.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ..logits.vocabulary_parallel import VocabularySlice
from ..taken import taken
from ..terms.policy_terms import PolicyTerms
from .chunk_visit import visit_chunk
from .gradient_sums import GradientSums, Needs
from .linear_chunks import chunk_length, longest_chunk, whole_sequences
from .linear_gradient import linear_gradient
from .linear_head import LinearHead
from .linear_products import has_narrow_products, project
from .linear_statistics import linear_statistics
from .logit_buffer import LogitBuffer
from .low_rank import LowRank
from .visited_rows import VisitedRows, visited_rows

_MOVED_TOGETHER = 16  # rows that are read before they are written


@dataclass(frozen=True, slots=True)
class LinearLosses:
    """What a pass found; 0 in rows that were left out."""

    log_probs_N: Tensor
    entropy_N: Tensor
    coefficients_N: Tensor
    gradients: GradientSums


def linear_losses(
    head: LinearHead,
    terms: PolicyTerms,
    needs: Needs,
    *,
    chunk_tokens: int | None,
    with_quiet: bool,
    part: VocabularySlice | None,
) -> LinearLosses:
    """The gradients are those of `terms.with_entropy_bonus(terms.losses(log_probs), entropy).sum()`.

    Rows that are known to have none are visited for their log-probabilities only, and only `with_quiet`.
    """
    rows = visited_rows(terms, with_quiet=with_quiet)
    if not rows.known:
        head = head.with_unscored_rows(terms.weights_N != 0)
    statistics_of = partial(linear_statistics, head, with_entropy=True, chunk_tokens=chunk_tokens, part=part)
    zeros_N = torch.zeros(head.hidden_TD.shape[0], dtype=head.compute_dtype, device=head.hidden_TD.device)
    log_probs_N, entropy_N, coefficients_N = zeros_N, zeros_N.clone(), zeros_N.clone()
    if rows.quiet_R.shape[0]:
        log_probs_N[rows.quiet_R], entropy_N[rows.quiet_R], *_ = statistics_of(rows.quiet_R)
    chunks = _chunks(head, terms, rows, chunk_tokens, part) if needs.any else None
    if chunks is None:
        statistics = statistics_of(rows.loud_R)
        log_probs_N[rows.loud_R], entropy_N[rows.loud_R], *_ = statistics
        # A sequence's slope is that of its masked tokens too, and where rows are not known they are among these.
        coefficients_N = terms.coefficients(log_probs_N).where(terms.weights_N != 0, 0)
        c_R, h_R = coefficients_N[rows.loud_R], taken(terms.entropy_coefficients(), rows.loud_R)
        gradients = linear_gradient(
            head, rows.loud_R, statistics, c_R, h_R, needs, chunk_tokens=chunk_tokens, part=part
        )
        return LinearLosses(log_probs_N, entropy_N, coefficients_N, gradients)
    gradients = GradientSums.of(head, needs, len(chunks), sums_over_ranks=part is not None)
    columns = head.weight_VD.shape[0]
    buffer = LogitBuffer(head, max((chunk.stop - chunk.start for chunk in chunks), default=0) * columns)
    compacts = rows.known and (terms.may_vanish or not zeros_N.is_cuda)
    for chunk in chunks:
        rows_T = rows.loud_R[chunk]
        hidden_TD = head.hidden(rows_T)
        logits_TV, gradient_TV = buffer.rows(rows_T.shape[0], columns)
        low_rank = LowRank.of(head, hidden_TD)
        thin = None if low_rank is None else low_rank.factors()
        project(hidden_TD, head.weight_VD, head.bias_V, out=logits_TV, thin=thin)
        found = visit_chunk(head, rows_T, terms.at(rows_T), logits_TV, gradient_TV, part)
        log_probs_N[rows_T], entropy_N[rows_T], coefficients_N[rows_T] = found
        if compacts and terms.objective.entropy_coef == 0:
            order_A = move_active_rows_up_(gradient_TV, found[2] != 0)
            if order_A is not None:
                rows_T, hidden_TD, gradient_TV = rows_T[order_A], hidden_TD[order_A], gradient_TV[: order_A.shape[0]]
        if rows_T.shape[0]:
            gradients.add(head, rows_T, hidden_TD, gradient_TV)
    gradients.sum_over_ranks(part)
    return LinearLosses(log_probs_N, entropy_N, coefficients_N, gradients)


def _chunks(
    head: LinearHead, terms: PolicyTerms, rows: VisitedRows, chunk_tokens: int | None, part: VocabularySlice | None
) -> list[slice] | None:
    """Rows whose logits are alive together; None where it is cheaper to compute the logits twice."""
    columns = head.weight_VD.shape[0] if part is None else part.widest
    count, device, dtype = rows.loud_R.shape[0], head.weight_VD.device, head.compute_dtype
    longest = longest_chunk(columns, dtype, device, chunk_tokens)
    if terms.couples_tokens:
        # A token's coefficient is known when its whole sequence was seen.
        fits = rows.known and max(rows.lengths, default=0) <= longest
        chunks = list(whole_sequences(rows.lengths, longest)) if fits else None
    else:
        length = chunk_length(count, columns, dtype, device, chunk_tokens)
        chunks = [slice(start, start + length) for start in range(0, count, length)]
        chunks[-1:] = [slice(chunk.start, count) for chunk in chunks[-1:]]
    if chunks is not None and len(chunks) > 1 and has_narrow_products(head.hidden_TD, head.weight_VD):
        # Sums over chunks would be fp32 and larger than all else, and four bf16 products cost less than three in fp32.
        return None
    return chunks


def move_active_rows_up_(rows_TV: Tensor, active_T: Tensor) -> Tensor | None:
    """Make the active rows the first ones, in whatever order: which rows they were, or None if all are active.

    Rows from the end fill the places of those that are not, so that as few move as can be. (The host waits.)
    """
    active_A = active_T.nonzero()[:, 0]
    count = active_A.shape[0]
    if count == active_T.shape[0]:
        return None
    holes_M = (~active_T[:count]).nonzero()[:, 0]
    movers_M = active_A[count - holes_M.shape[0] :]
    for start in range(0, holes_M.shape[0], _MOVED_TOGETHER):
        some = slice(start, start + _MOVED_TOGETHER)
        rows_TV[holes_M[some]] = rows_TV[movers_M[some]]
    order_A = torch.arange(count, device=rows_TV.device)
    order_A[holes_M] = movers_M
    return order_A
