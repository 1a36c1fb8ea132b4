"""Logits on a CPU that multiplies bf16 but sums it into bf16 only: what is rounded is their distance to the largest.

Names: R rows, D hidden size, V vocabulary.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .linear_chunks import longest_chunk
from .linear_head import LinearHead
from .linear_products import has_narrow_products
from .low_rank import LowRank

# Rows of the weight that are looked at to find about where the largest logit lies: one in so many, and no more numbers.
_SAMPLE, _SAMPLE_NUMBERS = 64, 1 << 23


def rounds_logits(head: LinearHead, rows: int, chunk_tokens: int | None) -> bool:
    """Only beyond one chunk, where fp32 products would cost much more time than the bf16 ones of plain torch."""
    if head.exact or not head.weight_VD.shape[0] or not has_narrow_products(head.hidden_TD, head.weight_VD):
        return False
    return rows > longest_chunk(head.weight_VD.shape[0], head.compute_dtype, head.weight_VD.device, chunk_tokens)


@dataclass(frozen=True, slots=True)
class NearRows:
    """What is known of every row before its logits are."""

    near_R: Tensor  # exact in bf16; the row's likeliest tokens' logits lie close to it
    own_R: Tensor  # its own token's logit, not rounded and without bias; any value where another rank has the token

    @classmethod
    def of(cls, head: LinearHead, hidden_RD: Tensor, low_rank: LowRank | None, ids_R: Tensor) -> "NearRows":
        """A distance to `near` keeps its digits in bf16 if it is small; those of unlikely tokens are not missed."""
        dtype = head.compute_dtype
        hidden_RD = hidden_RD.to(dtype)
        vocabulary = head.weight_VD.shape[0]
        step = max(_SAMPLE, hidden_RD.shape[0] * vocabulary // _SAMPLE_NUMBERS)
        sample_RV = hidden_RD @ head.weight_VD[::step].to(dtype).t()
        ids_R = ids_R.clamp(0, vocabulary - 1)
        own_R = torch.linalg.vecdot(hidden_RD, head.weight_VD[ids_R].to(dtype))
        if low_rank is not None:
            low_RK, up_VK = low_rank.factors()
            sample_RV.addmm_(low_RK, up_VK[::step].t())
            own_R += torch.linalg.vecdot(low_RK, up_VK[ids_R])
        near_R = torch.maximum(sample_RV.amax(1), own_R)
        if head.softcap is not None:
            near_R = near_R.clamp(-head.softcap, head.softcap)  # beyond the cap no logit's digits matter
        return cls(near_R.to(torch.bfloat16), own_R)

    def keep_below_(self, logits_RV: Tensor, largest_R: Tensor, softcap: float | None) -> None:
        """No logit is above the largest that the first pass found.

        Products of other shapes may round one otherwise, and e to the power of what huge logits are rounded by is far
        above any probability.
        """
        if softcap is not None:
            largest_R = softcap * (largest_R / softcap).atanh()
        logits_RV.clamp_(max=largest_R[:, None])

    def log_probs(
        self, head: LinearHead, ids_R: Tensor, temperature_R: Tensor, largest_R: Tensor, log_sums_R: Tensor
    ) -> Tensor:
        """Of the rows' own tokens, whose logits are not rounded; NaN where the weight has no row for one."""
        vocabulary = head.weight_VD.shape[0]
        inside_R = (ids_R >= 0) & (ids_R < vocabulary)
        logits_R = self.own_R if head.bias_V is None else self.own_R + head.bias_V[ids_R.clamp(0, vocabulary - 1)]
        if head.softcap is not None:
            logits_R = head.softcap * (logits_R / head.softcap).tanh()
        log_probs_R = (logits_R - largest_R) / temperature_R - log_sums_R
        # Of a certain token the sum's rounding could make a little more than certain.
        return log_probs_R.clamp(max=0).where(inside_R, torch.nan)
