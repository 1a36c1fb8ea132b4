"""The policy gradient as it is: the primer's eq. 26 without a ratio, eq. 27 with one."""

from typing import TYPE_CHECKING

from .surrogate import Surrogate, SurrogateInputs

if TYPE_CHECKING:
    from torch import Tensor

    from ..objective import PolicyObjective


def plain_loss(inputs: SurrogateInputs, objective: "PolicyObjective") -> "Tensor":
    """`-A * log p`, or `-A * r`."""
    return -inputs.advantages_T * (inputs.log_probs_T if objective.ratio == "none" else inputs.ratio)


def plain_slope(inputs: SurrogateInputs, weights_T: "Tensor", objective: "PolicyObjective") -> "Tensor":
    """`-A`, or `-A * r` through the log-ratio."""
    if objective.ratio == "none":
        return weights_T * -inputs.advantages_T
    return inputs.through_log_ratio(weights_T * -inputs.advantages_T * inputs.ratio)


PLAIN = Surrogate(
    plain_loss,
    plain_slope,
    ratios=("none", "token", "sequence"),
    otherwise="takes any ratio",
    at_ratio_one="token",
    on_device=lambda objective: ("no_ratio" if objective.ratio == "none" else "plain_ratio", ()),
)
