"""Device code: what a policy objective says about one token. Kernels take one of the surrogates as an argument.

Everything here works on one token and on a block of them alike, and returns `(loss, slope)` with
`slope = d loss / d log_prob`, before the reduction's weight. The four parameters mean what each surrogate says.
The same formulas in torch stand in `pgkern/policy/`; tests hold the two against each other.

Comparisons are written so that a NaN stays one; a slope is `-advantage` times something, so that a NaN advantage shows.
"""

import triton
import triton.language as tl

MAX_LOG_RATIO = tl.constexpr(20.0)


@triton.jit
def clamped_log(log_ratio):
    """`log_ratio.clamp(-20, 20)`, and where the clamp has a derivative: everywhere but outside."""
    outside = (log_ratio < -MAX_LOG_RATIO) | (log_ratio > MAX_LOG_RATIO)
    bound = tl.where(log_ratio > 0.0, MAX_LOG_RATIO, -MAX_LOG_RATIO)
    return tl.where(outside, bound, log_ratio), outside


@triton.jit
def clamped_ratio(log_ratio):
    """`ratio = exp(log_ratio.clamp(-20, 20))` and `d ratio / d log_ratio`, which is the ratio, and 0 outside."""
    clamped, outside = clamped_log(log_ratio)
    ratio = tl.exp(clamped)
    return ratio, tl.where(outside, 0.0, ratio)


@triton.jit
def no_ratio(log_prob, log_ratio, advantage, p0, p1, p2, p3):
    """loss = -advantage * log_prob"""
    return -advantage * log_prob, -advantage


@triton.jit
def plain_ratio(log_prob, log_ratio, advantage, p0, p1, p2, p3):
    """loss = -advantage * ratio"""
    ratio, ratio_slope = clamped_ratio(log_ratio)
    return -advantage * ratio, -advantage * ratio_slope


@triton.jit
def clipped_ratio(log_prob, log_ratio, advantage, p0, p1, p2, p3):
    """loss = -advantage * (ratio.clamp(max=p1) where advantage >= 0, else ratio.clamp(p0, p2))

    That is `-minimum(advantage * ratio, advantage * ratio.clamp(p0, p1))` with `p2` on top, the bound that a dual clip
    sets (+inf: none). On a bound the gradient is whole.
    """
    ratio, ratio_slope = clamped_ratio(log_ratio)
    upper = tl.where(advantage >= 0.0, p1, p2)
    too_low = (ratio < p0) & ~(advantage >= 0.0)
    too_high = ratio > upper
    bounded = tl.where(too_high, upper, tl.where(too_low, p0, ratio))
    return -advantage * bounded, -advantage * tl.where(too_low | too_high, 0.0, ratio_slope)


@triton.jit
def detached_ratio(log_prob, log_ratio, advantage, p0, p1, p2, p3):
    """loss = -advantage * ratio.clamp(p0, p1).detach() * log_prob"""
    ratio, _ = clamped_ratio(log_ratio)
    clamped = tl.where(ratio > p1, p1, tl.where(ratio < p0, p0, ratio))
    return -advantage * clamped * log_prob, -advantage * clamped


@triton.jit
def soft_gate(log_prob, log_ratio, advantage, p0, p1, p2, p3):
    """loss = -advantage * 4 / tau * sigmoid(tau * (ratio - 1)), tau = p0 where advantage > 0, else p1"""
    ratio, ratio_slope = clamped_ratio(log_ratio)
    tau = tl.where(advantage > 0.0, p0, p1)
    x = tau * (ratio - 1.0)
    decay = tl.exp(-tl.abs(x))  # at most 1
    gate = tl.where(x < 0.0, decay, 1.0) / (1.0 + decay)
    gate_slope = decay / ((1.0 + decay) * (1.0 + decay))  # gate * (1 - gate) without the cancellation
    return -advantage * 4.0 * gate / tau, -advantage * 4.0 * gate_slope * ratio_slope


@triton.jit
def reference_kl(log_prob, ref_log_prob, k1, k2, k3):
    """`k1 * d + k2 * d**2 / 2 + k3 * (exp(-d) + d - 1)` with `d = (log_prob - ref_log_prob).clamp(-20, 20)`.

    Near 0, where exp(-d) + d - 1 and its derivative 1 - exp(-d) would cancel, they are their series.
    """
    d, outside = clamped_log(log_prob - ref_log_prob)
    near = tl.abs(d) < 0.05
    small = tl.where(near, d, 0.0)
    decay = tl.exp(-d)
    series = small * small * (0.5 - small * (1 / 6 - small * (1 / 24 - small * (1 / 120))))
    series_slope = small * (1.0 - small * (0.5 - small * (1 / 6 - small * (1 / 24 - small * (1 / 120)))))
    estimate = tl.where(near, series, decay + d - 1.0)
    estimate_slope = tl.where(near, series_slope, 1.0 - decay)
    loss = k1 * d + k2 * d * d * 0.5 + k3 * estimate
    return loss, tl.where(outside, 0.0, k1 + k2 * d + k3 * estimate_slope)


@triton.jit
def rollout_correction(old_log_prob, rollout_log_prob, floor, cap, below_floor, above_cap):
    """`rho = exp((old - rollout).clamp(-20, 20))`, and what stands for it beyond its bounds. It has no gradient."""
    rho, _ = clamped_ratio(old_log_prob - rollout_log_prob)
    return tl.where(rho > cap, above_cap, tl.where(rho < floor, below_floor, rho))


@triton.jit
def token_objective(
    log_prob,
    old_log_prob,
    ref_log_prob,
    rollout_log_prob,
    has_old,
    has_ref,
    has_rollout,
    advantage,
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
    SURROGATE: tl.constexpr,
):
    """`correction * surrogate + kl` and its slope. Without old log-probabilities the ratio is 1, its gradient is not.

    What is there is said at run time: a flag costs a token a select, and a constant would cost a kernel.
    """
    old_log_prob = tl.where(has_old, old_log_prob, log_prob)
    loss, slope = SURROGATE(log_prob, log_prob - old_log_prob, advantage, p0, p1, p2, p3)
    correction = rollout_correction(
        old_log_prob, rollout_log_prob, correction_floor, correction_cap, below_floor, above_cap
    )
    correction = tl.where(has_rollout, correction, 1.0)
    kl, kl_slope = reference_kl(log_prob, ref_log_prob, k1, k2, k3)
    loss = loss * correction + tl.where(has_ref, kl, 0.0)
    slope = slope * correction + tl.where(has_ref, kl_slope, 0.0)
    return loss, slope
