"""The inputs of a case from logits, and how the logits are made anew before every run.

Names: N tokens, B sequences, L tokens of each, V vocabulary.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .logit_case import LogitCase
from .policy_case import SEQUENCES

_SCALE = 3.0
_PEAK = 8.0  # by how much a peaked token's logit is above the others' log-sum-exp: they share a probability of 3e-4
_CHUNK = 64  # rows whose log-softmax is alive while the old log-probabilities are made


@dataclass
class LogitInputs:
    """Padded sequences of equal length; old log-probabilities near the current ones.

    A provider may write its gradient over the logits, so they are made anew before every run, off the clock and for
    everyone, from the same random numbers. No second copy of them is kept for that. They are leaves that require a
    gradient, and providers return it rather than have it accumulated: a leaf would be handed a copy of a gradient that
    lies over the logits, which the middle of a model is not.
    """

    case: LogitCase
    buffer: Tensor  # (N + B) rows of V
    token_ids_BL: Tensor
    advantages_B: Tensor
    mask_BL: Tensor
    coefficients_BL: Tensor  # of the weighted sum of log-probabilities
    old_log_probs_BL: Tensor
    destination_BLV: Tensor | None = None  # of the copy, which alone needs one

    def logits(self) -> Tensor:
        """The first N rows as `[B, L, V]`."""
        length = self.token_ids_BL.shape[1]
        rows = self.buffer[: SEQUENCES * length].view(SEQUENCES, length, -1)
        return rows.detach().requires_grad_(self.case.with_gradient)

    def logits_with_one_more(self) -> Tensor:
        """The same rows as `[B, L + 1, V]`, one more behind each sequence's last, as some peers want them."""
        return self.buffer.view(SEQUENCES, -1, self.buffer.shape[1]).detach().requires_grad_(self.case.with_gradient)

    def make_logits(self) -> None:
        """The logits as they were, and nothing left of a copy."""
        self.destination_BLV = None
        random = torch.Generator(device=self.buffer.device).manual_seed(0)
        rows_NV = self.buffer[: self.token_ids_BL.numel()]
        rows_NV.normal_(generator=random).mul_(_SCALE)
        if self.case.peaked:
            rows_NV.scatter_(1, self.token_ids_BL.reshape(-1, 1), math.log(rows_NV.shape[1]) + _SCALE**2 / 2 + _PEAK)

    def make_logits_with_one_more(self) -> None:
        """The same rows, moved apart to make room for one more behind each sequence, from the last on."""
        self.make_logits()
        length = self.token_ids_BL.shape[1]
        for index in reversed(range(1, SEQUENCES)):
            rows = self.buffer[index * length : (index + 1) * length].clone()
            self.buffer[index * (length + 1) : index * (length + 1) + length] = rows

    def make_logits_and_destination(self) -> None:
        """The logits, and memory of their size that has been written to before."""
        self.make_logits()
        self.destination_BLV = torch.zeros_like(self.logits(), requires_grad=False)

    def exact_logits(self) -> Tensor:
        """The very same numbers in fp64, to compute the truth from."""
        return self.logits().detach().double().requires_grad_(self.case.with_gradient)


def logit_inputs(case: LogitCase) -> LogitInputs:
    """Logits of standard deviation 3; ratios of about 1 ± 0.02 with a sequence's mean of 1, so that none is clipped."""
    if case.tokens % SEQUENCES:
        raise ValueError(f"{case.tokens} tokens are not a multiple of {SEQUENCES}, the number of sequences")
    length = case.tokens // SEQUENCES
    device, dtype = case.device, getattr(torch, case.dtype)
    random = torch.Generator(device=device).manual_seed(1)
    mask_BL = torch.ones(SEQUENCES, length, device=device)
    mask_BL[:, : length - round(case.unmasked * length)] = 0.0  # the prompts
    noise_BL = 0.02 * torch.randn(SEQUENCES, length, generator=random, device=device) * mask_BL
    noise_BL -= noise_BL.sum(1, keepdim=True) / mask_BL.sum(1, keepdim=True).clamp(min=1)
    inputs = LogitInputs(
        case,
        torch.zeros(case.tokens + SEQUENCES, case.vocabulary, dtype=dtype, device=device),
        torch.randint(case.vocabulary, (SEQUENCES, length), generator=random, device=device),
        torch.tensor([1.0, -0.5, 0.75, -1.25, 0.5, -1.0, 1.5, -0.25], device=device),
        mask_BL,
        torch.randn(SEQUENCES, length, generator=random, device=device),
        noise_BL,
    )
    inputs.make_logits()
    inputs.old_log_probs_BL += _log_probs(inputs)
    return inputs


def _log_probs(inputs: LogitInputs) -> Tensor:
    ids_N = inputs.token_ids_BL.reshape(-1)
    found = []
    for start in range(0, ids_N.numel(), _CHUNK):
        rows = slice(start, min(start + _CHUNK, ids_N.numel()))
        logits_TV = inputs.buffer[rows].float()
        found.append(-torch.nn.functional.cross_entropy(logits_TV, ids_N[rows], reduction="none"))
    return torch.cat(found).view_as(inputs.token_ids_BL)
