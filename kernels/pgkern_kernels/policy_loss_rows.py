"""Kernel: from a row of logits to the policy loss's gradient, with the log-probability and entropy on the way.

One visit to a row: it is read for the softmax, the objective says what the token's coefficient is, and the row is read
again and overwritten by its gradient. Names: T rows, V vocabulary.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from .launch import NUM_WARPS, check_logits, check_rows, row_block
from .row_softmax import row_softmax, target_log_prob, write_row_gradient


@triton.jit
def policy_loss_rows_kernel(
    logits_ptr,
    gradient_ptr,
    token_ids_ptr,
    advantages_ptr,
    weights_ptr,
    old_log_probs_ptr,
    log_probs_ptr,
    entropy_ptr,
    coefficients_ptr,
    logits_stride,
    gradient_stride,
    vocabulary,
    inverse_temperature,
    clip_low,
    clip_high,
    TOKEN_OBJECTIVE: tl.constexpr,
    HAS_OLD_LOG_PROBS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """One program per row. Of a row of weight 0 nothing is used, whatever stands there."""
    row = tl.program_id(0).to(tl.int64)
    row_ptr = logits_ptr + row * logits_stride
    weight = tl.load(weights_ptr + row)
    kept = weight != 0.0
    token_id = tl.load(token_ids_ptr + row)
    largest, log_sum, entropy = 0.0, 0.0, 0.0
    log_prob, coefficient = 0.0, 0.0
    if kept:
        largest, log_sum, entropy = row_softmax(row_ptr, vocabulary, inverse_temperature, BLOCK)
        log_prob = target_log_prob(row_ptr, token_id, vocabulary, largest, log_sum, inverse_temperature)
        advantage = tl.load(advantages_ptr + row)
        old_log_prob = log_prob
        if HAS_OLD_LOG_PROBS:
            old_log_prob = tl.load(old_log_probs_ptr + row)
        coefficient = weight * TOKEN_OBJECTIVE(log_prob, old_log_prob, advantage, clip_low, clip_high)
        inside = (token_id >= 0) & (token_id < vocabulary)
        coefficient = tl.where(inside, coefficient, float("nan"))
    tl.store(log_probs_ptr + row, log_prob)
    tl.store(entropy_ptr + row, entropy)
    tl.store(coefficients_ptr + row, coefficient)
    write_row_gradient(
        gradient_ptr + row * gradient_stride,
        row_ptr,
        token_id,
        vocabulary,
        largest,
        log_sum,
        entropy,
        inverse_temperature,
        coefficient,
        0.0,
        False,
        BLOCK,
    )


def policy_loss_rows(
    logits_TV: Tensor,
    token_ids_T: Tensor,
    advantages_T: Tensor,
    weights_T: Tensor,
    old_log_probs_T: Tensor | None,
    token_objective: triton.JITFunction,
    clip_low: float,
    clip_high: float,
    temperature: float,
    *,
    out: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probabilities, entropies and coefficients `d loss / d log_prob`, fp32 `[T]`; the logits' gradient in `out`.

    `out` may be the logits themselves. `token_objective` is one of `token_objective.py`; `clip_low` and `clip_high`
    bound its ratio. Rows of weight 0 come out as 0. A row whose token id lies outside the vocabulary is NaN throughout.
    """
    rows, vocabulary = logits_TV.shape
    check_logits("logits", logits_TV, rows, vocabulary)
    check_logits("out", out, rows, vocabulary)
    check_rows("token_ids", token_ids_T, rows, torch.int64)
    check_rows("advantages", advantages_T, rows, torch.float32)
    check_rows("weights", weights_T, rows, torch.float32)
    if old_log_probs_T is not None:
        check_rows("old_log_probs", old_log_probs_T, rows, torch.float32)
    log_probs_T, entropy_T, coefficients_T = (
        torch.empty(rows, dtype=torch.float32, device=logits_TV.device) for _ in range(3)
    )
    if rows:
        with torch.cuda.device_of(logits_TV):
            policy_loss_rows_kernel[(rows,)](
                logits_TV,
                out,
                token_ids_T,
                advantages_T,
                weights_T,
                weights_T if old_log_probs_T is None else old_log_probs_T,
                log_probs_T,
                entropy_T,
                coefficients_T,
                logits_TV.stride(0),
                out.stride(0),
                vocabulary,
                1.0 / temperature,
                clip_low,
                clip_high,
                TOKEN_OBJECTIVE=token_objective,
                HAS_OLD_LOG_PROBS=old_log_probs_T is not None,
                BLOCK=row_block(vocabulary),
                num_warps=NUM_WARPS,
            )
    return log_probs_T, entropy_T, coefficients_T
