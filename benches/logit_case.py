"""One cell of the grid from logits, and the bytes it cannot do without.

Names: N tokens, V vocabulary.
"""

from dataclasses import dataclass
from typing import Literal

import torch

Work = Literal["log_probs", "entropy", "log_prob_gradient", "loss", "sequence_loss"]

# How often the logits are read, and how often something of their size is written, at the least.
_READS_AND_WRITES: dict[str, tuple[int, int]] = {
    "log_probs": (1, 0),
    "entropy": (1, 0),
    "log_prob_gradient": (2, 1),  # what comes from above is known only after the forward
    "loss": (1, 1),  # a row's gradient is known as soon as its log-sum-exp is
    "sequence_loss": (2, 1),  # a row's gradient is known only after its whole sequence was read
}
_SAID = {
    "log_probs": "log-probs",
    "entropy": "log-probs, entropy",
    "log_prob_gradient": "log-probs, gradient",
    "loss": "GRPO, gradient",
    "sequence_loss": "GSPO, gradient",
}


@dataclass(frozen=True)
class LogitCase:
    """What is computed from which logits.

    "log_probs" and "entropy" (both of them) are without gradients; "log_prob_gradient" adds the gradient of a weighted
    sum of log-probabilities; "loss" is GRPO's with its gradient, "sequence_loss" GSPO's, whose ratio is the sequence's.

    `peaked` logits give the sampled token a probability near 1. `unmasked` is the fraction of tokens that count in a
    loss, `entropy_bonus` whether it has one. `compiled` adds torch.compile to the providers.
    """

    device: str
    dtype: str
    tokens: int
    vocabulary: int
    work: Work
    peaked: bool = False
    entropy_bonus: bool = False
    unmasked: float = 1.0
    compiled: bool = False

    @property
    def logits_bytes(self) -> int:
        """N * V * bytes of a number."""
        dtype: torch.dtype = getattr(torch, self.dtype)
        return self.tokens * self.vocabulary * dtype.itemsize

    @property
    def with_gradient(self) -> bool:
        """Whether a gradient of the logits' size is the result."""
        return _READS_AND_WRITES[self.work][1] > 0

    @property
    def has_loss(self) -> bool:
        """Whether a loss is the result, so that masks and bonuses mean something."""
        return self.work in ("loss", "sequence_loss")

    @property
    def moved_bytes(self) -> float:
        """(reads * unmasked fraction + writes) * N * V * bytes of a number: masked rows need no reading, only zeros."""
        reads, writes = _READS_AND_WRITES[self.work]
        return (reads * self.unmasked + writes) * self.logits_bytes

    @property
    def label(self) -> str:
        """The case in a few words."""
        extras = [
            *(["peaked"] if self.peaked else []),
            *(["bonus"] if self.entropy_bonus else []),
            *([f"unmasked {self.unmasked:g}"] if self.unmasked < 1 else []),
        ]
        dtype = {"float32": "fp32", "bfloat16": "bf16"}.get(self.dtype, self.dtype)
        size = f"N={self.tokens:,} V={self.vocabulary:,} {dtype}"
        return ", ".join([f"{size} {_SAID[self.work]}", *extras])
