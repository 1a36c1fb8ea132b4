"""Kernel: the policy loss of every token and its derivative, from log-probabilities; no vocabulary in sight.

The same device functions as in the kernel over rows, a block of tokens at a time. Names: N tokens.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from .device_objective import DeviceObjective
from .launch import check_rows
from .token_objective import token_objective

TOKENS = 1024
"""Tokens a program takes: 8 a thread."""
TOKEN_WARPS = 4


@triton.jit(do_not_specialize=["has_entropy", "has_old", "has_ref", "has_rollout"])
def token_losses_kernel(
    log_probs_ptr,
    entropy_ptr,
    advantages_ptr,
    weights_ptr,
    old_log_probs_ptr,
    ref_log_probs_ptr,
    rollout_log_probs_ptr,
    losses_ptr,
    coefficients_ptr,
    tokens,
    has_entropy,
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
    BLOCK: tl.constexpr,
):
    """One program per block of tokens. Of a token of weight 0 nothing is used, whatever stands there."""
    block = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = block < tokens
    weight = tl.load(weights_ptr + block, mask=inside, other=0.0)
    kept = weight != 0.0
    loss, slope = token_objective(
        tl.load(log_probs_ptr + block, mask=kept, other=0.0),
        tl.load(old_log_probs_ptr + block, mask=kept & (has_old != 0), other=0.0),
        tl.load(ref_log_probs_ptr + block, mask=kept & (has_ref != 0), other=0.0),
        tl.load(rollout_log_probs_ptr + block, mask=kept & (has_rollout != 0), other=0.0),
        has_old != 0,
        has_ref != 0,
        has_rollout != 0,
        tl.load(advantages_ptr + block, mask=kept, other=0.0),
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
    loss -= entropy_coef * tl.load(entropy_ptr + block, mask=kept & (has_entropy != 0), other=0.0)
    tl.store(losses_ptr + block, tl.where(kept, weight * loss, 0.0), mask=inside)
    tl.store(coefficients_ptr + block, tl.where(kept, weight * slope, 0.0), mask=inside)


def token_losses(
    log_probs_N: Tensor,
    entropy_N: Tensor | None,
    advantages_N: Tensor,
    weights_N: Tensor,
    old_log_probs_N: Tensor | None,
    ref_log_probs_N: Tensor | None,
    rollout_log_probs_N: Tensor | None,
    objective: DeviceObjective,
) -> tuple[Tensor, Tensor]:
    """`losses = weights * (objective - entropy_coef * entropy)` and `d losses / d log_probs`; fp32 `[N]` in and out.

    Tokens of weight 0 have loss and derivative 0, whatever else stands there. The entropy is used where the objective
    has an entropy coefficient, and must be given then.
    """
    (tokens,) = log_probs_N.shape
    for name, tensor in (
        ("log_probs", log_probs_N),
        ("entropy", entropy_N),
        ("advantages", advantages_N),
        ("weights", weights_N),
        ("old_log_probs", old_log_probs_N),
        ("ref_log_probs", ref_log_probs_N),
        ("rollout_log_probs", rollout_log_probs_N),
    ):
        check_rows(name, tensor, tokens, torch.float32)
    has_entropy = objective.entropy_coef != 0.0
    assert entropy_N is not None or not has_entropy, "an entropy coefficient needs the entropy"
    losses_N, coefficients_N = (torch.empty(tokens, dtype=torch.float32, device=log_probs_N.device) for _ in range(2))
    if tokens:
        with torch.cuda.device_of(log_probs_N):
            token_losses_kernel[(triton.cdiv(tokens, TOKENS),)](
                log_probs_N,
                log_probs_N if entropy_N is None else entropy_N,
                advantages_N,
                weights_N,
                log_probs_N if old_log_probs_N is None else old_log_probs_N,
                log_probs_N if ref_log_probs_N is None else ref_log_probs_N,
                log_probs_N if rollout_log_probs_N is None else rollout_log_probs_N,
                losses_N,
                coefficients_N,
                tokens,
                int(has_entropy),
                int(old_log_probs_N is not None),
                int(ref_log_probs_N is not None and any(objective.kl)),
                int(rollout_log_probs_N is not None),
                *objective.numbers(),
                SURROGATE=objective.surrogate,
                BLOCK=TOKENS,
                num_warps=TOKEN_WARPS,
            )
    return losses_N, coefficients_N
