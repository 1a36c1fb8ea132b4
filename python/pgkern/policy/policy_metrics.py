"""What a step did to the policy, as detached scalars that stay on the device.

Names: T tokens.
"""

import torch
from torch import Tensor

from .objective import PolicyObjective
from .policy_batch import PolicyBatch
from .token_surrogate import clamped_log_ratio, clip_bounds


@torch.no_grad()
def policy_metrics(
    log_probs_T: Tensor, batch: PolicyBatch, objective: PolicyObjective, entropy_T: Tensor | None = None
) -> dict[str, Tensor]:
    """Means over this call's unmasked tokens: to combine parts of a batch weigh them by "tokens".

    tokens              how many tokens are unmasked
    active_fraction     share of them that have a gradient: advantage not 0 and not clipped
    log_prob_mean       mean log-probability
    entropy             mean entropy of the policy in nats, where the caller knows it
    With old log-probabilities, or a ratio in the objective (which is then 1):
    ratio_mean, ratio_max       of the importance ratio
    clip_fraction_low           share with negative advantage and ratio below 1 - clip_low: no gradient
    clip_fraction_high          share with positive advantage and ratio above 1 + clip_high: no gradient
    approx_kl                   the k3 estimate of KL(old || new): mean of (r - 1) - log r
    """
    mask_T = batch.mask_T.to(log_probs_T.dtype)
    tokens = mask_T.sum()
    count = tokens.clamp(min=1)

    def mean(value_T: Tensor) -> Tensor:
        return (value_T.to(mask_T.dtype) * mask_T).sum() / count

    log_probs_T = log_probs_T.where(batch.mask_T, 0)
    active_T = batch.advantages_T != 0
    metrics = {"tokens": tokens, "log_prob_mean": mean(log_probs_T)}
    if entropy_T is not None:
        metrics["entropy"] = mean(entropy_T.where(batch.mask_T, 0))
    if objective.ratio != "none" or batch.old_log_probs_T is not None:
        old_log_probs_T = log_probs_T if batch.old_log_probs_T is None else batch.old_log_probs_T
        log_ratio_T = clamped_log_ratio(log_probs_T, old_log_probs_T)
        ratio_T = log_ratio_T.exp()
        low, high = clip_bounds(objective)
        clipped_low_T = (batch.advantages_T < 0) & (ratio_T < low)
        clipped_high_T = (batch.advantages_T > 0) & (ratio_T > high)
        active_T = active_T & ~(clipped_low_T | clipped_high_T)
        metrics["ratio_mean"] = mean(ratio_T)
        metrics["ratio_max"] = torch.cat([ratio_T * mask_T, mask_T.new_zeros(1)]).max()
        metrics["clip_fraction_low"] = mean(clipped_low_T)
        metrics["clip_fraction_high"] = mean(clipped_high_T)
        metrics["approx_kl"] = mean(log_ratio_T.expm1() - log_ratio_T)
    metrics["active_fraction"] = mean(active_T)
    return metrics
