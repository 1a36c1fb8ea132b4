"""An objective as the row kernels take it."""

from math import inf

from ...kernels import token_objective
from ...kernels.device_objective import DeviceObjective
from ..objective import PolicyObjective
from ..surrogates import SURROGATES


def triton_objective(objective: PolicyObjective) -> DeviceObjective:
    """The device function of its surrogate, and its numbers; for objectives whose tokens stand alone."""
    on_device = SURROGATES[objective.surrogate].on_device
    assert on_device is not None, "a surrogate without a device function takes two visits"
    name, numbers = on_device(objective)
    p0, p1, p2, p3 = (*numbers, 0.0, 0.0, 0.0, 0.0)[:4]
    k1, k2, k3 = (objective.kl_coef if objective.kl_estimator == k else 0.0 for k in ("k1", "k2", "k3"))
    return DeviceObjective(
        getattr(token_objective, name), (p0, p1, p2, p3), (k1, k2, k3), objective.entropy_coef, _correction(objective)
    )


def _correction(objective: PolicyObjective) -> tuple[float, float, float, float]:
    """Floor, cap, and what stands for a ratio beyond them."""
    if objective.correction_cap is None:
        return 0.0, inf, 0.0, inf
    low, high = objective.correction_floor, objective.correction_cap
    return (low, high, low, high) if objective.correction == "truncate" else (low, high, 0.0, 0.0)
