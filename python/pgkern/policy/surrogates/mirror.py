"""Kimi k1.5's mirror descent: the squared log-ratio of the sequence holds the policy (arXiv 2501.12599)."""

from typing import TYPE_CHECKING

from .surrogate import Surrogate, SurrogateInputs

if TYPE_CHECKING:
    from torch import Tensor

    from ..objective import PolicyObjective


def mirror_loss(inputs: SurrogateInputs, objective: "PolicyObjective") -> "Tensor":
    """`-A * log p + mirror_coef / 2 * d * D`, D the sum of d over the sequence: its tokens add up to D² times that."""
    assert inputs.sequences is not None
    assert objective.mirror_coef is not None
    d_T = inputs.token_log_ratio_T
    square_T = d_T * inputs.sequences.sum(d_T)
    return square_T * (objective.mirror_coef / 2) - inputs.advantages_T * inputs.log_probs_T


def mirror_slope(inputs: SurrogateInputs, weights_T: "Tensor", objective: "PolicyObjective") -> "Tensor":
    """`-A`, and `mirror_coef / 2` times what both factors of d * D have."""
    assert inputs.sequences is not None
    assert objective.mirror_coef is not None
    d_T, sequences = inputs.token_log_ratio_T, inputs.sequences
    square_T = weights_T * sequences.sum(d_T) + sequences.sum(weights_T * d_T)
    return square_T * inputs.inside_T * (objective.mirror_coef / 2) - weights_T * inputs.advantages_T


MIRROR = Surrogate(
    mirror_loss,
    mirror_slope,
    ratios=("sequence",),
    otherwise="squares the log-ratio of a sequence",
    needs=("mirror_coef",),
    acts_without_advantage=True,
    at_ratio_one="none",
)
