"""What a surrogate is: a formula over tokens and its slope, the fields of the objective it uses, what it refuses.

Formulas use methods of tensors only, so that describing an objective does not import torch. Names: T tokens.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import Tensor

    from ..objective import PolicyObjective
    from ..terms.sequences import Sequences

_OF_EVERY_SURROGATE = ("ratio", "surrogate", "kl_", "entropy_", "correction", "reduction")
"""How fields begin that are not a surrogate's own."""


DeviceFunction = tuple[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class SurrogateInputs:
    """What the formula of a token may depend on. Masked tokens have 0 everywhere."""

    log_probs_T: "Tensor"
    advantages_T: "Tensor"
    token_log_ratio_T: "Tensor"  # clamped; 0 where no old policy is known
    inside_T: "Tensor"  # whether the clamp left it alone: 1.0 or 0.0, the log-ratio's slope
    log_ratio_T: "Tensor"  # at the objective's level: the token's, or its sequence's mean
    sequences: "Sequences | None"  # None where every token stands alone

    @property
    def ratio(self) -> "Tensor":
        """The importance ratio, at the objective's level."""
        return self.log_ratio_T.exp()

    def through_log_ratio(self, slopes_T: "Tensor") -> "Tensor":
        """From slopes in `log_ratio` to slopes in `log_probs`."""
        if self.sequences is not None:
            slopes_T = self.sequences.mean(slopes_T)  # each of n tokens has 1/n of every token's
        return slopes_T * self.inside_T


def never_clipped(inputs: SurrogateInputs, objective: "PolicyObjective") -> "tuple[Tensor, Tensor] | None":
    """Of a surrogate that clips nothing."""
    return None


def nothing_more(objective: "PolicyObjective") -> None:
    """Of a surrogate whose numbers may be any positive ones."""


@dataclass(frozen=True, slots=True)
class Surrogate:
    """`loss(inputs, objective)`: the loss of every token.

    slope(inputs, weights, objective): `d (weights * loss).sum() / d log_probs`, where weights have no slope.
    ratios, otherwise: the levels it can act on, and why not on others.
    needs, may: fields of the objective that must and that may be set; another surrogate's must be None.
    acts_without_advantage: whether a token of advantage 0 may have a slope.
    at_ratio_one: of a surrogate of sequences, the ratio ("none" or, of the sequence's mean advantage, "token") with
        which the plain surrogate adds up to the same over a sequence where no old policy is known: every ratio is 1.
    clipped: which tokens lie beyond its lower and its upper bound, for the metrics.
    clips_gradients: whether some of those have no slope.
    on_device: the name of the same formula in `kernels/token_objective.py`, and its numbers; of a formula for which
        `w * A` in place of A is `w` times the loss, for every w >= 0. Without one, losses from
        logits and hidden states take two visits: log-probabilities, this slope, gradient.
    """

    loss: Callable[[SurrogateInputs, "PolicyObjective"], "Tensor"]
    slope: Callable[[SurrogateInputs, "Tensor", "PolicyObjective"], "Tensor"]
    ratios: tuple[str, ...]
    otherwise: str
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    clipped: Callable[[SurrogateInputs, "PolicyObjective"], "tuple[Tensor, Tensor] | None"] = never_clipped
    clips_gradients: bool = False
    on_device: Callable[["PolicyObjective"], DeviceFunction] | None = None
    further_checks: Callable[["PolicyObjective"], None] = nothing_more
    acts_without_advantage: bool = False
    at_ratio_one: Literal["none", "token"] | None = None

    def check(self, objective: "PolicyObjective") -> None:
        """Refuse what the surrogate cannot do.

        Raises:
            ValueError: with the reason.
        """
        name = objective.surrogate
        if objective.ratio not in self.ratios:
            raise ValueError(
                f"surrogate {name!r} {self.otherwise}, so ratio {objective.ratio!r} does not go with it; "
                f"take {' or '.join(map(repr, self.ratios))}"
            )
        own = [field.name for field in fields(objective) if not field.name.startswith(_OF_EVERY_SURROGATE)]
        unused = [f for f in own if f not in self.needs + self.may and getattr(objective, f) is not None]
        if unused:
            given = " and ".join(f"{field}={getattr(objective, field)}" for field in unused)
            raise ValueError(f"surrogate {name!r} does not use {given}; leave None what it does not use")
        for field in self.needs + self.may:
            value: Any = getattr(objective, field)
            if value is None and field in self.may:
                continue
            if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
                raise ValueError(f"surrogate {name!r} needs {field}: it must be a finite number, got {value!r}")
            if value < 0:
                raise ValueError(f"{field} must be at least 0, got {value}")
        self.further_checks(objective)
