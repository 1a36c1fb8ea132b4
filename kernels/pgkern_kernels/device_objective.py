"""An objective as the kernels take it: a device function and the numbers it is called with."""

from dataclasses import dataclass
from math import inf

import triton


@dataclass(frozen=True, slots=True)
class DeviceObjective:
    """`correction * surrogate + kl - entropy_coef * entropy` of a token; see `token_objective.py`.

    A correction is applied where rollout log-probabilities are given; a KL where reference ones are, and a coefficient.
    """

    surrogate: triton.JITFunction
    """One of the surrogates in `token_objective.py`."""
    parameters: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """The surrogate's p0 to p3."""
    kl: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Coefficients of the estimators k1, k2 and k3."""
    entropy_coef: float = 0.0
    correction: tuple[float, float, float, float] = (0.0, inf, 0.0, inf)
    """Floor and cap of `exp(old - rollout)`, what stands for it below the floor, what stands for it above the cap."""

    def numbers(self) -> tuple[float, ...]:
        """In the order in which kernels take them: parameters, KL, correction, entropy coefficient."""
        return (*self.parameters, *self.kl, *self.correction, self.entropy_coef)
