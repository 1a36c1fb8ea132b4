"""Sampling from the policy."""

from dataclasses import dataclass
from typing import Literal

from .ranges import at_least, positive

Overlong = Literal["keep", "mask", "shape"]


@dataclass(frozen=True)
class RolloutConfig:
    """How many responses to how many prompts, and which of them are trained on."""

    prompts_per_step: int = 32
    samples_per_prompt: int = 8
    temperature: float = 1.0
    max_tokens: int = 48  # of a response; a longer one is cut off and told apart
    stop: str | None = "</answer>"
    batch_size: int = 256  # rollouts that are generated together
    dynamic_sampling: bool = False  # draw further prompts for those whose samples all earned the same (DAPO)
    max_draws: int = 4  # dynamic_sampling: how often a step draws prompts at most
    staleness: int = 0  # 1: the next step's rollouts are drawn while this one trains, by the policy from before it
    overlong: Overlong = "keep"  # a cut-off response: as it is, not trained on, or less reward the nearer to max_tokens
    overlong_buffer: int = 8  # shape: the last so many tokens of max_tokens cost up to overlong_penalty (DAPO eq. 13)
    overlong_penalty: float = 1.0

    def __post_init__(self) -> None:
        for name in ("prompts_per_step", "samples_per_prompt", "max_tokens", "batch_size", "max_draws"):
            at_least(name, getattr(self, name), 1)
        positive("temperature", self.temperature)
        if self.stop == "":
            raise ValueError("stop is empty; give the text that ends a response, or none")
        at_least("overlong_penalty", self.overlong_penalty, 0.0)
        if self.overlong == "shape" and not 1 <= self.overlong_buffer <= self.max_tokens:
            raise ValueError(f"overlong_buffer is {self.overlong_buffer}, expected 1 to max_tokens ({self.max_tokens})")
        if self.staleness not in (0, 1):
            raise ValueError(f"staleness is {self.staleness}, expected 0 or 1")
        if self.dynamic_sampling and self.samples_per_prompt < 2:
            raise ValueError("dynamic_sampling compares the samples of a prompt: samples_per_prompt must be at least 2")
