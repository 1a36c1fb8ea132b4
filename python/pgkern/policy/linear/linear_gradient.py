"""From coefficients of log-probabilities and entropies to the gradients of hidden states, weight, bias and adapter.

The logits are computed again, a block of the vocabulary at a time and of all rows together: every row of the weight's
gradient is then one product, and nothing of the weight's size is summed over chunks. Three products.
Names: N rows in all, R rows whose statistics are known, A rows with a coefficient, D hidden size, V vocabulary or a
block of it.
"""

import torch
from torch import Tensor

from ..logits.logit_gradient_rows import GradientRows
from ..logits.vocabulary_parallel import VocabularySlice
from ..taken import taken
from .gradient_sums import GradientSums, Needs
from .linear_chunks import vocabulary_blocks, widest
from .linear_head import LinearHead
from .linear_products import add_to_weight, back_to_hidden, project
from .linear_statistics import Statistics
from .logit_buffer import LogitBuffer
from .low_rank import LowRank
from .rounded_logits import NearRows, rounds_logits
from .visited_rows import capturing


def linear_gradient(
    head: LinearHead,
    rows_R: Tensor,
    statistics: Statistics,
    coefficients_R: Tensor,
    entropy_coefficients_R: Tensor | None,
    needs: Needs,
    *,
    chunk_tokens: int | None,
    part: VocabularySlice | None,
) -> GradientSums:
    """Of `sum(coefficients * log_probs + entropy_coefficients * entropy)`. Rows without either cost nothing."""
    sums = GradientSums.of(head, needs, chunks=1, sums_over_ranks=part is not None)
    if not needs.any:
        return sums
    # As the statistics were found: probabilities follow from the same logits as their sum does, or they are none.
    rounded = rounds_logits(head, rows_R.shape[0], chunk_tokens)
    if not capturing(coefficients_R):
        active_R = coefficients_R != 0
        if entropy_coefficients_R is not None:
            active_R |= entropy_coefficients_R != 0
        active_A = active_R.nonzero()[:, 0]
        if active_A.shape[0] < rows_R.shape[0]:
            rows_R, statistics = rows_R[active_A], statistics.at(active_A)
            coefficients_R = coefficients_R[active_A]
            entropy_coefficients_R = taken(entropy_coefficients_R, active_A)
    if rows_R.shape[0]:
        _add_blocks(sums, head, rows_R, statistics, coefficients_R, entropy_coefficients_R, rounded, chunk_tokens, part)
    sums.sum_over_ranks(part)
    return sums


def _add_blocks(
    sums: GradientSums,
    head: LinearHead,
    rows_A: Tensor,
    statistics: Statistics,
    coefficients_A: Tensor,
    entropy_coefficients_A: Tensor | None,
    rounded: bool,
    chunk_tokens: int | None,
    part: VocabularySlice | None,
) -> None:
    rows, vocabulary, dtype, device = rows_A.shape[0], head.weight_VD.shape[0], head.compute_dtype, rows_A.device
    hidden_AD, ids_A, temperature_A = head.hidden(rows_A), head.local_ids(rows_A, part), head.temperatures(rows_A)
    grad_hidden_AD = torch.zeros(hidden_AD.shape, dtype=dtype, device=device) if sums.hidden_ND is not None else None
    low_rank = LowRank.of(head, hidden_AD)
    blocks = list(vocabulary_blocks(rows, vocabulary, dtype, device, chunk_tokens))
    buffer = LogitBuffer(head, rows * widest(blocks))
    near = NearRows.of(head, hidden_AD, low_rank, ids_A) if rounded else None
    near_A = None if near is None else near.near_R
    for block in blocks:
        weight_VD = head.weight_VD[block]
        logits_AV, gradient_AV = buffer.rows(rows, weight_VD.shape[0])
        thin = None if low_rank is None else low_rank.factors(block)
        project(hidden_AD, weight_VD, taken(head.bias_V, block), out=logits_AV, thin=thin, near_T=near_A)
        if near is not None:
            near.keep_below_(logits_AV, statistics.largest, head.softcap)
        GradientRows(
            ids_A - block.start,
            temperature_A,
            head.softcap,
            weight_VD.shape[0],
            *statistics,
            coefficients_A,
            entropy_coefficients_A,
        ).write(logits_AV, gradient_AV)
        if low_rank is not None:
            low_rank.collect(gradient_AV, sums.up_VK, block)
        if grad_hidden_AD is not None:
            grad_hidden_AD += back_to_hidden(gradient_AV, weight_VD, dtype, like=hidden_AD)
        if sums.weight_VD is not None:
            add_to_weight(sums.weight_VD[block], gradient_AV, hidden_AD, overwrite=True)
        if sums.bias_V is not None:
            sums.bias_V[block] = gradient_AV.sum(0, dtype=dtype)
    sums.weight_is_set()
    if low_rank is not None:
        low_rank.hand_on(hidden_AD, grad_hidden_AD, sums.down_KD)
    if sums.hidden_ND is not None and grad_hidden_AD is not None:
        sums.hidden_ND[rows_A] = grad_hidden_AD.to(sums.hidden_ND.dtype)
