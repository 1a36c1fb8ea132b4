"""Weights that correct for tokens sampled by an engine whose probabilities differ from the trainer's.

"truncate" is truncated importance sampling (Yao et al., "On the Rollout-Training Mismatch in Modern RL Systems",
OpenReview 8MHqvb4lK9), "mask" drops what lies outside the bounds. Names: T tokens.
"""

import torch
from torch import Tensor

from ..objective import PolicyObjective
from .log_ratio import MAX_LOG_RATIO
from .sequences import Sequences


def rollout_weights(
    old_log_probs_T: Tensor, rollout_log_probs_T: Tensor, sequences: Sequences | None, objective: PolicyObjective
) -> tuple[Tensor, Tensor]:
    """The weight of every token's surrogate (a constant: no slope), and whether the bounds let its ratio through.

    The ratio is `exp(old - rollout)`, of the token, or with `sequences` of the whole sequence (the product).
    """
    log_ratio_T = old_log_probs_T - rollout_log_probs_T
    if sequences is not None:
        log_ratio_T = sequences.sum(log_ratio_T)
    ratio_T = log_ratio_T.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO).exp()
    low, high = objective.correction_floor, objective.correction_cap
    assert high is not None
    kept_T = (ratio_T >= low) & (ratio_T <= high)
    if objective.correction == "truncate":
        return ratio_T.clamp(low, high), kept_T
    # Written so that a NaN stays one.
    return torch.where((ratio_T < low) | (ratio_T > high), 0, ratio_T), kept_T
