"""PPO's clipped surrogate (arXiv 1707.06347, eq. 7), with the bounds for negative advantages that came after it:
the dual clip (arXiv 1912.09729) and the two-sided clip (arXiv 2505.07291, delta).
"""

from typing import TYPE_CHECKING

from .surrogate import Surrogate, SurrogateInputs

if TYPE_CHECKING:
    from torch import Tensor

    from ..objective import PolicyObjective


def clip_bounds(objective: "PolicyObjective") -> tuple[float, float, float]:
    """`(low, high, high_negative)`: below A = 0 the ratio is kept in [low, high_negative], from 0 on below high."""
    assert objective.clip_low is not None
    assert objective.clip_high is not None
    beyond = [bound for bound in (objective.dual_clip, objective.delta) if bound is not None]
    return 1.0 - objective.clip_low, 1.0 + objective.clip_high, min(beyond, default=float("inf"))


def clip_loss(inputs: SurrogateInputs, objective: "PolicyObjective") -> "Tensor":
    """`-min(A * min(r, delta), A * clip(r, low, high))`, for A < 0 at most `-dual_clip * A`; written by A's sign."""
    low, high, high_negative = clip_bounds(objective)
    ratio_T = inputs.ratio
    kept_T = ratio_T.clamp(max=high).where(inputs.advantages_T >= 0, ratio_T.clamp(low, high_negative))
    return -inputs.advantages_T * kept_T


def clip_slope(inputs: SurrogateInputs, weights_T: "Tensor", objective: "PolicyObjective") -> "Tensor":
    """`-A * r` through the log-ratio; 0 beyond the bounds, whole on them."""
    below_T, above_T = clipped(inputs, objective)
    slopes_T = weights_T * -inputs.advantages_T * inputs.ratio
    return inputs.through_log_ratio(slopes_T.masked_fill(below_T | above_T, 0))


def clipped(inputs: SurrogateInputs, objective: "PolicyObjective") -> "tuple[Tensor, Tensor]":
    """Tokens without a gradient: ratio below the bounds, ratio above them."""
    low, high, high_negative = clip_bounds(objective)
    ratio_T, advantages_T = inputs.ratio, inputs.advantages_T
    above_T = ((advantages_T > 0) & (ratio_T > high)) | ((advantages_T < 0) & (ratio_T > high_negative))
    return (advantages_T < 0) & (ratio_T < low), above_T


def _check(objective: "PolicyObjective") -> None:
    low, high, _ = clip_bounds(objective)
    if low < 0:
        raise ValueError(f"clip_low must be at most 1 (a ratio is never negative), got {objective.clip_low}")
    if objective.dual_clip is not None and not objective.dual_clip > 1:
        raise ValueError(f"dual_clip is a bound of the ratio and must be above 1, got {objective.dual_clip}")
    if objective.delta is not None and not objective.delta >= high:
        raise ValueError(
            f"delta bounds the ratio beyond the clip and must be at least 1 + clip_high = {high}, got {objective.delta}"
        )


CLIP = Surrogate(
    clip_loss,
    clip_slope,
    ratios=("token", "sequence"),
    otherwise="clips a ratio",
    needs=("clip_low", "clip_high"),
    may=("dual_clip", "delta"),
    clipped=clipped,
    clips_gradients=True,
    on_device=lambda objective: ("clipped_ratio", clip_bounds(objective)),
    further_checks=_check,
    at_ratio_one="token",
)
