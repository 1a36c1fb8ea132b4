"""Estimates of the KL divergence to a reference policy from sampled tokens (Schulman, "Approximating KL divergence").

Names: T tokens.
"""

from torch import Tensor

from ..objective import KLEstimator
from .log_ratio import clamped_log_ratio, log_ratio_slope


def reference_kl(log_probs_T: Tensor, ref_log_probs_T: Tensor, estimator: KLEstimator) -> Tensor:
    """With ρ = log p - log p_ref, clamped to ±20: "k1" ρ, "k2" ρ²/2, "k3" exp(-ρ) - 1 + ρ.

    On policy k1's gradient has expectation 0, k2's is that of KL(p || ref), and k3's that of KL(ref || p).
    """
    log_ratio_T = clamped_log_ratio(log_probs_T, ref_log_probs_T)
    if estimator == "k1":
        return log_ratio_T
    if estimator == "k2":
        return log_ratio_T.square() / 2
    assert estimator == "k3"
    return (-log_ratio_T).expm1() + log_ratio_T


def reference_kl_slope(log_probs_T: Tensor, ref_log_probs_T: Tensor, estimator: KLEstimator) -> Tensor:
    """`d reference_kl / d log_probs`: "k1" 1, "k2" ρ, "k3" 1 - exp(-ρ); 0 where ρ is clamped."""
    slope_T = log_ratio_slope(log_probs_T, ref_log_probs_T)
    log_ratio_T = clamped_log_ratio(log_probs_T, ref_log_probs_T)
    if estimator == "k1":
        return slope_T
    if estimator == "k2":
        return log_ratio_T * slope_T
    assert estimator == "k3"
    return -(-log_ratio_T).expm1() * slope_T
