"""The policy: which model, which of its weights are trained, and how a small one from scratch is warmed up."""

from dataclasses import dataclass
from typing import Literal

from .ranges import at_least, positive

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class ModelConfig:
    """A folder that transformers loads, or a small Qwen3 from scratch."""

    path: str | None = None
    precision: Precision = "float32"  # of weights and activations; steps are taken in float32 either way
    hidden_size: int = 96  # this and the rest: from scratch only
    num_layers: int = 2
    head_dim: int = 32  # hidden_size / head_dim heads
    vocabulary_size: int = 1024  # at most; the tokenizer is built from the task's own text
    max_positions: int = 1024

    def __post_init__(self) -> None:
        for name in ("hidden_size", "num_layers", "max_positions"):
            at_least(name, getattr(self, name), 1)
        at_least("vocabulary_size", self.vocabulary_size, 300)  # 256 bytes and the marks
        if self.head_dim < 2 or self.head_dim % 2:
            raise ValueError(f"head_dim is {self.head_dim}, expected an even number of at least 2")
        if self.hidden_size % self.head_dim:
            raise ValueError(f"hidden_size is {self.hidden_size}, expected a multiple of head_dim ({self.head_dim})")


@dataclass(frozen=True)
class LoraConfig:
    """Low-rank adapters by peft: with a rank, they alone are trained."""

    rank: int | None = None
    alpha: float = 32.0  # the adapter's output is scaled by alpha / rank
    target_modules: tuple[str, ...] = ("all-linear",)  # or names, such as "q_proj"

    def __post_init__(self) -> None:
        if self.rank is not None:
            at_least("rank", self.rank, 1)
        positive("alpha", self.alpha)
        if not self.target_modules:
            raise ValueError("target_modules is empty; name the layers that get adapters, or 'all-linear'")


@dataclass(frozen=True)
class WarmupConfig:
    """Supervised steps on worked solutions, so that some rollouts are right."""

    steps: int | None = None  # none: 400 for a model from scratch, 0 for one from model.path
    batch_size: int = 64  # solutions a step
    learning_rate: float = 4e-3

    def __post_init__(self) -> None:
        if self.steps is not None:
            at_least("steps", self.steps, 0)
        at_least("batch_size", self.batch_size, 1)
        positive("learning_rate", self.learning_rate)

    @property
    def num_steps(self) -> int:
        """The steps, which the whole configuration has settled."""
        assert self.steps is not None
        return self.steps
