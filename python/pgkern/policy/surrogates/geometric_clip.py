"""GMPO's surrogate: the geometric mean of a sequence's ratios, each clipped first (arXiv 2507.20673)."""

from typing import TYPE_CHECKING

from .surrogate import Surrogate, SurrogateInputs

if TYPE_CHECKING:
    from torch import Tensor

    from ..objective import PolicyObjective


def geometric_clip_loss(inputs: SurrogateInputs, objective: "PolicyObjective") -> "Tensor":
    """`-A * exp(mean over the sequence of d')`, d' = min(d, clip_high) where A > 0, max(d, -clip_low) where A < 0.

    A token of advantage 0 within a sequence of others counts as d' = 0.
    """
    return -inputs.advantages_T * _ratio(inputs, objective)


def geometric_clip_slope(inputs: SurrogateInputs, weights_T: "Tensor", objective: "PolicyObjective") -> "Tensor":
    """`-A * exp(mean)` through the mean, to the tokens that are not clipped."""
    below_T, above_T = clipped(inputs, objective)
    slopes_T = inputs.through_log_ratio(weights_T * -inputs.advantages_T * _ratio(inputs, objective))
    return slopes_T.masked_fill(below_T | above_T | (inputs.advantages_T == 0), 0)


def _ratio(inputs: SurrogateInputs, objective: "PolicyObjective") -> "Tensor":
    assert inputs.sequences is not None
    assert objective.clip_low is not None
    d_T = inputs.token_log_ratio_T
    kept_T = d_T.clamp(max=objective.clip_high).where(inputs.advantages_T > 0, d_T.clamp(min=-objective.clip_low))
    return inputs.sequences.mean(kept_T.where(inputs.advantages_T != 0, 0)).exp()


def clipped(inputs: SurrogateInputs, objective: "PolicyObjective") -> "tuple[Tensor, Tensor]":
    """Tokens without a gradient: log-ratio below the bounds, log-ratio above them."""
    assert objective.clip_low is not None
    assert objective.clip_high is not None
    d_T, advantages_T = inputs.token_log_ratio_T, inputs.advantages_T
    return (advantages_T < 0) & (d_T < -objective.clip_low), (advantages_T > 0) & (d_T > objective.clip_high)


GEOMETRIC_CLIP = Surrogate(
    geometric_clip_loss,
    geometric_clip_slope,
    ratios=("sequence",),
    otherwise="clips tokens within the mean of their sequence",
    needs=("clip_low", "clip_high"),
    clipped=clipped,
    clips_gradients=True,
)
