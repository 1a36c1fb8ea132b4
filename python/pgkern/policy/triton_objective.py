"""Which device function of `kernels/token_objective.py` an objective is, and its numbers."""

from math import inf

from pgkern.kernels import token_objective
from pgkern.kernels.device_objective import DeviceObjective

from .objective import PolicyObjective
from .surrogates.clip import clip_bounds
from .surrogates.detach import weight_bounds


def triton_objective(objective: PolicyObjective) -> DeviceObjective | None:
    """The objective for the row kernels, where every token stands alone; None for a surrogate without a device
    function, which takes torch's formula between two kernels."""
    if objective.surrogate == "plain":
        surrogate = token_objective.no_ratio if objective.ratio == "none" else token_objective.plain_ratio
        parameters = (0.0, 0.0, 0.0, 0.0)
    elif objective.surrogate == "clip":
        surrogate, parameters = token_objective.clipped_ratio, (*clip_bounds(objective), 0.0)
    elif objective.surrogate == "detach":
        surrogate, parameters = token_objective.detached_ratio, (*weight_bounds(objective), 0.0, 0.0)
    elif objective.surrogate == "soft_gate":
        positive, negative = objective.gate_temperature_positive, objective.gate_temperature_negative
        assert positive is not None
        assert negative is not None
        surrogate, parameters = token_objective.soft_gate, (positive, negative, 0.0, 0.0)
    else:
        return None
    kl = {estimator: objective.kl_coef if objective.kl_estimator == estimator else 0.0 for estimator in _ESTIMATORS}
    return DeviceObjective(
        surrogate, parameters, (kl["k1"], kl["k2"], kl["k3"]), objective.entropy_coef, _correction(objective)
    )


_ESTIMATORS = ("k1", "k2", "k3")


def _correction(objective: PolicyObjective) -> tuple[float, float, float, float]:
    if objective.correction is None or objective.correction_cap is None:
        return 0.0, inf, 0.0, inf
    low, high = objective.correction_floor, objective.correction_cap
    return (low, high, low, high) if objective.correction == "truncate" else (low, high, 0.0, 0.0)
