"""The operators from coefficients of log-probabilities and entropies to the logits' gradient: one read, one write.

Names: N rows, T rows of one block, A rows with a coefficient, V vocabulary.
"""

from typing import Any

import torch
from torch import Tensor

from .backend import use_triton
from .logit_rows import row_blocks, row_views
from .row_exponentials import RowStatistics


@torch.library.custom_op("pgkern::logit_gradient", mutates_args=())
def logit_gradient_op(
    logits: Tensor,
    token_ids: Tensor,
    temperature: Tensor,
    softcap: float | None,
    vocab_size: int,
    log_probs: Tensor,
    entropy: Tensor,
    largest: Tensor,
    log_sums: Tensor,
    coefficients: Tensor,
    entropy_coefficients: Tensor | None,
) -> Tensor:
    """Gradient of `sum(coefficients * log_probs + entropy_coefficients * entropy)`, in the logits' shape and dtype.

    The statistics are those of `logit_statistics` (or, of a slice of the vocabulary, of all slices together). Columns
    from `vocab_size` on get 0. A token id that is none of the columns has none. A row without coefficients is 0 and not
    read.
    """
    gradient = torch.empty(logits.shape, dtype=logits.dtype, device=logits.device)
    _write(
        gradient,
        logits,
        token_ids,
        temperature,
        softcap,
        vocab_size,
        log_probs,
        entropy,
        largest,
        log_sums,
        coefficients,
        entropy_coefficients,
    )
    return gradient


@logit_gradient_op.register_fake
def _(logits: Tensor, *_rest: Any) -> Tensor:
    return torch.empty(logits.shape, dtype=logits.dtype, device=logits.device)


@torch.library.custom_op("pgkern::logit_gradient_", mutates_args=("logits",))
def logit_gradient_in_place_op(
    logits: Tensor,
    token_ids: Tensor,
    temperature: Tensor,
    softcap: float | None,
    vocab_size: int,
    log_probs: Tensor,
    entropy: Tensor,
    largest: Tensor,
    log_sums: Tensor,
    coefficients: Tensor,
    entropy_coefficients: Tensor | None,
) -> None:
    """The same, over the logits."""
    _write(
        logits,
        logits,
        token_ids,
        temperature,
        softcap,
        vocab_size,
        log_probs,
        entropy,
        largest,
        log_sums,
        coefficients,
        entropy_coefficients,
    )


@logit_gradient_in_place_op.register_fake
def _(*_all: Any) -> None:
    return None


def _write(
    out: Tensor,
    logits: Tensor,
    token_ids: Tensor,
    temperature: Tensor,
    softcap: float | None,
    vocab_size: int,
    log_probs: Tensor,
    entropy: Tensor,
    largest: Tensor,
    log_sums: Tensor,
    coefficients: Tensor,
    entropy_coefficients: Tensor | None,
) -> None:
    # A token that is none of the vocabulary has a log-probability of NaN: its row says so, where it is wanted at all.
    coefficients = coefficients.masked_fill(log_probs.isnan() & (coefficients != 0), torch.nan)
    if use_triton(logits, log_probs.dtype):
        _by_triton(
            out,
            logits,
            token_ids,
            temperature,
            softcap,
            vocab_size,
            entropy,
            largest,
            log_sums,
            coefficients,
            entropy_coefficients,
        )
        return
    for rows, block_TV in row_blocks(logits):
        out_TV = block_TV if out is logits else out.view(-1, out.shape[-1])[rows]  # a fresh gradient is contiguous
        active_T = coefficients[rows] != 0
        if entropy_coefficients is not None:
            active_T |= entropy_coefficients[rows] != 0
        active_A = active_T.nonzero()[:, 0]
        rows_A = active_A + rows.start
        statistics = RowStatistics(
            log_probs[rows_A],
            entropy[rows_A],
            largest[rows_A],
            log_sums.new_ones(1).expand(active_A.shape[0]),  # the rows are normalised
            None,
            temperature if temperature.shape[0] == 1 else temperature[rows_A],
        )
        found_AV = _rows(
            block_TV[active_A, :vocab_size].to(log_probs.dtype),
            token_ids[rows_A],
            softcap,
            statistics,
            log_sums[rows_A],
            coefficients[rows_A],
            None if entropy_coefficients is None else entropy_coefficients[rows_A],
        )
        if active_A.shape[0] < block_TV.shape[0]:
            out_TV.zero_()
        out_TV[:, vocab_size:] = 0
        out_TV[active_A, :vocab_size] = found_AV.to(out.dtype)


def _rows(
    logits_AV: Tensor,
    ids_A: Tensor,
    softcap: float | None,
    statistics: RowStatistics,
    log_sums_A: Tensor,
    coefficients_A: Tensor,
    entropy_coefficients_A: Tensor | None,
) -> Tensor:
    """Overwrites the rows by their gradient."""
    vocabulary = logits_AV.shape[1]
    slopes_AV = None
    if softcap is not None:
        logits_AV.div_(softcap).tanh_()
        slopes_AV = 1 - logits_AV.square()
        logits_AV.mul_(softcap)
    log_p_AV = logits_AV.sub_(statistics.largest_T[:, None]).div_(statistics.temperature_T[:, None])
    log_p_AV.sub_(log_sums_A[:, None])
    row_scales_A, token_scales_A = statistics.gradient_scales(coefficients_A, entropy_coefficients_A)
    if entropy_coefficients_A is None:
        rows_AV = log_p_AV.exp_().mul_(row_scales_A[:, None])
    else:
        assert statistics.entropy_T is not None
        p_AV = log_p_AV.exp()
        # A logit of -inf has probability 0 and no gradient, but 0 * -inf is NaN.
        log_p_AV.masked_fill_(p_AV == 0, 0.0)
        log_p_AV.add_(statistics.entropy_T[:, None]).mul_(entropy_coefficients_A[:, None])
        rows_AV = log_p_AV.add_(coefficients_A[:, None]).mul_(p_AV).mul_(row_scales_A[:, None])
    mine_A = ((ids_A >= 0) & (ids_A < vocabulary)).nonzero()[:, 0]
    rows_AV[mine_A, ids_A[mine_A]] = token_scales_A[mine_A]
    return rows_AV if slopes_AV is None else rows_AV.mul_(slopes_AV)


def _by_triton(
    out: Tensor,
    logits: Tensor,
    token_ids: Tensor,
    temperature: Tensor,
    softcap: float | None,
    vocab_size: int,
    entropy: Tensor,
    largest: Tensor,
    log_sums: Tensor,
    coefficients: Tensor,
    entropy_coefficients: Tensor | None,
) -> None:
    from ..kernels.token_log_probs_backward import token_log_probs_backward

    coefficients = coefficients.contiguous()
    if entropy_coefficients is not None:
        entropy_coefficients = entropy_coefficients.contiguous()
    for first, view_NV in row_views(logits):
        rows = slice(first, first + view_NV.shape[0])
        out_NV = view_NV if out is logits else out.view(-1, out.shape[-1])[rows]
        aligned = view_NV.stride(1) == 1
        written_NV = out_NV if out_NV.stride(1) == 1 else torch.empty(out_NV.shape, dtype=out.dtype, device=out.device)
        token_log_probs_backward(
            view_NV if aligned else view_NV.contiguous(),
            token_ids[rows],
            entropy[rows],
            largest[rows],
            log_sums[rows],
            coefficients[rows],
            None if entropy_coefficients is None else entropy_coefficients[rows],
            temperature if temperature.shape[0] == 1 else temperature[rows],
            softcap,
            out=written_NV,
            vocabulary=vocab_size,
        )
        if written_NV is not out_NV:
            out_NV.copy_(written_NV)
