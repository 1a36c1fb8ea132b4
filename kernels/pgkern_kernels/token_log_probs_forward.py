"""Kernel: log-probability and entropy of the token in every row of logits. One read of the logits.

Names: N rows, V vocabulary.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from .launch import NUM_WARPS, check_logits, check_rows, row_block
from .row_softmax import row_softmax, target_log_prob


@triton.jit
def token_log_probs_forward_kernel(
    logits_ptr,
    token_ids_ptr,
    log_probs_ptr,
    entropy_ptr,
    largest_ptr,
    log_sums_ptr,
    logits_stride,
    vocabulary,
    inverse_temperature,
    BLOCK: tl.constexpr,
):
    """One program per row."""
    row = tl.program_id(0).to(tl.int64)
    row_ptr = logits_ptr + row * logits_stride
    largest, log_sum, entropy = row_softmax(row_ptr, vocabulary, inverse_temperature, BLOCK)
    token_id = tl.load(token_ids_ptr + row)
    log_prob = target_log_prob(row_ptr, token_id, vocabulary, largest, log_sum, inverse_temperature)
    tl.store(log_probs_ptr + row, log_prob)
    tl.store(entropy_ptr + row, entropy)
    tl.store(largest_ptr + row, largest)
    tl.store(log_sums_ptr + row, log_sum)


def token_log_probs_forward(
    logits_NV: Tensor, token_ids_N: Tensor, temperature: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Log-probabilities, entropies, and the two numbers of every row that the backward kernel needs; all fp32 `[N]`.

    A row whose token id lies outside the vocabulary has log-probability NaN.
    """
    rows, vocabulary = logits_NV.shape
    check_logits("logits", logits_NV, rows, vocabulary)
    check_rows("token_ids", token_ids_N, rows, torch.int64)
    outputs = [torch.empty(rows, dtype=torch.float32, device=logits_NV.device) for _ in range(4)]
    if rows:
        with torch.cuda.device_of(logits_NV):
            token_log_probs_forward_kernel[(rows,)](
                logits_NV,
                token_ids_N,
                *outputs,
                logits_NV.stride(0),
                vocabulary,
                1.0 / temperature,
                BLOCK=row_block(vocabulary),
                num_warps=NUM_WARPS,
            )
    log_probs_N, entropy_N, largest_N, log_sums_N = outputs
    return log_probs_N, entropy_N, largest_N, log_sums_N
