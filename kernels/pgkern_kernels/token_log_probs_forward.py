"""Kernel: log-probability and entropy of the token in every row of logits. One read of the logits.

Names: N rows, V columns of a row.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from .launch import NUM_WARPS, check_logits, check_rows, row_block, temperature_stride
from .row_softmax import row_softmax, target_log_prob


@triton.jit(do_not_specialize=["temperature_stride", "vocabulary"])
def token_log_probs_forward_kernel(
    logits_ptr,
    token_ids_ptr,
    temperatures_ptr,
    log_probs_ptr,
    entropy_ptr,
    largest_ptr,
    log_sums_ptr,
    logits_stride,
    temperature_stride,
    vocabulary,
    logits_width,
    softcap,
    HAS_SOFTCAP: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """One program per row."""
    row = tl.program_id(0).to(tl.int64)
    row_ptr = logits_ptr + row * logits_stride
    inverse_temperature = tl.div_rn(1.0, tl.load(temperatures_ptr + row * temperature_stride))
    largest, log_sum, entropy = row_softmax(
        row_ptr, vocabulary, logits_width, inverse_temperature, softcap, HAS_SOFTCAP, BLOCK
    )
    token_id = tl.load(token_ids_ptr + row)
    log_prob = target_log_prob(
        row_ptr, token_id, vocabulary, largest, log_sum, inverse_temperature, softcap, HAS_SOFTCAP
    )
    tl.store(log_probs_ptr + row, log_prob)
    tl.store(entropy_ptr + row, entropy)
    tl.store(largest_ptr + row, largest)
    tl.store(log_sums_ptr + row, log_sum)


def token_log_probs_forward(
    logits_NV: Tensor,
    token_ids_N: Tensor,
    temperatures: Tensor,
    softcap: float | None,
    vocabulary: int | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Log-probabilities, entropies, and the two numbers of every row that the backward kernel needs; all fp32 `[N]`.

    Those are the largest logit, after the soft cap and before the temperature, and `log sum(exp((z - largest) / T))`.
    `temperatures` is fp32, `[N]` or `[1]`. Columns from `vocabulary` on are padding: what stands there is not used.
    A row whose token id lies outside the vocabulary has log-probability NaN; its other three numbers are right.
    Rows of an empty vocabulary have entropy 0, largest and log-sum -inf.
    """
    rows, width = logits_NV.shape
    vocabulary = width if vocabulary is None else vocabulary
    check_logits("logits", logits_NV, rows, vocabulary)
    check_rows("token_ids", token_ids_N, rows, torch.int64)
    stride = temperature_stride(temperatures, rows)
    outputs = [torch.empty(rows, dtype=torch.float32, device=logits_NV.device) for _ in range(4)]
    if rows:
        with torch.cuda.device_of(logits_NV):
            token_log_probs_forward_kernel[(rows,)](
                logits_NV,
                token_ids_N,
                temperatures,
                *outputs,
                logits_NV.stride(0),
                stride,
                vocabulary,
                width,
                1.0 if softcap is None else softcap,
                HAS_SOFTCAP=softcap is not None,
                BLOCK=row_block(width),
                num_warps=NUM_WARPS,
            )
    log_probs_N, entropy_N, largest_N, log_sums_N = outputs
    return log_probs_N, entropy_N, largest_N, log_sums_N
