"""Kernel: from a row of logits to the policy loss and its gradient, with the log-probability and entropy on the way.

One visit to a row: it is read for the softmax, the objective says what the token's coefficient is, and the row is read
again and overwritten by its gradient. Names: T rows, V columns of a row.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from .device_objective import DeviceObjective
from .launch import NUM_WARPS, check_logits, check_rows, row_block, temperature_stride
from .row_softmax import row_softmax, target_log_prob, write_row_gradient
from .token_objective import token_objective


@triton.jit(do_not_specialize=["temperature_stride", "vocabulary", "has_old", "has_ref", "has_rollout"])
def policy_loss_rows_kernel(
    logits_ptr,
    gradient_ptr,
    token_ids_ptr,
    temperatures_ptr,
    advantages_ptr,
    weights_ptr,
    old_log_probs_ptr,
    ref_log_probs_ptr,
    rollout_log_probs_ptr,
    losses_ptr,
    log_probs_ptr,
    entropy_ptr,
    coefficients_ptr,
    logits_stride,
    gradient_stride,
    temperature_stride,
    vocabulary,
    logits_width,
    gradient_width,
    softcap,
    has_old,
    has_ref,
    has_rollout,
    p0,
    p1,
    p2,
    p3,
    k1,
    k2,
    k3,
    correction_floor,
    correction_cap,
    below_floor,
    above_cap,
    entropy_coef,
    SURROGATE: tl.constexpr,
    HAS_SOFTCAP: tl.constexpr,
    HAS_ENTROPY_COEFFICIENT: tl.constexpr,
    WRITE_GRADIENT: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """One program per row. Of a row of weight 0 nothing is used, whatever stands there."""
    row = tl.program_id(0).to(tl.int64)
    row_ptr = logits_ptr + row * logits_stride
    weight = tl.load(weights_ptr + row)
    kept = weight != 0.0
    token_id = tl.load(token_ids_ptr + row)
    inverse_temperature = tl.div_rn(1.0, tl.load(temperatures_ptr + row * temperature_stride))
    largest, log_sum, entropy = 0.0, 0.0, 0.0
    loss, log_prob, coefficient = 0.0, 0.0, 0.0
    if kept:
        largest, log_sum, entropy = row_softmax(
            row_ptr, vocabulary, logits_width, inverse_temperature, softcap, HAS_SOFTCAP, BLOCK
        )
        log_prob = target_log_prob(
            row_ptr, token_id, vocabulary, largest, log_sum, inverse_temperature, softcap, HAS_SOFTCAP
        )
        loss, slope = token_objective(
            log_prob,
            tl.load(old_log_probs_ptr + row, mask=has_old != 0, other=0.0),
            tl.load(ref_log_probs_ptr + row, mask=has_ref != 0, other=0.0),
            tl.load(rollout_log_probs_ptr + row, mask=has_rollout != 0, other=0.0),
            has_old != 0,
            has_ref != 0,
            has_rollout != 0,
            tl.load(advantages_ptr + row),
            p0,
            p1,
            p2,
            p3,
            k1,
            k2,
            k3,
            correction_floor,
            correction_cap,
            below_floor,
            above_cap,
            SURROGATE,
        )
        if HAS_ENTROPY_COEFFICIENT:
            loss -= entropy_coef * entropy
        inside = (token_id >= 0) & (token_id < vocabulary)
        loss = tl.where(inside, weight * loss, float("nan"))
        coefficient = tl.where(inside, weight * slope, float("nan"))
    tl.store(losses_ptr + row, loss)
    tl.store(log_probs_ptr + row, log_prob)
    tl.store(entropy_ptr + row, entropy)
    tl.store(coefficients_ptr + row, coefficient)
    if WRITE_GRADIENT:
        # Every warp reads the token's logit for itself, and the gradient may overwrite it: no warp begins before all
        # have read.
        tl.debug_barrier()
        write_row_gradient(
            gradient_ptr + row * gradient_stride,
            row_ptr,
            token_id,
            vocabulary,
            logits_width,
            gradient_width,
            largest,
            log_sum,
            entropy,
            inverse_temperature,
            softcap,
            coefficient,
            -weight * entropy_coef,
            HAS_SOFTCAP,
            HAS_ENTROPY_COEFFICIENT,
            BLOCK,
        )


def policy_loss_rows(
    logits_TV: Tensor,
    token_ids_T: Tensor,
    advantages_T: Tensor,
    weights_T: Tensor,
    old_log_probs_T: Tensor | None,
    ref_log_probs_T: Tensor | None,
    rollout_log_probs_T: Tensor | None,
    objective: DeviceObjective,
    temperatures: Tensor,
    softcap: float | None,
    *,
    out: Tensor | None,
    vocabulary: int | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Losses, log-probabilities, entropies and coefficients, fp32 `[T]`; the gradient of the losses' sum in `out`.

    `losses = weights * (objective - entropy_coef * entropy)` and `coefficients = d losses / d log_probs`, without what
    goes through the entropy (`-weights * entropy_coef`). `temperatures` is fp32, `[T]` or `[1]`. Columns from
    `vocabulary` on are padding: not used, and 0 in the gradient. `out` may be the logits themselves, and None where
    no gradient is wanted. Rows of weight 0 come out as 0. A row whose token id lies outside the vocabulary is NaN:
    its loss, log-probability, coefficient and gradient.
    """
    rows, width = logits_TV.shape
    vocabulary = width if vocabulary is None else vocabulary
    check_logits("logits", logits_TV, rows, vocabulary)
    if out is not None:
        check_logits("out", out, rows, vocabulary)
    check_rows("token_ids", token_ids_T, rows, torch.int64)
    check_rows("advantages", advantages_T, rows, torch.float32)
    check_rows("weights", weights_T, rows, torch.float32)
    check_rows("old_log_probs", old_log_probs_T, rows, torch.float32)
    check_rows("ref_log_probs", ref_log_probs_T, rows, torch.float32)
    check_rows("rollout_log_probs", rollout_log_probs_T, rows, torch.float32)
    stride = temperature_stride(temperatures, rows)
    outputs = [torch.empty(rows, dtype=torch.float32, device=logits_TV.device) for _ in range(4)]
    if rows:
        with torch.cuda.device_of(logits_TV):
            policy_loss_rows_kernel[(rows,)](
                logits_TV,
                logits_TV if out is None else out,
                token_ids_T,
                temperatures,
                advantages_T,
                weights_T,
                weights_T if old_log_probs_T is None else old_log_probs_T,
                weights_T if ref_log_probs_T is None else ref_log_probs_T,
                weights_T if rollout_log_probs_T is None else rollout_log_probs_T,
                *outputs,
                logits_TV.stride(0),
                logits_TV.stride(0) if out is None else out.stride(0),
                stride,
                vocabulary,
                width,
                width if out is None else out.shape[1],
                1.0 if softcap is None else softcap,
                int(old_log_probs_T is not None),
                int(ref_log_probs_T is not None and any(objective.kl)),
                int(rollout_log_probs_T is not None),
                *objective.numbers(),
                SURROGATE=objective.surrogate,
                HAS_SOFTCAP=softcap is not None,
                HAS_ENTROPY_COEFFICIENT=objective.entropy_coef != 0.0,
                WRITE_GRADIENT=out is not None,
                BLOCK=row_block(width if out is None else out.shape[1]),
                num_warps=NUM_WARPS,
            )
    losses_T, log_probs_T, entropy_T, coefficients_T = outputs
    return losses_T, log_probs_T, entropy_T, coefficients_T
