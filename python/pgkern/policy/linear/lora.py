"""A LoRA adapter of the head, checked, as the two matrices that the passes multiply by.

Names: D hidden size, V vocabulary, K the adapter's rank.
"""

import math
from numbers import Real
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...require_instance import require_instance
from .gathered_weight import gathered

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

Lora = tuple[Tensor, Tensor, float]  # [r, D], [V, r], scaling


def down_and_up(
    lora: Lora | None, weight: Tensor, dtype: torch.dtype, process_group: "ProcessGroup | None" = None
) -> tuple[Tensor, Tensor] | tuple[None, None]:
    """`scaling * lora_A` and `lora_B`, in `dtype`, by autograd.

    That dtype is fp32 at least, also where the adapter or the hidden states are bf16: two matrices this thin are cheap
    to convert, and neither `hidden @ lora_A.T` nor the logits' change is rounded then.

    Raises:
        ValueError: not a LoRA adapter of this weight, with the numbers.
    """
    if lora is None:
        return None, None
    if not isinstance(lora, tuple) or len(lora) != 3:
        raise ValueError(f"lora must be None or (lora_A, lora_B, scaling), got {type(lora).__name__}: {lora!r:.200}")
    lora_a, lora_b, scaling = lora
    (vocabulary, size), shapes = weight.shape, f"lora_A [r, D] and lora_B [V, r] of weight's {list(weight.shape)}"
    for name, tensor in (("lora_A", lora_a), ("lora_B", lora_b)):
        require_instance(name, tensor, Tensor)
        if not tensor.is_floating_point():
            raise ValueError(f"{name} must be floating point, got {tensor.dtype}")
        if tensor.device != weight.device:
            raise ValueError(f"{name} is on {tensor.device}, weight on {weight.device}")
        if tensor.dim() != 2:
            raise ValueError(f"{name} has shape {list(tensor.shape)}, expected {shapes}")
    if lora_a.shape[1] != size or lora_b.shape[0] != vocabulary or lora_a.shape[0] != lora_b.shape[1]:
        raise ValueError(f"lora_A has shape {list(lora_a.shape)} and lora_B {list(lora_b.shape)}, expected {shapes}")
    if isinstance(scaling, bool) or not isinstance(scaling, Real) or not -math.inf < scaling < math.inf:
        raise ValueError(f"lora's scaling must be a finite number, got {scaling!r}")
    lora_a, lora_b = gathered(lora_a, process_group), gathered(lora_b, process_group)
    return lora_a.to(dtype) * scaling, lora_b.to(dtype)
