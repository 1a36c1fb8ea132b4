"""The interface that every rollout engine keeps, and what goes through it.

Token ids travel from the engine to the loss as they were sampled; a response is never tokenised again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from torch import Tensor

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True)
class Prompt:
    """A prompt's text and its token ids."""

    text: str
    token_ids: tuple[int, ...]


@dataclass(frozen=True)
class Sampling:
    """How to sample. `temperature` 0 is greedy; nothing else narrows the distribution, so that ratios stay unbiased."""

    num_samples: int = 1
    temperature: float = 1.0
    max_tokens: int = 256
    stop: str | None = "</answer>"
    """Text that ends a response and belongs to it; None ends at the end-of-text token alone."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.num_samples < 1:
            raise ValueError(f"num_samples is {self.num_samples}, expected at least 1")
        if not 0.0 <= self.temperature < float("inf"):
            raise ValueError(f"temperature is {self.temperature}, expected a finite number of at least 0")
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens is {self.max_tokens}, expected at least 1")


@dataclass(frozen=True)
class Rollout:
    """One trajectory (primer eq. 4): the prompt is s_0, each response token an action."""

    prompt_index: int
    """Which of the prompts of the call it answers."""
    prompt: Prompt
    response_ids: tuple[int, ...]
    response: str
    log_probs: tuple[float, ...]
    """log π of each response token under the engine's policy at the sampling temperature (greedy: at temperature 1)."""
    finish_reason: FinishReason
    """"stop": the stop text or the end-of-text token was sampled; "length": the token budget ran out."""
    weights_version: int
    sample_index: int = 0
    """Which of the prompt's samples, from 0: rollouts come in any order, and this one does not depend on it."""


class EngineFailedError(RuntimeError):
    """The engine died, hangs, or may be half updated: nothing it was asked for counts, and a new one must be built."""


class RolloutEngine(Protocol):
    """Samples responses from a policy whose weights the trainer pushes."""

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> Iterator[Rollout]:
        """`sampling.num_samples` rollouts of each prompt, in any order, as they are done."""
        ...

    def load_weights(self, weights: "Iterable[tuple[str, Tensor]]", version: int) -> None:
        """From now on sample from these weights, and say so by `version` on each rollout."""
        ...

    def close(self) -> None:
        """Free what the engine holds."""
        ...
