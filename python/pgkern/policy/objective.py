"""What a policy loss computes: the ratio, the surrogate and the reduction, as one small frozen record."""

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

Ratio = Literal["none", "token"]
Surrogate = Literal["plain", "clip"]
Reduction = Literal[
    "token_mean",
    "sequence_mean_token_mean",
    "sequence_mean_token_sum",
    "sequence_sum_constant",
    "sum",
    "none",
]


@dataclass(frozen=True, slots=True)
class PolicyObjective:
    """`loss = -reduce(surrogate(ratio, advantage))`, over the unmasked tokens.

    Take a named constructor and override any field: `PolicyObjective.grpo(clip_high=0.28)`.

    ratio
        "none": the surrogate acts on the log-probability, `A * log p`.
        "token": it acts on the importance ratio of the token, `r = exp(log p - log p_old)`.
    surrogate
        "plain": `A * log p` or `A * r`.
        "clip": `min(A * r, A * clip(r, 1 - clip_low, 1 + clip_high))`. On the edge itself the gradient is still whole.
    reduction (n tokens, S sequences that have an unmasked token, n_s tokens in sequence s)
        "token_mean": sum over tokens / n.
        "sequence_mean_token_mean": sum over tokens of 1 / (n_s * S).
        "sequence_mean_token_sum": sum over tokens / S.
        "sequence_sum_constant": sum over tokens / (reduction_constant * S).
        "sum": sum over tokens.
        "none": the loss of every token, 0 at masked ones.

    Raises:
        ValueError: a field outside its values, or fields that contradict one another.
    """

    ratio: Ratio = "none"
    surrogate: Surrogate = "plain"
    clip_low: float | None = None
    clip_high: float | None = None
    reduction: Reduction = "token_mean"
    reduction_constant: float | None = None

    def __post_init__(self) -> None:
        _require_one_of("ratio", self.ratio, get_args(Ratio))
        _require_one_of("surrogate", self.surrogate, get_args(Surrogate))
        _require_one_of("reduction", self.reduction, get_args(Reduction))
        if self.surrogate == "clip":
            self._check_clip()
        elif self.clip_low is not None or self.clip_high is not None:
            raise ValueError(
                f"surrogate {self.surrogate!r} clips nothing, so clip_low and clip_high must be None, "
                f"got {self.clip_low} and {self.clip_high}"
            )
        if self.reduction == "sequence_sum_constant":
            _require_number("reduction_constant", self.reduction_constant)
            if not self.reduction_constant > 0:  # type: ignore[operator]
                raise ValueError(f"reduction_constant must be above 0, got {self.reduction_constant}")
        elif self.reduction_constant is not None:
            raise ValueError(
                f"reduction {self.reduction!r} does not use reduction_constant, got {self.reduction_constant}; "
                "leave it None or choose 'sequence_sum_constant'"
            )

    def _check_clip(self) -> None:
        if self.ratio == "none":
            raise ValueError("surrogate 'clip' clips a ratio, so ratio 'none' leaves it nothing to clip; take 'token'")
        for name, value in (("clip_low", self.clip_low), ("clip_high", self.clip_high)):
            _require_number(name, value)
            if not value >= 0:  # type: ignore[operator]
                raise ValueError(f"{name} is a distance from ratio 1 and must be at least 0, got {value}")
        if self.clip_low > 1:  # type: ignore[operator]
            raise ValueError(f"clip_low must be at most 1 (a ratio is never negative), got {self.clip_low}")

    @classmethod
    def reinforce(cls, **overrides: Any) -> "PolicyObjective":
        """On-policy REINFORCE: `-mean(A * log p)` (the primer's eq. 26; Williams 1992)."""
        return cls(**overrides)

    @classmethod
    def reinforce_off_policy(cls, **overrides: Any) -> "PolicyObjective":
        """Importance-weighted REINFORCE: `-mean(A * p / p_old)`, unclipped (the primer's eq. 27)."""
        return cls(**{"ratio": "token", **overrides})

    @classmethod
    def ppo(cls, **overrides: Any) -> "PolicyObjective":
        """PPO's clipped surrogate, averaged over tokens (arXiv 1707.06347, eq. 7)."""
        return cls(**{"ratio": "token", "surrogate": "clip", "clip_low": 0.2, "clip_high": 0.2, **overrides})

    @classmethod
    def grpo(cls, **overrides: Any) -> "PolicyObjective":
        """GRPO: PPO's surrogate, averaged over a sequence's tokens, then over sequences (arXiv 2402.03300, eq. 3)."""
        return cls.ppo(**{"reduction": "sequence_mean_token_mean", **overrides})

    @classmethod
    def dr_grpo(cls, **overrides: Any) -> "PolicyObjective":
        """Dr. GRPO: no division by the sequence's own length (arXiv 2503.20783).

        `reduction_constant` must be given: one length for every sequence, such as the generation budget in tokens.
        """
        return cls.ppo(**{"reduction": "sequence_sum_constant", **overrides})

    @classmethod
    def dapo(cls, **overrides: Any) -> "PolicyObjective":
        """DAPO's surrogate: the upper clip is wider, and every token weighs the same (arXiv 2503.14476)."""
        return cls.ppo(**{"clip_high": 0.28, **overrides})


def _require_one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")


def _require_number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {value!r}")


GRPO = PolicyObjective.grpo()
"""The objective of every policy loss that is not told another."""
