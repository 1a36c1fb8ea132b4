"""The three products with the head's weight, summed in fp32 (or fp64) whatever the inputs' dtype.

Names: T tokens, D hidden size, V vocabulary, or a block of it.
"""

from collections.abc import Iterator
from functools import cache

import torch
from torch import Tensor

from ..backend import use_triton

# Weights, and gradients of logits, of another dtype than the product's are converted a slab of the vocabulary at a
# time: this many numbers of the weight.
_SLAB_NUMBERS = 1 << 22


def project(
    hidden_TD: Tensor,
    weight_VD: Tensor,
    bias_V: Tensor | None,
    *,
    out: Tensor,
    thin: tuple[Tensor, Tensor] | None = None,
    near_T: Tensor | None = None,
) -> Tensor:
    """`out = hidden @ weight.T + bias`, in out's dtype; `+ left @ right.T` with `thin = (left, right)` of that dtype.

    With `near` (bf16), and where the CPU multiplies bf16, each logit's distance to its row's `near` is rounded to bf16:
    the CPU's bf16 products have no fp32 result, and fp32 ones take more than twice the time.
    """
    if near_T is not None and has_narrow_products(hidden_TD, weight_VD):
        for rows in _slabs(weight_VD):
            distances_TV = (-near_T[:, None]).repeat(1, weight_VD[rows].shape[0])
            if thin is None:
                out[:, rows] = distances_TV.addmm_(hidden_TD, weight_VD[rows].t())
                continue
            # What is rounded is the whole logit's distance; what the start lost when it was rounded is put back.
            start_TV = torch.addmm(-near_T[:, None].to(out.dtype), thin[0], thin[1][rows].t())
            distances_TV.copy_(start_TV)
            start_TV -= distances_TV
            out[:, rows] = start_TV.add_(distances_TV.addmm_(hidden_TD, weight_VD[rows].t()))
        out += near_T[:, None]
        thin = None
    elif hidden_TD.dtype == weight_VD.dtype == out.dtype:
        torch.mm(hidden_TD, weight_VD.t(), out=out)
    elif _has_wide_sums(hidden_TD, weight_VD, out.dtype):
        torch.mm(hidden_TD, weight_VD.t(), out_dtype=out.dtype, out=out)
    else:
        hidden_TD = hidden_TD.to(out.dtype)
        for rows in _slabs(weight_VD):
            torch.mm(hidden_TD, weight_VD[rows].to(out.dtype).t(), out=out[:, rows])
    if thin is not None:
        out.addmm_(thin[0], thin[1].t())
    return out if bias_V is None else out.add_(bias_V)


def back_to_hidden(grad_logits_TV: Tensor, weight_VD: Tensor, dtype: torch.dtype, *, like: Tensor) -> Tensor:
    """`grad_logits @ weight`, in `dtype`; as exact as the hidden states' own dtype (that of `like`) can tell."""
    if grad_logits_TV.dtype == weight_VD.dtype == dtype:
        return torch.mm(grad_logits_TV, weight_VD)
    if _has_wide_sums(grad_logits_TV, weight_VD, dtype):
        return torch.mm(grad_logits_TV, weight_VD, out_dtype=dtype)
    wide = torch.promote_types(dtype, torch.float32)
    narrow = has_narrow_products(like, weight_VD)
    grad_hidden_TD = torch.zeros(grad_logits_TV.shape[0], weight_VD.shape[1], dtype=wide, device=weight_VD.device)
    for rows in _slabs(weight_VD):
        if narrow:
            grad_hidden_TD += torch.mm(grad_logits_TV[:, rows].to(weight_VD.dtype), weight_VD[rows])
        else:
            grad_hidden_TD.addmm_(grad_logits_TV[:, rows].to(wide), weight_VD[rows].to(wide))
    return grad_hidden_TD.to(dtype)


def add_to_weight(
    grad_weight_VD: Tensor, grad_logits_TV: Tensor, hidden_TD: Tensor, *, overwrite: bool = False
) -> None:
    """`grad_weight += grad_logits.T @ hidden`, in grad_weight's dtype; with `overwrite`, `=`."""
    dtype = grad_weight_VD.dtype
    if overwrite and grad_logits_TV.dtype == hidden_TD.dtype == dtype:
        torch.mm(grad_logits_TV.t(), hidden_TD, out=grad_weight_VD)
    elif _has_wide_sums(grad_logits_TV, hidden_TD, dtype):
        if overwrite:
            torch.mm(grad_logits_TV.t(), hidden_TD, out_dtype=dtype, out=grad_weight_VD)
        else:
            torch.addmm(grad_weight_VD, grad_logits_TV.t(), hidden_TD, out_dtype=dtype, out=grad_weight_VD)
    elif overwrite and dtype == hidden_TD.dtype and has_narrow_products(hidden_TD, hidden_TD):
        for rows in _slabs(grad_weight_VD):
            torch.mm(grad_logits_TV[:, rows].to(dtype).t(), hidden_TD, out=grad_weight_VD[rows])
    else:
        wide = torch.promote_types(dtype, torch.float32)
        hidden_TD = hidden_TD.to(wide)
        for rows in [slice(None)] if grad_logits_TV.dtype == dtype == wide else _slabs(grad_weight_VD):
            grad_logits_VT = grad_logits_TV[:, rows].t().to(wide)
            if overwrite and dtype == wide:
                torch.mm(grad_logits_VT, hidden_TD, out=grad_weight_VD[rows])
            elif overwrite:
                grad_weight_VD[rows] = torch.mm(grad_logits_VT, hidden_TD)
            else:
                grad_weight_VD[rows].addmm_(grad_logits_VT, hidden_TD)


def has_narrow_products(left: Tensor, right: Tensor) -> bool:
    """Whether the CPU multiplies these matrices as they are, in bf16, and faster than in fp32.

    Not where Triton's interpreter does the rows: then the CPU stands for a GPU.
    """
    bf16_on_cpu = left.dtype == right.dtype == torch.bfloat16 and left.device.type == "cpu"
    return bf16_on_cpu and _cpu_multiplies_bf16() and not use_triton(left, torch.float32)


@cache
def _cpu_multiplies_bf16() -> bool:
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _has_wide_sums(left: Tensor, right: Tensor, dtype: torch.dtype) -> bool:
    """Whether cuBLAS multiplies these 16-bit matrices into fp32 by itself."""
    narrow = left.dtype == right.dtype and left.dtype.itemsize == 2
    return left.is_cuda and torch.version.hip is None and narrow and dtype == torch.float32


def _slabs(weight_VD: Tensor) -> Iterator[slice]:
    rows = max(1, _SLAB_NUMBERS // max(1, weight_VD.shape[1]))
    for start in range(0, weight_VD.shape[0], rows):
        yield slice(start, start + rows)
