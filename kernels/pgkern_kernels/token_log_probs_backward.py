"""Kernel: the gradient of log-probabilities and entropies with respect to the logits. One read, one write.

Names: N rows, V columns of a row.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from .launch import NUM_WARPS, check_logits, check_rows, row_block, temperature_stride
from .row_softmax import write_row_gradient


@triton.jit(do_not_specialize=["temperature_stride", "vocabulary"])
def token_log_probs_backward_kernel(
    logits_ptr,
    gradient_ptr,
    token_ids_ptr,
    temperatures_ptr,
    entropy_ptr,
    largest_ptr,
    log_sums_ptr,
    coefficients_ptr,
    entropy_coefficients_ptr,
    logits_stride,
    gradient_stride,
    temperature_stride,
    vocabulary,
    logits_width,
    gradient_width,
    softcap,
    HAS_SOFTCAP: tl.constexpr,
    HAS_ENTROPY_COEFFICIENT: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """One program per row."""
    row = tl.program_id(0).to(tl.int64)
    entropy_coefficient = 0.0
    if HAS_ENTROPY_COEFFICIENT:
        entropy_coefficient = tl.load(entropy_coefficients_ptr + row)
    write_row_gradient(
        gradient_ptr + row * gradient_stride,
        logits_ptr + row * logits_stride,
        tl.load(token_ids_ptr + row),
        vocabulary,
        logits_width,
        gradient_width,
        tl.load(largest_ptr + row),
        tl.load(log_sums_ptr + row),
        tl.load(entropy_ptr + row),
        tl.div_rn(1.0, tl.load(temperatures_ptr + row * temperature_stride)),
        softcap,
        tl.load(coefficients_ptr + row),
        entropy_coefficient,
        HAS_SOFTCAP,
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
    temperatures: Tensor,
    softcap: float | None,
    *,
    out: Tensor,
    vocabulary: int | None = None,
) -> Tensor:
    """Write the logits' gradient of `sum(coefficients * log_probs + entropy_coefficients * entropy)` into `out`.

    `out` may be the logits themselves. Its dtype is its own (sums and products are fp32) and so is its width: columns
    from `vocabulary` on become 0. A token id outside the vocabulary has no column of its own, and that is all: a
    coefficient of NaN makes a row NaN. `temperatures` is fp32, `[N]` or `[1]`.
    """
    rows, width = logits_NV.shape
    vocabulary = width if vocabulary is None else vocabulary
    check_logits("logits", logits_NV, rows, vocabulary)
    check_logits("out", out, rows, vocabulary)
    check_rows("token_ids", token_ids_N, rows, torch.int64)
    for name, tensor in (("entropy", entropy_N), ("largest", largest_N), ("log_sums", log_sums_N)):
        check_rows(name, tensor, rows, torch.float32)
    check_rows("coefficients", coefficients_N, rows, torch.float32)
    check_rows("entropy_coefficients", entropy_coefficients_N, rows, torch.float32)
    stride = temperature_stride(temperatures, rows)
    if rows:
        with torch.cuda.device_of(logits_NV):
            token_log_probs_backward_kernel[(rows,)](
                logits_NV,
                out,
                token_ids_N,
                temperatures,
                entropy_N,
                largest_N,
                log_sums_N,
                coefficients_N,
                coefficients_N if entropy_coefficients_N is None else entropy_coefficients_N,
                logits_NV.stride(0),
                out.stride(0),
                stride,
                vocabulary,
                width,
                out.shape[1],
                1.0 if softcap is None else softcap,
                HAS_SOFTCAP=softcap is not None,
                HAS_ENTROPY_COEFFICIENT=entropy_coefficients_N is not None,
                BLOCK=row_block(out.shape[1]),
                num_warps=NUM_WARPS,
            )
    return out
