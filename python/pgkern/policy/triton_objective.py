"""Which device function of `kernels/token_objective.py` an objective is, and its numbers."""

import triton

from pgkern.kernels import token_objective

from .objective import PolicyObjective
from .token_surrogate import clip_bounds


def triton_objective(objective: PolicyObjective) -> tuple[triton.JITFunction, float, float]:
    """The device function, and the bounds of its ratio."""
    if objective.ratio == "none":
        function = token_objective.no_ratio
    elif objective.surrogate == "plain":
        function = token_objective.plain_ratio
    else:
        function = token_objective.clipped_ratio
    return function, *clip_bounds(objective)
