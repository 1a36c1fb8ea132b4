"""What a policy loss computes: ratio, surrogate, penalties, correction and reduction, as one small frozen record."""

import math
from ast import literal_eval
from dataclasses import dataclass, fields
from functools import lru_cache
from numbers import Real
from typing import Any, Literal, get_args

from .surrogates import SURROGATES

Ratio = Literal["none", "token", "sequence"]
Surrogate = Literal["plain", "clip", "detach", "soft_gate", "geometric_clip", "mirror"]
KLEstimator = Literal["k1", "k2", "k3"]
Correction = Literal["truncate", "mask"]
CorrectionLevel = Literal["token", "sequence"]
Reduction = Literal[
    "token_mean",
    "sequence_mean_token_mean",
    "sequence_mean_token_sum",
    "sequence_sum_constant",
    "sum",
    "none",
]


@dataclass(frozen=True)
class PolicyObjective:
    """`loss = reduce(-correction * surrogate + kl_coef * KL - entropy_coef * H)`, over the unmasked tokens.

    Take a named constructor and override any field: `PolicyObjective.grpo(clip_high=0.28, kl_coef=0.01)`.
    A is a token's advantage, p its probability, d = log p - log p_old clamped to ±20 (no gradient outside).

    ratio
        "none": the surrogate acts on the log-probability.
        "token": it acts on the importance ratio of the token, `r = exp(d)`.
        "sequence": on that of its sequence, `r = exp(mean of d over the sequence's unmasked tokens)`, for each of them.
    surrogate
        "plain": `A * log p` without a ratio, else `A * r`.
        "clip": `min(A * min(r, delta), A * clip(r, 1 - clip_low, 1 + clip_high))`, and where A < 0 no less than
            `dual_clip * A`; `delta` and `dual_clip` may be None. On an edge itself the gradient is still whole.
        "detach": `A * w * log p` with w = clip(r, 1 - clip_low, 1 + clip_high) held constant; None bounds nothing.
        "soft_gate": `A * sigmoid(τ (r - 1)) * 4 / τ`, τ = gate_temperature_positive if A > 0, else
            gate_temperature_negative.
        "geometric_clip": `A * exp(mean of d')`, d' = min(d, clip_high) where A > 0, max(d, -clip_low) where A < 0.
        "mirror": `A * log p`, less `mirror_coef / 2 * (sum of d over the sequence)²` for every sequence.
    kl_coef, kl_estimator
        With ρ = log p - log p_ref, clamped to ±20: "k1" ρ, "k2" ρ²/2, "k3" exp(-ρ) - 1 + ρ (Schulman 2020).
    entropy_coef
        Of the entropy H of the whole next-token distribution, in nats.
    correction, correction_level, correction_cap, correction_floor
        Of the sampling engine's probabilities: w = p_old / p_rollout ("token"), or their product over the sequence
        ("sequence"), multiplies the surrogate and is held constant. "truncate" clips w to [floor, cap]; "mask" takes
        0 for it outside of them.
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
    dual_clip: float | None = None
    delta: float | None = None
    kl_coef: float = 0.0
    kl_estimator: KLEstimator = "k3"
    entropy_coef: float = 0.0
    correction: Correction | None = None
    correction_level: CorrectionLevel = "token"
    correction_cap: float | None = None
    reduction: Reduction = "token_mean"
    reduction_constant: float | None = None
    gate_temperature_positive: float | None = None
    gate_temperature_negative: float | None = None
    mirror_coef: float | None = None
    correction_floor: float = 0.0

    def __post_init__(self) -> None:
        _require_one_of("ratio", self.ratio, get_args(Ratio))
        _require_one_of("surrogate", self.surrogate, tuple(SURROGATES))
        _require_one_of("kl_estimator", self.kl_estimator, get_args(KLEstimator))
        _require_one_of("correction_level", self.correction_level, get_args(CorrectionLevel))
        _require_one_of("reduction", self.reduction, get_args(Reduction))
        SURROGATES[self.surrogate].check(self)
        _require_number("entropy_coef", self.entropy_coef)
        _require_number("kl_coef", self.kl_coef)
        if self.kl_coef < 0:
            raise ValueError(f"kl_coef is the weight of a penalty and must be at least 0, got {self.kl_coef}")
        self._check_correction()
        self._check_reduction()
        # Written so that a compiler can trace it where an objective is made in compiled code.
        given = [(f.name, getattr(self, f.name)) for f in fields(self)]
        text = [(name, value if value is None or isinstance(value, str) else float(value)) for name, value in given]
        object.__setattr__(self, "_key", " ".join([f"{name}={value!r}" for name, value in text]))

    def _check_correction(self) -> None:
        if self.correction is None:
            if self.correction_cap is not None or self.correction_floor != 0.0 or self.correction_level != "token":
                raise ValueError(
                    "without a correction its cap, floor and level would go unused, got "
                    f"correction_cap {self.correction_cap}, correction_floor {self.correction_floor}, "
                    f"correction_level {self.correction_level!r}; set correction to 'truncate' or 'mask'"
                )
            return
        _require_one_of("correction", self.correction, get_args(Correction))
        if self.correction_cap is None:
            raise ValueError(
                f"correction {self.correction!r} needs correction_cap, the largest weight that passes (2.0 is usual)"
            )
        _require_number("correction_cap", self.correction_cap)
        _require_number("correction_floor", self.correction_floor)
        if not 0 <= self.correction_floor <= self.correction_cap or self.correction_cap == 0:
            raise ValueError(
                "expected 0 <= correction_floor <= correction_cap and a cap above 0, "
                f"got {self.correction_floor} and {self.correction_cap}"
            )

    def _check_reduction(self) -> None:
        if self.reduction == "sequence_sum_constant":
            _require_number("reduction_constant", self.reduction_constant)
            if not self.reduction_constant > 0:  # type: ignore[operator]
                raise ValueError(f"reduction_constant must be above 0, got {self.reduction_constant}")
        elif self.reduction_constant is not None:
            raise ValueError(
                f"reduction {self.reduction!r} does not use reduction_constant, got {self.reduction_constant}; "
                "leave it None or choose 'sequence_sum_constant'"
            )

    @property
    def key(self) -> str:
        """The fields as text, by which operators know the objective; `from_key` reads it."""
        key: str = self._key  # type: ignore[attr-defined]  # no field: it would be one of the objective's own
        return key

    @property
    def sums_correction(self) -> bool:
        """Whether the correction is that of whole sequences."""
        return self.correction is not None and self.correction_level == "sequence"

    @property
    def acts_without_advantage(self) -> bool:
        """Whether a token of advantage 0 may have a gradient all the same."""
        return self.kl_coef != 0 or self.entropy_coef != 0 or SURROGATES[self.surrogate].acts_without_advantage

    def couples_tokens(self, old_log_probs: object) -> bool:
        """Whether a token's gradient is known only once the log-probabilities of its whole sequence are.

        A sequence's correction is known before the pass where the old log-probabilities (not None) are.
        """
        return self.ratio == "sequence" or (self.sums_correction and old_log_probs is None)

    def takes_one_visit(self, old_log_probs: object) -> bool:
        """Whether logits need only be seen once: a token's gradient follows from its own log-probability, by a formula
        that the row kernels know, and is not multiplied from above by numbers that come later."""
        known = SURROGATES[self.surrogate].on_device is not None
        return known and self.reduction != "none" and not self.couples_tokens(old_log_probs)

    @staticmethod
    @lru_cache(maxsize=256)
    def from_key(key: str) -> "PolicyObjective":
        """The objective that has this key."""
        given = (field.split("=") for field in key.split(" "))
        return PolicyObjective(**{name: literal_eval(value) for name, value in given})

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
        """PPO's clipped surrogate, averaged over tokens (arXiv 1707.06347, eq. 7).

        `dual_clip` (arXiv 1912.09729) and `delta` (arXiv 2505.07291) bound the ratio where the advantage is negative.
        """
        return cls(**{"ratio": "token", "surrogate": "clip", "clip_low": 0.2, "clip_high": 0.2, **overrides})

    @classmethod
    def grpo(cls, **overrides: Any) -> "PolicyObjective":
        """GRPO: PPO's surrogate, averaged over a sequence's tokens, then over sequences (arXiv 2402.03300, eq. 3).

        Its KL penalty is `kl_coef=0.04, kl_estimator="k3"` there; here it is off unless asked for.
        """
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

    @classmethod
    def gspo(cls, **overrides: Any) -> "PolicyObjective":
        """GSPO: the ratio of a sequence is the geometric mean of its tokens' (arXiv 2507.18071).

        Clipping at 3e-4 and 4e-4, as there: such a mean stays far closer to 1 than a token's ratio.
        """
        return cls.grpo(**{"ratio": "sequence", "clip_low": 3e-4, "clip_high": 4e-4, **overrides})

    @classmethod
    def cispo(cls, **overrides: Any) -> "PolicyObjective":
        """CISPO: the clipped ratio is a constant weight, so that no token loses its gradient (arXiv 2506.13585).

        No lower bound, as there; the weight is at most 5, a bound that ScaleRL (arXiv 2510.13786) finds robust.
        """
        return cls(**{"ratio": "token", "surrogate": "detach", "clip_high": 4.0, **overrides})

    @classmethod
    def gmpo(cls, **overrides: Any) -> "PolicyObjective":
        """GMPO: the geometric mean of a sequence's ratios, each clipped first (arXiv 2507.20673).

        The clip is one of log-ratios, exp(±0.4) as there.
        """
        return cls(
            **{
                "ratio": "sequence",
                "surrogate": "geometric_clip",
                "clip_low": 0.4,
                "clip_high": 0.4,
                "reduction": "sequence_mean_token_mean",
                **overrides,
            }
        )

    @classmethod
    def sapo(cls, **overrides: Any) -> "PolicyObjective":
        """SAPO: a sigmoid of the ratio in place of the clip (arXiv 2511.20347).

        Its temperatures are 1.0 and, steeper, 1.05 where the advantage is negative, as there.
        """
        return cls(
            **{
                "ratio": "token",
                "surrogate": "soft_gate",
                "gate_temperature_positive": 1.0,
                "gate_temperature_negative": 1.05,
                "reduction": "sequence_mean_token_mean",
                **overrides,
            }
        )

    @classmethod
    def kimi_k15(cls, **overrides: Any) -> "PolicyObjective":
        """Kimi k1.5's mirror descent: REINFORCE, and the squared log-ratio of the sequence (arXiv 2501.12599).

        `mirror_coef` (the paper's τ) must be given; the old log-probabilities are those of the policy at the start of
        the iteration. The paper's advantage is the reward less the mean of its group.
        """
        return cls(
            **{"ratio": "sequence", "surrogate": "mirror", "reduction": "sequence_mean_token_sum", **overrides},
        )


def _require_one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")


def _require_number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {value!r}")


GRPO = PolicyObjective.grpo()
"""The objective of every policy loss that is not told another."""
