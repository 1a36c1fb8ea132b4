"""Returns, baselines and advantages (primer eq. 5, 6, 22-25)."""

from dataclasses import dataclass
from typing import Literal

from .ranges import at_least, positive, share

Returns = Literal["episode", "reward_to_go"]
Baseline = Literal["none", "constant", "running_mean", "batch_mean", "group_mean", "leave_one_out", "value"]
ValueKind = Literal["head", "network"]


@dataclass(frozen=True)
class AdvantageConfig:
    """What of a return is the policy's merit."""

    baseline: Baseline = "group_mean"
    normalize_std: bool = True  # divide by the group's (or the batch's) standard deviation
    returns: Returns = "episode"  # or from each token on; the same where the reward comes at the end and discount is 1
    discount: float = 1.0  # γ, per token
    constant: float = 0.5  # baseline "constant": what is subtracted
    decay: float = 0.9  # baseline "running_mean": how much of the old mean a step keeps
    drop_zero: bool = False  # rollouts without advantage do not count in the loss's denominators either

    def __post_init__(self) -> None:
        if self.normalize_std and self.baseline not in ("group_mean", "batch_mean"):
            raise ValueError(
                f"normalize_std goes with baseline 'group_mean' or 'batch_mean', not {self.baseline!r}; set it to false"
            )
        if self.returns == "reward_to_go" and self.baseline == "value":
            raise ValueError("baseline 'value' has returns of its own, by value.gae_lambda; leave returns 'episode'")
        if self.normalize_std and self.returns == "reward_to_go":
            raise ValueError("normalize_std goes with returns 'episode': the deviation is one of whole episodes")
        share("discount", self.discount)
        share("decay", self.decay)
        at_least("constant", self.constant, float("-1e30"))


@dataclass(frozen=True)
class ValueConfig:
    """The learned V(s) of baseline "value", on generalised advantage estimation."""

    kind: ValueKind = "head"  # on the policy's hidden states, which it leaves alone; or a network of its own
    gae_lambda: float = 1.0  # λ; 1 is return minus V(s)
    learning_rate: float | None = None  # none: 3e-3 for a head, 3e-4 for a network
    passes: int | None = None  # over the rollouts for each update of the policy; none: 8 for a head, 1 for a network
    clip: float | None = 0.2  # how far an update may move V(s) and still have a gradient (PPO); none for no bound

    def __post_init__(self) -> None:
        share("gae_lambda", self.gae_lambda)
        if self.learning_rate is not None:
            positive("learning_rate", self.learning_rate)
        if self.passes is not None:
            at_least("passes", self.passes, 1)
        if self.clip is not None:
            positive("clip", self.clip)
