"""SAPO's surrogate: a sigmoid around ratio 1 lets gradients fade where a clip would cut them (arXiv 2511.20347)."""

from typing import TYPE_CHECKING

from .surrogate import Surrogate, SurrogateInputs

if TYPE_CHECKING:
    from torch import Tensor

    from ..objective import PolicyObjective


def soft_gate_loss(inputs: SurrogateInputs, objective: "PolicyObjective") -> "Tensor":
    """`-A * sigmoid(τ (r - 1)) * 4 / τ`: slope 1 at r = 1, as without a gate."""
    temperature_T = _temperature(inputs, objective)
    return -inputs.advantages_T * (temperature_T * (inputs.ratio - 1)).sigmoid() * 4 / temperature_T


def soft_gate_slope(inputs: SurrogateInputs, weights_T: "Tensor", objective: "PolicyObjective") -> "Tensor":
    """`-A * 4 * sigmoid(x) * sigmoid(-x) * r` through the log-ratio, x = τ (r - 1)."""
    x_T = _temperature(inputs, objective) * (inputs.ratio - 1)
    slope_T = 4 * x_T.sigmoid() * (-x_T).sigmoid() * inputs.ratio
    return inputs.through_log_ratio(weights_T * -inputs.advantages_T * slope_T)


def _temperature(inputs: SurrogateInputs, objective: "PolicyObjective") -> "Tensor":
    positive, negative = _temperatures(objective)
    return inputs.advantages_T.new_full((), positive).where(inputs.advantages_T > 0, negative)


def _temperatures(objective: "PolicyObjective") -> tuple[float, float]:
    assert objective.gate_temperature_positive is not None
    assert objective.gate_temperature_negative is not None
    return objective.gate_temperature_positive, objective.gate_temperature_negative


def _check(objective: "PolicyObjective") -> None:
    for field in ("gate_temperature_positive", "gate_temperature_negative"):
        if not getattr(objective, field) > 0:
            raise ValueError(f"{field} must be above 0, got {getattr(objective, field)}")


SOFT_GATE = Surrogate(
    soft_gate_loss,
    soft_gate_slope,
    ratios=("token", "sequence"),
    otherwise="gates a ratio",
    needs=("gate_temperature_positive", "gate_temperature_negative"),
    on_device=lambda objective: ("soft_gate", _temperatures(objective)),
    further_checks=_check,
)
