"""What a step did to the policy, as detached scalars that stay on the device.

Names: T tokens.
"""

import torch
from torch import Tensor

from .inputs.policy_batch import PolicyBatch
from .surrogates import SURROGATES
from .terms.log_ratio import clamped_log_ratio
from .terms.policy_terms import PolicyTerms
from .terms.reference_kl import reference_kl


@torch.no_grad()
def policy_metrics(
    log_probs_T: Tensor,
    batch: PolicyBatch,
    terms: PolicyTerms,
    coefficients_T: Tensor,
    entropy_T: Tensor | None = None,
) -> dict[str, Tensor]:
    """Means over this call's unmasked tokens: to combine parts of a batch weigh them by "tokens"; of a "_max" take the
    largest.

    tokens              how many tokens are unmasked
    active_fraction     share of them that have a gradient
    log_prob_mean       mean log-probability
    entropy             mean entropy of the policy in nats, where it is known
    With old log-probabilities, or a ratio in the objective (which is then 1):
    ratio_mean, ratio_max       of the importance ratio, at the objective's level
    approx_kl                   the k3 estimate of KL(old || new) from tokens: mean of (r - 1) - log r
    clip_fraction_low, clip_fraction_high   share beyond the objective's lower and upper bound
    With reference log-probabilities:
    ref_kl                      mean of the objective's estimate of the KL divergence to the reference
    With the engine's log-probabilities:
    rollout_mismatch, rollout_mismatch_max   mean and largest of |log p_old - log p_rollout|
    correction_mean, correction_kept_fraction   of the weights of the objective's correction: their mean, and the share
        of tokens whose ratio lies within its bounds
    """
    objective, mask_T = terms.objective, batch.mask_T.to(log_probs_T.dtype)
    tokens = mask_T.sum()
    count = tokens.clamp(min=1)

    def mean(value_T: Tensor) -> Tensor:
        return (value_T.to(mask_T.dtype) * mask_T).sum() / count

    def largest(value_T: Tensor) -> Tensor:  # of numbers of at least 0, and 0 of none
        return torch.cat([value_T * mask_T, mask_T.new_zeros(1)]).max()

    log_probs_T = log_probs_T.where(batch.mask_T, 0)
    active_T = coefficients_T != 0
    metrics = {"tokens": tokens, "log_prob_mean": mean(log_probs_T)}
    if entropy_T is not None:
        metrics["entropy"] = mean(entropy_T.where(batch.mask_T, 0))
        if objective.entropy_coef != 0:
            active_T = active_T | (terms.weights_N != 0)
    metrics["active_fraction"] = mean(active_T)
    if objective.ratio != "none" or batch.old_log_probs_T is not None:
        inputs = terms.surrogate_inputs(log_probs_T)
        metrics["ratio_mean"] = mean(inputs.ratio)
        metrics["ratio_max"] = largest(inputs.ratio)
        metrics["approx_kl"] = mean(inputs.token_log_ratio_T.expm1() - inputs.token_log_ratio_T)
        clipped = SURROGATES[objective.surrogate].clipped(inputs, objective)
        for side, clipped_T in zip(("low", "high"), clipped or (torch.zeros_like(mask_T),) * 2, strict=True):
            metrics[f"clip_fraction_{side}"] = mean(clipped_T)
    if batch.ref_log_probs_T is not None:
        metrics["ref_kl"] = mean(reference_kl(log_probs_T, batch.ref_log_probs_T, objective.kl_estimator))
    if batch.rollout_log_probs_T is not None:
        old_log_probs_T = log_probs_T if batch.old_log_probs_T is None else batch.old_log_probs_T
        mismatch_T = clamped_log_ratio(old_log_probs_T, batch.rollout_log_probs_T).abs()
        metrics["rollout_mismatch"] = mean(mismatch_T)
        metrics["rollout_mismatch_max"] = largest(mismatch_T)
    correction = terms.correction(log_probs_T)
    if correction is not None:
        weights_T, kept_T = correction
        metrics["correction_mean"] = mean(weights_T)
        metrics["correction_kept_fraction"] = mean(kept_T)
    return metrics
