"""The steps of the parameters."""

from dataclasses import dataclass
from typing import Literal

from .ranges import at_least, positive, share

Schedule = Literal["linear", "constant", "cosine", "warmup_stable_decay"]


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW on the policy-gradient estimate."""

    learning_rate: float = 3e-4
    warmup_steps: int = 10  # the learning rate rises linearly over so many steps
    schedule: Schedule = "linear"  # after that
    final_share: float = 0.0  # of the learning rate that linear, cosine and warmup_stable_decay end at
    decay_steps: int = 10  # warmup_stable_decay: it falls over the last so many steps
    weight_decay: float = 0.0
    beta1: float = 0.9
    beta2: float = 0.999
    max_gradient_norm: float = 1.0
    updates_per_step: int = 1  # on the same rollouts, with frozen old log-probabilities; 1 is on-policy
    micro_batch_tokens: int = 512  # how many tokens go through the model at a time; changes memory, not the gradient

    def __post_init__(self) -> None:
        for name in ("updates_per_step", "micro_batch_tokens"):
            at_least(name, getattr(self, name), 1)
        for name in ("warmup_steps", "decay_steps"):
            at_least(name, getattr(self, name), 0)
        positive("learning_rate", self.learning_rate)
        positive("max_gradient_norm", self.max_gradient_norm)
        at_least("weight_decay", self.weight_decay, 0.0)
        for name in ("beta1", "beta2"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least 0 and below 1")
        share("final_share", self.final_share)
