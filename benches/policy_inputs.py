"""The inputs of a case from hidden states.

Names: N tokens, D hidden size, V vocabulary, B sequences.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pgkern.policy.objective import PolicyObjective

from .policy_case import SEQUENCES, PolicyCase

ENTROPY_COEF = 0.01
_SCALE = 3.0  # standard deviation of the logits
_PEAK = 8.0  # by how much a peaked token's logit is above the others' log-sum-exp
_CHUNK = 64  # tokens whose logits are alive while the old log-probabilities are made


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
    objective: PolicyObjective

    @property
    def gradient_bytes(self) -> int:
        """Bytes of the gradients that are asked for."""
        leaves = (self.hidden_ND, self.weight_VD)
        return sum(tensor.numel() * tensor.element_size() for tensor in leaves if tensor.requires_grad)

    def with_every_sequence_active(self) -> "PolicyInputs":
        """The same hidden states and weight, with advantages that are not 0 and no token masked."""
        return replace(self, advantages_B=_advantages(self.mask_N.device), mask_N=torch.ones_like(self.mask_N))

    def to_fp64(self) -> "PolicyInputs":
        """The very same numbers in fp64, to compute the truth from."""

        def exact(tensor: Tensor) -> Tensor:
            return tensor.detach().double().requires_grad_(tensor.requires_grad)

        return replace(
            self,
            hidden_ND=exact(self.hidden_ND),
            weight_VD=exact(self.weight_VD),
            advantages_B=self.advantages_B.double(),
            old_log_probs_N=self.old_log_probs_N.double(),
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
    weight_VD = normal(case.vocabulary, case.hidden_size).mul_(_SCALE * case.hidden_size**-0.5)
    token_ids_N = torch.randint(case.vocabulary, (case.tokens,), generator=random, device=case.device)
    if case.variation == "peaked":
        largest = math.log(case.vocabulary) + _SCALE**2 / 2 + _PEAK
        hidden_ND.addcmul_(weight_VD[token_ids_N], hidden_ND.new_tensor(largest / _SCALE**2))
    advantages_B = _advantages(case.device)
    mask_N = torch.ones(case.tokens, device=case.device)
    if case.variation == "masked":
        mask_N[case.forward_tokens :] = 0.0
    else:
        advantages_B[round(case.active * SEQUENCES) :] = 0.0
    sequence_ids_N = torch.arange(SEQUENCES, device=case.device).repeat_interleave(case.tokens // SEQUENCES)
    old_log_probs_N = _log_probs(hidden_ND, weight_VD, token_ids_N)
    old_log_probs_N += 0.02 * torch.randn(case.tokens, generator=random, device=case.device)
    return PolicyInputs(
        hidden_ND.requires_grad_(case.work != "forward"),
        weight_VD.requires_grad_(case.work == "both"),
        token_ids_N,
        advantages_B,
        mask_N,
        sequence_ids_N,
        old_log_probs_N,
        PolicyObjective.grpo(entropy_coef=ENTROPY_COEF if case.variation == "entropy_bonus" else 0.0),
    )


def _advantages(device: torch.device | str) -> Tensor:
    return torch.tensor([1.0, -0.5, 0.75, -1.25, 0.5, -1.0, 1.5, -0.25], device=device)


def _log_probs(hidden_ND: Tensor, weight_VD: Tensor, token_ids_N: Tensor) -> Tensor:
    found = []
    for start in range(0, token_ids_N.numel(), _CHUNK):
        rows = slice(start, start + _CHUNK)
        logits_TV = (hidden_ND[rows] @ weight_VD.t()).float()
        found.append(-torch.nn.functional.cross_entropy(logits_TV, token_ids_N[rows], reduction="none"))
    return torch.cat(found)
