"""CISPO's surrogate: the clipped ratio weighs the log-probability and has no gradient (arXiv 2506.13585)."""

from typing import TYPE_CHECKING

from .surrogate import Surrogate, SurrogateInputs

if TYPE_CHECKING:
    from torch import Tensor

    from ..objective import PolicyObjective


def weight_bounds(objective: "PolicyObjective") -> tuple[float, float]:
    """The ratio's bounds; a bound of None is none."""
    low = 0.0 if objective.clip_low is None else 1.0 - objective.clip_low
    return low, float("inf") if objective.clip_high is None else 1.0 + objective.clip_high


def detach_loss(inputs: SurrogateInputs, objective: "PolicyObjective") -> "Tensor":
    """`-A * clip(r, low, high) * log p`, of which only log p has a slope."""
    return -inputs.advantages_T * inputs.ratio.clamp(*weight_bounds(objective)) * inputs.log_probs_T


def detach_slope(inputs: SurrogateInputs, weights_T: "Tensor", objective: "PolicyObjective") -> "Tensor":
    """`-A * clip(r, low, high)`: the weight is a constant."""
    return weights_T * -inputs.advantages_T * inputs.ratio.clamp(*weight_bounds(objective))


def clipped(inputs: SurrogateInputs, objective: "PolicyObjective") -> "tuple[Tensor, Tensor]":
    """Tokens whose weight was raised, and lowered; they keep their gradient."""
    low, high = weight_bounds(objective)
    return inputs.ratio < low, inputs.ratio > high


def _check(objective: "PolicyObjective") -> None:
    if weight_bounds(objective)[0] < 0:
        raise ValueError(f"clip_low must be at most 1 (a ratio is never negative), got {objective.clip_low}")


DETACH = Surrogate(
    detach_loss,
    detach_slope,
    ratios=("token", "sequence"),
    otherwise="weighs by a ratio",
    may=("clip_low", "clip_high"),
    clipped=clipped,
    on_device=lambda objective: ("detached_ratio", weight_bounds(objective)),
    further_checks=_check,
    at_ratio_one="none",
)
