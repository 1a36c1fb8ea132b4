"""One cell of the policy-loss grid.

Names: N tokens, D hidden size, V vocabulary.
"""

from dataclasses import dataclass, replace
from typing import Literal

SEQUENCES = 8
Work = Literal["both", "forward", "frozen_weight"]
Variation = Literal["plain", "peers", "entropy_bonus", "masked", "peaked"]

_PRODUCTS: dict[Work, int] = {"both": 3, "frozen_weight": 2, "forward": 1}
_SAID: dict[Work, str] = {"both": "loss and gradients", "frozen_weight": "frozen weight", "forward": "forward only"}


@dataclass(frozen=True)
class PolicyCase:
    """What is computed, on which device and at which size.

    "both" is the loss and the gradients of hidden and weight; "frozen_weight" the loss and the gradient of hidden;
    "forward" the log-probabilities alone, without gradients.

    `active` is the fraction of sequences that have a gradient: the others' advantage is 0 or, in the variation
    "masked", their tokens are masked. One thing varies at a time: "peers" is the plain case among more providers (on
    the CPU the plain case is that already), "entropy_bonus" adds the bonus to the objective, and "peaked" gives the
    sampled tokens a probability near 1. `compiled` adds torch.compile where peers are.
    """

    device: str
    dtype: str
    tokens: int
    hidden_size: int
    vocabulary: int
    active: float = 1.0
    work: Work = "both"
    variation: Variation = "plain"
    compiled: bool = False

    @property
    def beside_peers(self) -> bool:
        """Whether other libraries run too."""
        plain_on_cpu = self.device == "cpu" and self.variation == "plain"
        return self.work == "both" and self.active == 1 and (plain_on_cpu or self.variation == "peers")

    @property
    def forward_tokens(self) -> int:
        """Tokens whose logits are needed: masked ones' are not."""
        return round(self.active * self.tokens) if self.variation == "masked" else self.tokens

    @property
    def gradient_tokens(self) -> int:
        """Tokens that take part in the products of the gradients."""
        return 0 if self.work == "forward" else round(self.active * self.tokens)

    @property
    def flop(self) -> float:
        """6 * N * D * V for loss and gradients, 4 with a frozen weight, 2 forward only; inactive tokens counted too."""
        return 2.0 * _PRODUCTS[self.work] * self.tokens * self.hidden_size * self.vocabulary

    @property
    def label(self) -> str:
        """The case in a few words, which no other case has."""
        size = f"{size_label(self.tokens, self.hidden_size)} V={self.vocabulary:,} {dtype_label(self.dtype)}"
        words = [f"{size} {_SAID[self.work]}"]
        if self.active < 1:
            words.append(f"{'unmasked' if self.variation == 'masked' else 'active'} {self.active:g}")
        if self.variation not in ("plain", "masked"):
            words.append({"peers": "with peers", "entropy_bonus": "entropy bonus"}.get(self.variation, self.variation))
        return ", ".join(words)

    def with_tokens(self, tokens: int) -> "PolicyCase":
        """The same with another number of tokens."""
        return replace(self, tokens=tokens)


def size_label(tokens: int, hidden_size: int) -> str:
    """How a label begins."""
    return f"N={tokens:,} D={hidden_size:,}"


def dtype_label(dtype: str) -> str:
    """As short as people say it."""
    return {"float32": "fp32", "bfloat16": "bf16"}.get(dtype, dtype)
