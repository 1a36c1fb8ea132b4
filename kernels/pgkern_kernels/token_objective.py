"""Device code: what a policy objective says about one token. The row kernel takes one of these as an argument.

Each returns `d loss / d log_prob` of one token, before the reduction's weight. The losses themselves, and which of
them is taken for an objective, stand in `pgkern/policy/`; tests hold the two against each other.
"""

import triton
import triton.language as tl

MAX_LOG_RATIO = tl.constexpr(20.0)


@triton.jit
def no_ratio(log_prob, old_log_prob, advantage, clip_low, clip_high):
    """loss = -advantage * log_prob"""
    return -advantage


@triton.jit
def plain_ratio(log_prob, old_log_prob, advantage, clip_low, clip_high):
    """loss = -advantage * exp(log_ratio.clamp(-20, 20))"""
    log_ratio = log_prob - old_log_prob
    # Written so that a NaN stays one.
    outside = (log_ratio < -MAX_LOG_RATIO) | (log_ratio > MAX_LOG_RATIO)
    return tl.where(outside, 0.0, -advantage * tl.exp(tl.where(outside, 0.0, log_ratio)))


@triton.jit
def clipped_ratio(log_prob, old_log_prob, advantage, clip_low, clip_high):
    """loss = -minimum(advantage * ratio, advantage * ratio.clamp(clip_low, clip_high))

    `clip_low` and `clip_high` are bounds of the ratio itself. On a bound the gradient is whole.
    """
    log_ratio = log_prob - old_log_prob
    outside = (log_ratio < -MAX_LOG_RATIO) | (log_ratio > MAX_LOG_RATIO)
    ratio = tl.exp(tl.where(outside, 0.0, log_ratio))
    clipped = ((advantage > 0.0) & (ratio > clip_high)) | ((advantage < 0.0) & (ratio < clip_low))
    return tl.where(outside | clipped, 0.0, -advantage * ratio)
