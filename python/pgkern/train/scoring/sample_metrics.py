"""The policy on the tokens it sampled, before a step's first update: entropy, distance to the engine and the reference.

A token is looked at once: with the old log-probabilities, or else in the update's own pass. Of the rollouts that no
update sees there, a few stand for all.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from ...policy.objective import KLEstimator
from ...policy.terms.reference_kl import reference_kl
from .score import Scores

Values = Sequence[Sequence[float]]
_FROM_PASS = {
    "entropy": "entropy",
    "rollout_mismatch": "rollout_mismatch",
    "rollout_mismatch_max": "rollout_mismatch_max",
    "ref_kl": "reference_kl",
}


def of_scores(
    scores: Scores, rollout_log_probs: Values | None, ref_log_probs: Values | None, estimator: KLEstimator
) -> dict[str, float]:
    """Means over the scored tokens: `entropy` in nats, `rollout_mismatch` |log π - log π_engine| with its largest where
    both have the same weights, and `reference_kl` where there is a reference; nothing where there is no token."""
    log_probs_T = flat(scores.log_probs)
    if not log_probs_T.size:
        return {}
    metrics = {"entropy": float(flat(scores.entropies).mean())}
    if rollout_log_probs is not None:
        mismatch_T = np.abs(log_probs_T - flat(rollout_log_probs))
        metrics |= {"rollout_mismatch": float(mismatch_T.mean()), "rollout_mismatch_max": float(mismatch_T.max())}
    if ref_log_probs is not None:
        kl_T = reference_kl(torch.from_numpy(log_probs_T), torch.from_numpy(flat(ref_log_probs)), estimator)
        metrics["reference_kl"] = float(kl_T.mean())
    return metrics


def of_update(metrics: Mapping[str, float]) -> dict[str, float]:
    """The same from what the loss found in its own pass (`policy_metrics`)."""
    return {name: metrics[found] for found, name in _FROM_PASS.items() if found in metrics}


def together(parts: Sequence[tuple[float, Mapping[str, float]]]) -> dict[str, float]:
    """Of all tokens, from parts and how many tokens each stands for: means of means, and of a largest the largest."""
    parts = [(tokens, metrics) for tokens, metrics in parts if metrics]
    all_tokens = sum(tokens for tokens, _ in parts)
    return {
        name: max(metrics[name] for _, metrics in parts)
        if name.endswith("_max")
        else sum(tokens * metrics[name] for tokens, metrics in parts) / all_tokens
        for name in (parts[0][1] if parts else ())
    }


def flat(values: Values) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """`[T]`, all values behind one another."""
    return np.asarray([value for row in values for value in row], dtype=np.float64)
