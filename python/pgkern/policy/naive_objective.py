"""What an objective asks of one sequence, as the papers print it: the naive twin's mathematics.

Every tensor is one sequence's unmasked tokens, `[n]`. Autograd differentiates; no short cut is taken.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .objective import PolicyObjective


@dataclass(frozen=True, slots=True)
class NaiveSequence:
    """The unmasked tokens of one sequence. Without `old_log_p` the sampling policy is the one being trained."""

    log_p: Tensor
    advantage: Tensor
    old_log_p: Tensor
    ref_log_p: Tensor | None
    rollout_log_p: Tensor | None
    entropy: Tensor | None


def sequence_losses(sequence: NaiveSequence, objective: PolicyObjective) -> Tensor:
    """`-J * correction + kl_coef * KL - entropy_coef * H` of every token."""
    losses = -_surrogate(sequence, objective)
    if objective.correction is not None:
        losses = losses * _correction(sequence, objective)
    if objective.kl_coef != 0:
        assert sequence.ref_log_p is not None
        losses = losses + objective.kl_coef * _kl(sequence.log_p, sequence.ref_log_p.detach(), objective.kl_estimator)
    if objective.entropy_coef != 0:
        assert sequence.entropy is not None
        losses = losses - objective.entropy_coef * sequence.entropy
    return losses


def _bounded(log_ratio: Tensor) -> Tensor:
    return torch.clamp(log_ratio, -20, 20)


def _surrogate(sequence: NaiveSequence, objective: PolicyObjective) -> Tensor:
    """J of every token: what is to be maximised."""
    advantage, log_p = sequence.advantage, sequence.log_p
    log_ratio = _bounded(log_p - sequence.old_log_p)
    if objective.surrogate == "geometric_clip":
        return _geometric_clip(log_ratio, advantage, objective)
    if objective.surrogate == "mirror":
        return _mirror(log_p, log_ratio, advantage, objective)
    if objective.ratio == "none":
        return advantage * log_p
    ratio = torch.exp(log_ratio)
    if objective.ratio == "sequence":
        # GSPO, arXiv 2507.18071: (pi(y) / pi_old(y)) ^ (1 / |y|), the same for every token.
        ratio = torch.exp(log_ratio.mean()).expand_as(log_p)
    if objective.surrogate == "plain":
        return ratio * advantage
    if objective.surrogate == "clip":
        return _clip(ratio, advantage, objective)
    if objective.surrogate == "detach":
        # CISPO, arXiv 2506.13585: the weight is clipped and has no gradient, the log-probability keeps it.
        return _clip_around_one(ratio, objective).detach() * advantage * log_p
    assert objective.surrogate == "soft_gate"
    return _soft_gate(ratio, advantage, objective)


def _clip_around_one(ratio: Tensor, objective: PolicyObjective) -> Tensor:
    low = -torch.inf if objective.clip_low is None else 1 - objective.clip_low
    high = torch.inf if objective.clip_high is None else 1 + objective.clip_high
    return torch.clamp(ratio, low, high)


def _clip(ratio: Tensor, advantage: Tensor, objective: PolicyObjective) -> Tensor:
    """PPO, arXiv 1707.06347, eq. 7."""
    # INTELLECT-2, arXiv 2505.07291: also a ratio that a negative advantage leaves unclipped ends at delta.
    below_delta = ratio if objective.delta is None else torch.clamp(ratio, max=objective.delta)
    clipped = torch.minimum(below_delta * advantage, _clip_around_one(ratio, objective) * advantage)
    if objective.dual_clip is None:
        return clipped
    # Dual clip, arXiv 1912.09729: max(J, c * A) where A < 0. (clamp, whose gradient on the edge is whole.)
    return torch.where(advantage < 0, torch.clamp(clipped, min=objective.dual_clip * advantage), clipped)


def _soft_gate(ratio: Tensor, advantage: Tensor, objective: PolicyObjective) -> Tensor:
    """SAPO, arXiv 2511.20347."""
    assert objective.gate_temperature_positive is not None
    assert objective.gate_temperature_negative is not None
    # Of full tensors: `where` of two Python numbers would round them to fp32.
    tau = torch.where(
        advantage > 0,
        torch.full_like(ratio, objective.gate_temperature_positive),
        torch.full_like(ratio, objective.gate_temperature_negative),
    )
    return torch.sigmoid(tau * (ratio - 1)) * 4 / tau * advantage


def _geometric_clip(log_ratio: Tensor, advantage: Tensor, objective: PolicyObjective) -> Tensor:
    """GMPO, arXiv 2507.20673: the geometric mean of the tokens' ratios, each clipped where its sign says."""
    assert objective.clip_low is not None
    assert objective.clip_high is not None
    sign = torch.sign(advantage)
    clipped = torch.clamp(log_ratio, -objective.clip_low, objective.clip_high)
    return torch.exp((sign * torch.minimum(sign * log_ratio, sign * clipped)).mean()) * advantage


def _mirror(log_p: Tensor, log_ratio: Tensor, advantage: Tensor, objective: PolicyObjective) -> Tensor:
    """Kimi k1.5, arXiv 2501.12599: over the sequence A log pi(y) - tau / 2 (log pi(y) / pi_old(y))^2."""
    assert objective.mirror_coef is not None
    # The square is a product of sums; a token takes its own share of the one and the whole of the other.
    return advantage * log_p - objective.mirror_coef / 2 * log_ratio * log_ratio.sum()


def _correction(sequence: NaiveSequence, objective: PolicyObjective) -> Tensor:
    """The weight pi_old / pi_rollout, for samples that another engine (in other arithmetic) drew. No gradient."""
    assert sequence.rollout_log_p is not None
    difference = (sequence.old_log_p - sequence.rollout_log_p).detach()
    if objective.correction_level == "sequence":
        difference = difference.sum().expand_as(difference)
    rho = torch.exp(_bounded(difference))
    floor = objective.correction_floor
    cap = torch.inf if objective.correction_cap is None else objective.correction_cap
    if objective.correction == "truncate":
        return torch.clamp(rho, floor, cap)
    return torch.where((rho >= floor) & (rho <= cap), rho, 0)


def _kl(log_p: Tensor, ref_log_p: Tensor, estimator: str) -> Tensor:
    """The three estimators of KL(pi || pi_ref) from one sample (Schulman, "Approximating KL Divergence", 2020)."""
    log_r = _bounded(log_p - ref_log_p)
    if estimator == "k1":
        return log_r
    if estimator == "k2":
        return log_r.square() / 2
    return torch.exp(-log_r) - 1 + log_r
