"""Kernel: the gradient of log-probabilities and entropies with respect to the logits. One read, one write.

Names: N rows, V vocabulary.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from .launch import NUM_WARPS, check_logits, check_rows, row_block
from .row_softmax import write_row_gradient


@triton.jit
def token_log_probs_backward_kernel(
    logits_ptr,
    gradient_ptr,
    token_ids_ptr,
    entropy_ptr,
    largest_ptr,
    log_sums_ptr,
    coefficients_ptr,
    entropy_coefficients_ptr,
    logits_stride,
    gradient_stride,
    vocabulary,
    inverse_temperature,
    HAS_ENTROPY_COEFFICIENT: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """One program per row."""
    row = tl.program_id(0).to(tl.int64)
    token_id = tl.load(token_ids_ptr + row)
    inside = (token_id >= 0) & (token_id < vocabulary)
    coefficient = tl.where(inside, tl.load(coefficients_ptr + row), float("nan"))
    entropy_coefficient = 0.0
    if HAS_ENTROPY_COEFFICIENT:
        entropy_coefficient = tl.load(entropy_coefficients_ptr + row)
    write_row_gradient(
        gradient_ptr + row * gradient_stride,
        logits_ptr + row * logits_stride,
        token_id,
        vocabulary,
        tl.load(largest_ptr + row),
        tl.load(log_sums_ptr + row),
        tl.load(entropy_ptr + row),
        inverse_temperature,
        coefficient,
        entropy_coefficient,
        HAS_ENTROPY_COEFFICIENT,
        BLOCK,
    )


def token_log_probs_backward(
    logits_NV: Tensor,
    token_ids_N: Tensor,
    entropy_N: Tensor,
    largest_N: Tensor,
    log_sums_N: Tensor,
    coefficients_N: Tensor,
    entropy_coefficients_N: Tensor | None,
    temperature: float,
    *,
    out: Tensor,
) -> Tensor:
    """Write the logits' gradient of `sum(coefficients * log_probs + entropy_coefficients * entropy)` into `out`.

    `out` may be the logits themselves. Its dtype is its own; sums and products are fp32. A row whose token id lies
    outside the vocabulary becomes NaN.
    """
    rows, vocabulary = logits_NV.shape
    check_logits("logits", logits_NV, rows, vocabulary)
    check_logits("out", out, rows, vocabulary)
    check_rows("token_ids", token_ids_N, rows, torch.int64)
    for name, tensor in (("entropy", entropy_N), ("largest", largest_N), ("log_sums", log_sums_N)):
        check_rows(name, tensor, rows, torch.float32)
    check_rows("coefficients", coefficients_N, rows, torch.float32)
    if entropy_coefficients_N is not None:
        check_rows("entropy_coefficients", entropy_coefficients_N, rows, torch.float32)
    if rows:
        with torch.cuda.device_of(logits_NV):
            token_log_probs_backward_kernel[(rows,)](
                logits_NV,
                out,
                token_ids_N,
                entropy_N,
                largest_N,
                log_sums_N,
                coefficients_N,
                coefficients_N if entropy_coefficients_N is None else entropy_coefficients_N,
                logits_NV.stride(0),
                out.stride(0),
                vocabulary,
                1.0 / temperature,
                HAS_ENTROPY_COEFFICIENT=entropy_coefficients_N is not None,
                BLOCK=row_block(vocabulary),
                num_warps=NUM_WARPS,
            )
    return out
