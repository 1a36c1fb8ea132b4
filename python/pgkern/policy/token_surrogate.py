"""The loss of one token: the only place in torch where a surrogate is written down.

Names: N tokens in all, T tokens of one chunk.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .objective import PolicyObjective

MAX_LOG_RATIO = 20.0
"""The log-ratio is clamped to ±20 (a ratio of 4.9e8) so that exp cannot overflow; beyond it there is no gradient."""


def clamped_log_ratio(log_probs_T: Tensor, old_log_probs_T: Tensor) -> Tensor:
    """`(log_probs - old_log_probs).clamp(-20, 20)`."""
    return (log_probs_T - old_log_probs_T).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)


def token_surrogate_loss(
    log_probs_T: Tensor, old_log_probs_T: Tensor | None, advantages_T: Tensor, objective: PolicyObjective
) -> Tensor:
    """`-surrogate(exp(log_probs - old_log_probs), advantages)` for every token, differentiable in `log_probs`.

    Without old log-probabilities the ratio is 1 and its gradient is that of the log-probability.
    """
    if objective.ratio == "none":
        return -advantages_T * log_probs_T
    if old_log_probs_T is None:
        old_log_probs_T = log_probs_T.detach()
    ratio_T = clamped_log_ratio(log_probs_T, old_log_probs_T).exp()
    if objective.surrogate == "plain":
        return -advantages_T * ratio_T
    clip_low, clip_high = clip_bounds(objective)
    return -torch.minimum(advantages_T * ratio_T, advantages_T * ratio_T.clamp(clip_low, clip_high))


def clip_bounds(objective: PolicyObjective) -> tuple[float, float]:
    """The ratio's bounds `(1 - clip_low, 1 + clip_high)`; without a clip `(-inf, inf)`."""
    if objective.clip_low is None or objective.clip_high is None:
        return -float("inf"), float("inf")
    return 1.0 - objective.clip_low, 1.0 + objective.clip_high


@dataclass(frozen=True, slots=True)
class PolicyTerms:
    """Everything the loss of a token depends on, except its log-probability; one entry per token."""

    old_log_probs_N: Tensor | None
    advantages_N: Tensor
    weights_N: Tensor
    objective: PolicyObjective

    def at(self, rows_T: Tensor) -> "PolicyTerms":
        """Of these rows only."""
        old_log_probs_T = None if self.old_log_probs_N is None else self.old_log_probs_N[rows_T]
        return PolicyTerms(old_log_probs_T, self.advantages_N[rows_T], self.weights_N[rows_T], self.objective)

    def losses(self, log_probs_N: Tensor) -> Tensor:
        """`weights * token_surrogate_loss`: the loss is their sum."""
        return self.weights_N * token_surrogate_loss(
            log_probs_N, self.old_log_probs_N, self.advantages_N, self.objective
        )

    def coefficients(self, log_probs_N: Tensor) -> Tensor:
        """`c = d losses.sum() / d log_probs`, by autograd over N numbers."""
        with torch.enable_grad():
            log_probs_N = log_probs_N.detach().requires_grad_()
            (coefficients_N,) = torch.autograd.grad(self.losses(log_probs_N).sum(), log_probs_N)
        return coefficients_N
