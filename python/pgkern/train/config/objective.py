"""The loss."""

from dataclasses import dataclass
from typing import Literal

from ...policy.objective import Correction, CorrectionLevel, KLEstimator, PolicyObjective

ObjectiveName = Literal[
    "reinforce",
    "reinforce_off_policy",
    "ppo",
    "grpo",
    "dr_grpo",
    "dapo",
    "gspo",
    "cispo",
    "gmpo",
    "sapo",
    "kimi_k15",
]
KLPlace = Literal["loss", "reward"]


@dataclass(frozen=True)
class ObjectiveConfig:
    """A named objective, and what is changed of it."""

    name: ObjectiveName = "grpo"
    clip_low: float | None = None  # None: the objective's own
    clip_high: float | None = None
    mirror_coef: float | None = None  # kimi_k15: must be given
    kl_coef: float = 0.0  # of the KL divergence to the reference, which is the policy before its first step
    kl_in: KLPlace = "loss"  # or taken off the rewards, token by token
    kl_estimator: KLEstimator = "k3"  # in the loss; in the reward it is k1, whose gradient there is right
    entropy_coef: float = 0.0  # of the entropy bonus
    correction: Correction | None = None  # of what the engine sampled with against what the trainer computes
    correction_level: CorrectionLevel = "token"
    correction_cap: float = 2.0

    def __post_init__(self) -> None:
        if self.correction is None and (self.correction_level, self.correction_cap) != ("token", 2.0):
            raise ValueError("correction_level and correction_cap belong to a correction, and there is none")
        self.policy_objective(max_tokens=1)  # refuses numbers that the objective cannot have

    def policy_objective(self, max_tokens: int) -> PolicyObjective:
        """The objective these settings name; Dr. GRPO divides by the token budget of a response."""
        overrides: dict[str, object] = {
            "clip_low": self.clip_low,
            "clip_high": self.clip_high,
            "mirror_coef": self.mirror_coef,
            "entropy_coef": self.entropy_coef,
        }
        if self.name == "dr_grpo":
            overrides["reduction_constant"] = float(max_tokens)
        PolicyObjective(kl_coef=self.kl_coef)  # refuses a negative one, wherever it goes
        if self.kl_in == "loss":
            overrides |= {"kl_coef": self.kl_coef, "kl_estimator": self.kl_estimator}
        if self.correction is not None:
            overrides |= {
                "correction": self.correction,
                "correction_level": self.correction_level,
                "correction_cap": self.correction_cap,
            }
        given = {name: value for name, value in overrides.items() if value is not None}
        objective: PolicyObjective = getattr(PolicyObjective, self.name)(**given)
        return objective
