"""Where one chunk of logits after the other stands, and its gradient."""

import torch
from torch import Tensor

from ..backend import use_triton
from .linear_head import LinearHead


class LogitBuffer:
    """One piece of memory for all chunks.

    The gradient goes over the logits, unless both products that follow take bf16 where the logits are fp32 and the
    kernels write bf16 themselves: then it has memory of its own. (fp16 is not such a case: 1e-8 would be lost in it.)
    """

    def __init__(self, head: LinearHead, numbers: int, *, with_gradient: bool = True) -> None:
        device = head.weight_VD.device
        self._logits = torch.empty(numbers, dtype=head.compute_dtype, device=device)
        takes_bf16 = head.weight_VD.dtype == head.hidden_TD.dtype == torch.bfloat16
        apart = with_gradient and takes_bf16 and use_triton(self._logits, head.compute_dtype)
        self._gradient = torch.empty(numbers, dtype=torch.bfloat16, device=device) if apart else self._logits

    def rows(self, rows: int, columns: int) -> tuple[Tensor, Tensor]:
        """`[rows, columns]` for logits and for their gradient, which may be the same."""
        shape = rows, columns
        logits = self._logits[: rows * columns].view(shape)
        if self._gradient is self._logits:
            return logits, logits
        return logits, self._gradient[: rows * columns].view(shape)
