"""The three products with the head's weight, in fp32 (or fp64) whatever the inputs' dtype.

Names: T tokens of one chunk, D hidden size, V vocabulary.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

# Weights of another dtype than the sum's are converted a slab of rows at a time: this many numbers.
_SLAB_NUMBERS = 1 << 23


def project(hidden_TD: Tensor, weight_VD: Tensor, bias_V: Tensor | None, *, out: Tensor) -> Tensor:
    """`out = hidden @ weight.T + bias`, in out's dtype."""
    if hidden_TD.dtype == weight_VD.dtype == out.dtype:
        torch.mm(hidden_TD, weight_VD.t(), out=out)
    elif _has_wide_sums(hidden_TD, weight_VD, out.dtype):
        torch.mm(hidden_TD, weight_VD.t(), out_dtype=out.dtype, out=out)
    else:
        hidden_TD = hidden_TD.to(out.dtype)
        for rows in _slabs(weight_VD):
            torch.mm(hidden_TD, weight_VD[rows].to(out.dtype).t(), out=out[:, rows])
    return out if bias_V is None else out.add_(bias_V)


def back_to_hidden(grad_logits_TV: Tensor, weight_VD: Tensor, dtype: torch.dtype) -> Tensor:
    """`grad_logits @ weight`, summed in `dtype`."""
    if grad_logits_TV.dtype == weight_VD.dtype == dtype:
        return torch.mm(grad_logits_TV, weight_VD)
    if _has_wide_sums(grad_logits_TV, weight_VD, dtype):
        return torch.mm(grad_logits_TV, weight_VD, out_dtype=dtype)
    grad_hidden_TD = torch.zeros(grad_logits_TV.shape[0], weight_VD.shape[1], dtype=dtype, device=weight_VD.device)
    for rows in _slabs(weight_VD):
        grad_hidden_TD.addmm_(grad_logits_TV[:, rows].to(dtype), weight_VD[rows].to(dtype))
    return grad_hidden_TD


def add_to_weight(
    grad_weight_VD: Tensor, grad_logits_TV: Tensor, hidden_TD: Tensor, *, overwrite: bool = False
) -> None:
    """`grad_weight += grad_logits.T @ hidden`, in grad_weight's dtype; with `overwrite`, `=`."""
    dtype = grad_weight_VD.dtype
    grad_logits_VT = grad_logits_TV.t()
    if _has_wide_sums(grad_logits_TV, hidden_TD, dtype):
        if overwrite:
            torch.mm(grad_logits_VT, hidden_TD, out_dtype=dtype, out=grad_weight_VD)
        else:
            torch.addmm(grad_weight_VD, grad_logits_VT, hidden_TD, out_dtype=dtype, out=grad_weight_VD)
    elif overwrite:
        torch.mm(grad_logits_VT.to(dtype), hidden_TD.to(dtype), out=grad_weight_VD)
    else:
        grad_weight_VD.addmm_(grad_logits_VT.to(dtype), hidden_TD.to(dtype))


def _has_wide_sums(left: Tensor, right: Tensor, dtype: torch.dtype) -> bool:
    """Whether cuBLAS multiplies these 16-bit matrices into fp32 by itself."""
    narrow = left.dtype == right.dtype and left.dtype.itemsize == 2
    return left.is_cuda and torch.version.hip is None and narrow and dtype == torch.float32


def _slabs(weight_VD: Tensor) -> Iterator[slice]:
    rows = max(1, _SLAB_NUMBERS // max(1, weight_VD.shape[1]))
    for start in range(0, weight_VD.shape[0], rows):
        yield slice(start, start + rows)
