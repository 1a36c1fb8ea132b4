"""The logarithm of an importance ratio, kept where exp is finite. Names: T tokens."""

from torch import Tensor

MAX_LOG_RATIO = 20.0
"""Log-ratios are clamped to ±20 (a ratio of 4.9e8) so that exp cannot overflow; beyond it there is no gradient."""


def clamped_log_ratio(log_probs_T: Tensor, old_log_probs_T: Tensor) -> Tensor:
    """`(log_probs - old_log_probs).clamp(-20, 20)`."""
    return (log_probs_T - old_log_probs_T).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)


def log_ratio_slope(log_probs_T: Tensor, old_log_probs_T: Tensor) -> Tensor:
    """`d clamped_log_ratio / d log_probs`: 1.0 inside the clamp and on its edges, 0.0 outside."""
    return ((log_probs_T - old_log_probs_T).abs() <= MAX_LOG_RATIO).to(log_probs_T.dtype)
