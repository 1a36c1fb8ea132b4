"""One cell of the policy-loss grid, and its inputs.

Names: N tokens, D hidden size, V vocabulary, B sequences.
"""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

SEQUENCES = 8
_CHUNK = 64  # tokens whose logits are alive while the old log-probabilities are made


@dataclass(frozen=True)
class PolicyCase:
    """What is computed, on which device and at which size.

    `active` is the fraction of sequences with an advantage that is not 0; the others have no gradient. Every token is
    unmasked. "forward" is the log-probabilities alone, without gradients; "both" is the loss and the gradients of
    hidden and weight.
    """

    device: str
    dtype: str
    tokens: int
    hidden_size: int
    vocabulary: int
    active: float = 1.0
    work: Literal["both", "forward"] = "both"

    @property
    def flop(self) -> float:
        """6 * N * D * V for loss and gradients, 2 * N * D * V forward only; inactive tokens counted as if active."""
        return (6.0 if self.work == "both" else 2.0) * self.tokens * self.hidden_size * self.vocabulary

    @property
    def label(self) -> str:
        """The case in a few words."""
        what = "forward only" if self.work == "forward" else f"active {self.active:g}"
        return f"V={self.vocabulary:,} {self.dtype} {what}"

    def with_tokens(self, tokens: int) -> "PolicyCase":
        """The same with another number of tokens."""
        return replace(self, tokens=tokens)


@dataclass(frozen=True)
class PolicyInputs:
    """Packed sequences of equal length, and old log-probabilities near the current ones."""

    hidden_ND: Tensor
    weight_VD: Tensor
    token_ids_N: Tensor
    advantages_B: Tensor
    mask_N: Tensor
    sequence_ids_N: Tensor
    old_log_probs_N: Tensor

    @property
    def input_bytes(self) -> int:
        """Bytes of hidden and weight, which is also what their gradients take."""
        return sum(tensor.numel() * tensor.element_size() for tensor in (self.hidden_ND, self.weight_VD))

    def to_fp64(self) -> "PolicyInputs":
        """The very same numbers in fp64, to compute the truth from."""

        def exact(tensor: Tensor) -> Tensor:
            tensor = tensor.detach()
            return tensor.double().requires_grad_() if tensor.is_floating_point() else tensor

        return PolicyInputs(
            exact(self.hidden_ND),
            exact(self.weight_VD),
            self.token_ids_N,
            self.advantages_B.double(),
            self.mask_N,
            self.sequence_ids_N,
            self.old_log_probs_N.double(),
        )


def policy_inputs(case: PolicyCase) -> PolicyInputs:
    """Random inputs with logits of standard deviation 3; a ratio of about 1 ± 0.02, so that no token is clipped."""
    if case.tokens % SEQUENCES:
        raise ValueError(f"{case.tokens} tokens are not a multiple of {SEQUENCES}, the number of sequences")
    dtype: torch.dtype = getattr(torch, case.dtype)
    random = torch.Generator(device=case.device).manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random, device=case.device, dtype=dtype)

    hidden_ND = normal(case.tokens, case.hidden_size)
    weight_VD = normal(case.vocabulary, case.hidden_size).mul_(3 * case.hidden_size**-0.5)
    token_ids_N = torch.randint(case.vocabulary, (case.tokens,), generator=random, device=case.device)
    advantages_B = torch.tensor([1.0, -0.5, 0.75, -1.25, 0.5, -1.0, 1.5, -0.25], device=case.device)
    advantages_B[round(case.active * SEQUENCES) :] = 0.0
    sequence_ids_N = torch.arange(SEQUENCES, device=case.device).repeat_interleave(case.tokens // SEQUENCES)
    old_log_probs_N = _log_probs(hidden_ND, weight_VD, token_ids_N)
    old_log_probs_N += 0.02 * torch.randn(case.tokens, generator=random, device=case.device)
    return PolicyInputs(
        hidden_ND.requires_grad_(),
        weight_VD.requires_grad_(),
        token_ids_N,
        advantages_B,
        torch.ones(case.tokens, device=case.device),
        sequence_ids_N,
        old_log_probs_N,
    )


def _log_probs(hidden_ND: Tensor, weight_VD: Tensor, token_ids_N: Tensor) -> Tensor:
    found = []
    for start in range(0, token_ids_N.numel(), _CHUNK):
        rows = slice(start, start + _CHUNK)
        logits_TV = (hidden_ND[rows] @ weight_VD.t()).float()
        found.append(-torch.nn.functional.cross_entropy(logits_TV, token_ids_N[rows], reduction="none"))
    return torch.cat(found)
